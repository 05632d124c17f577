"""line.py: a record to a JSON line, on MicroPython and on CPython."""

import json

from plotpost.line import NO_DATE, Encoder, digits, number
from plotpost.port import byte_stream
from plotpost.spool import NO_VALUE, VALUE_MAX


class Channel:
    def __init__(self, decimals, token="abcdefghij"):
        self.decimals = decimals
        self.token = token


class Record:
    """A record as a spool loads it."""

    def __init__(self, channel, day, ms, value):
        self.channel = channel
        self.day = day
        self.ms = ms
        self.value = value


class Bench:
    """An encoder and what it writes to."""

    def __init__(self, channels, multiplexed):
        self.out = byte_stream(200)
        self.encoder = Encoder(self.out, channels, multiplexed)

    def line(self, *record):
        self.out.seek(0)
        self.encoder.line(Record(*record))
        text = written(self.out)
        assert len(text) <= self.encoder.longest
        return text


def written(out):
    """What was written since the last seek(0)."""
    end = out.tell()
    out.seek(0)
    return out.read(end).decode()


def test_a_line_is_a_date_in_utc_and_a_number():
    bench = Bench([Channel(2)], False)
    assert bench.line(0, 20781, 12721500, 2137) == '{"x":"2026-11-24T03:32:01.500Z","y":21.37}\n'


def test_with_several_tokens_each_line_names_its_own():
    bench = Bench([Channel(0), Channel(1, "klmnopqrst")], True)
    assert bench.line(1, 0, 86399999, -5) == '{"x":"1970-01-01T23:59:59.999Z","y":-0.5,"streamtoken":"klmnopqrst"}\n'


def test_no_value_is_null():
    bench = Bench([Channel(2)], False)
    assert json.loads(bench.line(0, 20781, 0, NO_VALUE))["y"] is None


def test_a_reading_without_a_date_says_so():
    bench = Bench([Channel(1), Channel(1, "klmnopqrst")], True)
    assert bench.line(1, NO_DATE, 5, 7) == '{"x":"arrival","y":0.7,"streamtoken":"klmnopqrst"}\n'


def test_the_stamp_follows_every_change_of_day_and_second():
    bench = Bench([Channel(0)], False)
    for day, ms, text in (
        (20781, 999, "2026-11-24T00:00:00.999Z"),
        (20781, 1000, "2026-11-24T00:00:01.000Z"),
        (20781, 86399000, "2026-11-24T23:59:59.000Z"),
        (20782, 86399000, "2026-11-25T23:59:59.000Z"),
        (20782, 3600000, "2026-11-25T01:00:00.000Z"),
        (20781, 3600000, "2026-11-24T01:00:00.000Z"),
    ):
        assert json.loads(bench.line(0, day, ms, 1))["x"] == text


def test_numbers_are_exact_at_every_scale():
    out = byte_stream(20)
    for value in (0, 1, -1, 9, 10, 99, 100, 12345, -12345, 999999999, 1000000000, VALUE_MAX, -VALUE_MAX):
        for decimals in range(10):
            out.seek(0)
            number(out, value, 10**decimals, "")
            text = written(out)
            sign, _, magnitude = text.rpartition("-")
            whole, _, fraction = magnitude.partition(".")
            assert len(fraction) == decimals
            assert int(whole + fraction) == abs(value)
            assert bool(sign or text.startswith("-")) == (value < 0)
            assert whole == "0" or not whole.startswith("0")
            json.loads(text)


def test_no_line_is_longer_than_the_longest():
    for multiplexed in (False, True):
        lengths = []
        for decimals in range(10):
            bench = Bench([Channel(decimals)], multiplexed)
            for value in (0, -1, -VALUE_MAX, NO_VALUE):
                lengths.append(len(bench.line(0, 65535, 86399999, value)))
        assert max(lengths) == bench.encoder.longest


def test_digits_are_padded():
    buf = bytearray(b"xxxxxx")
    digits(buf, 1, 4, 42)
    assert bytes(buf) == b"x0042x"


def test_a_line_touches_the_heap_not_even_for_a_moment():
    try:
        from micropython import mem_total
    except ImportError:
        return  # CPython; the same file runs on MicroPython
    bench = Bench([Channel(2), Channel(0, "klmnopqrst")], True)
    records = [Record(n & 1, 20781, n * 861000, -n * 1000003) for n in range(100)]
    records.append(Record(0, NO_DATE, 0, NO_VALUE))
    encoder, out = bench.encoder, bench.out

    def write_all():
        before = mem_total()
        for record in records:
            out.seek(0)
            encoder.line(record)
        return mem_total() - before

    write_all()
    assert write_all() == 0
