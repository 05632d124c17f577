"""Durations and sizes as config.json writes them."""

from plotpost import units


def refusal(function, text):
    try:
        function(text)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{text!r} was accepted")


def test_every_unit_of_time_gives_milliseconds():
    for text, ms in (("500ms", 500), ("5s", 5000), ("1m", 60000), ("2h", 7200000), ("007s", 7000)):
        assert units.milliseconds(text) == ms


def test_every_unit_of_size_gives_bytes():
    for text, count in (("64B", 64), ("4KiB", 4096), ("1MiB", 1048576)):
        assert units.size(text) == count


def test_anything_else_is_refused_with_the_allowed_forms():
    for text in ("", "5", "s", "5 s", "5S", "-5s", "1.5s", "5sec", "5d", "s5", "5s ", "²s", 5, 5.0, None, ["5s"], True):
        assert refusal(units.milliseconds, text) == f'{text!r} is not a whole number from 1 and ms, s, m or h, such as "5s"'
    for text in ("4", "KiB", "4kib", "4KB", "4 KiB", "-1B", "1.5KiB", "²B", 4096, None):
        assert refusal(units.size, text) == f'{text!r} is not a whole number from 1 and B, KiB or MiB, such as "4KiB"'


def test_nothing_at_all_is_no_duration_and_no_size():
    assert "from 1" in refusal(units.milliseconds, "0s")
    assert "from 1" in refusal(units.size, "000KiB")


def test_the_limits_are_six_days_and_the_largest_small_integer():
    assert units.milliseconds("144h") == 518400000
    assert refusal(units.milliseconds, "145h") == "'145h' is too much, at most \"144h\""
    assert refusal(units.milliseconds, "518400001ms") == "'518400001ms' is too much, at most \"144h\""
    assert units.size("1023MiB") == 1072693248
    assert refusal(units.size, "1024MiB") == "'1024MiB' is too much, at most \"1023MiB\""
    assert "too much" in refusal(units.milliseconds, "9" * 1000 + "s")
