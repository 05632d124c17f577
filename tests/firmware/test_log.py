"""What goes out on the serial port."""

import gc

from plotpost import log


class Captured:
    """Within it log lines are collected and the uptime stands still."""

    def __init__(self, level=log.INFO, uptime=(12, 34)):
        self.lines = []
        self._level = level
        self._uptime = uptime

    def __enter__(self):
        self._saved = log.write, log.level, log.uptime
        log.write, log.level, log.uptime = self.lines.append, self._level, lambda: self._uptime
        return self.lines

    def __exit__(self, *_):
        log.write, log.level, log.uptime = self._saved


def raised(exc):
    try:
        raise exc
    except Exception as error:
        return error


def test_a_line_is_uptime_level_module_and_message():
    with Captured(log.DEBUG) as lines:
        log.debug("spool", "one")
        log.info("stream", "two")
        log.warning("plot", "three")
        log.error("agent", "four")
    assert lines == ["12.034 D spool one", "12.034 I stream two", "12.034 W plot three", "12.034 E agent four"]


def test_values_are_filled_in_where_the_message_says():
    with Captured() as lines:
        log.info("stream", "{} of {} readings, {}", 3, 4, "more")
        log.info("stream", "{}", 0)
        log.info("stream", "{}", None)
    assert lines == ["12.034 I stream 3 of 4 readings, more", "12.034 I stream 0", "12.034 I stream None"]


def test_a_message_without_values_may_hold_braces_and_percent_signs():
    with Captured() as lines:
        log.info("stream", 'answer: {"error": "100%"} {}')
    assert lines == ['12.034 I stream answer: {"error": "100%"} {}']


def test_levels_below_the_chosen_one_are_silent():
    for level, expected in ((log.DEBUG, "DIWE"), (log.INFO, "IWE"), (log.WARNING, "WE"), (log.ERROR, "E")):
        with Captured(level) as lines:
            for write in (log.debug, log.info, log.warning, log.error):
                write("m", "x")
        assert "".join([line.split()[1] for line in lines]) == expected


def test_a_silent_level_allocates_nothing():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:  # CPython: what remains is that the call does nothing
        heap_lock = heap_unlock = lambda: None
    with Captured() as lines:
        heap_lock()
        try:
            log.debug("stream", "{} of {}", 1, 2)
        finally:
            heap_unlock()
    assert lines == []


def test_a_line_stays_one_line_of_printable_ascii():
    with Captured() as lines:
        log.info("stream", "21 °C\r\nI am\ta forged\x1b[31m line\x00\x7f")
    assert lines == ["12.034 I stream 21 ?C??I am?a forged?[31m line??"]


def test_a_line_with_its_line_end_has_at_most_160_bytes_and_shows_that_it_was_cut():
    with Captured() as lines:
        log.info("stream", "x" * 142)
        log.info("stream", "x" * 143)
        log.info("stream", "°" * 500)
    assert [len(line + "\r\n") for line in lines] == [160, 160, 160]
    assert not lines[0].endswith("...")
    assert lines[1].endswith("xxx...")
    assert lines[2].endswith("???...")


def test_the_default_uptime_counts_from_the_start_of_the_program():
    first = log.uptime()
    second = log.uptime()
    assert (0, 0) <= first <= second < (3600, 0)
    assert 0 <= second[1] < 1000


def test_an_exception_is_told_by_kind_and_place_and_never_by_its_text():
    with Captured() as lines:
        log.exception("stream", raised(ValueError("the token is abcdefghij")))
    start = "12.034 E stream ValueError at test_log.py:"
    assert lines[0].startswith(start), lines
    assert lines[0][len(start) :].isdigit(), lines


def test_an_exception_of_the_system_is_told_with_its_number():
    with Captured() as lines:
        log.exception("stream", raised(OSError(104, "secret")))
        log.exception("stream", raised(OSError("secret")))
    assert "Error 104 at test_log.py:" in lines[0], lines  # CPython makes a ConnectionResetError of 104
    assert "Error at test_log.py:" in lines[1], lines
    assert "secret" not in lines[0] + lines[1]


def test_an_exception_without_a_traceback_is_still_told():
    with Captured() as lines:
        log.exception("stream", ValueError("x"))
    assert lines == ["12.034 E stream ValueError at an unknown place"]


def test_a_broken_output_does_not_stop_the_caller():
    def broken(line):
        raise OSError(32)

    with Captured():
        log.write = broken
        log.info("stream", "nobody reads this")


def test_a_line_for_which_there_is_no_memory_does_not_stop_the_caller():
    class Large:
        def __str__(self):
            raise MemoryError

    with Captured() as lines:
        log.info("stream", "{}", Large())
    assert lines == []


def test_a_line_leaves_nothing_in_memory_whatever_its_characters_are():
    held = getattr(gc, "mem_alloc", int)  # CPython does not tell, and has room
    every = bytes(range(32, 127)).decode()
    with Captured() as lines:
        log.info("stream", "x")
        lines.clear()
        gc.collect()
        before = held()
        log.info("stream", every)
        assert lines.pop() == "12.034 I stream " + every
        gc.collect()
        assert held() <= before
