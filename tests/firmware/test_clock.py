"""clock.py: days and milliseconds, on MicroPython and on CPython."""

import time

from plotpost import clock as module
from plotpost.clock import DAY_MS, Clock, date


def test_a_date_is_the_gregorian_calendar():
    assert date(0) == (1970, 1, 1)
    assert date(11016) == (2000, 2, 29)
    assert date(20781) == (2026, 11, 24)
    assert date(47540) == (2100, 2, 28)
    assert date(47541) == (2100, 3, 1)


def test_every_day_of_two_centuries_follows_the_day_before():
    lengths = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    year, month, day = date(0)
    for number in range(1, 73000):
        leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        day += 1
        if day > lengths[month - 1] + leap:
            day = 1
            month += 1
        if month > 12:
            month = 1
            year += 1
        assert date(number) == (year, month, day)


def with_ticks(sequence):
    """A clock whose ticks are the given ones."""
    ticks = iter(sequence)
    module.ticks_ms = lambda: next(ticks)


def test_uptime_goes_on_over_the_wrap_of_the_ticks():
    real = module.ticks_ms
    try:
        with_ticks([(1 << 30) - 500, 700])
        clock = Clock()
        clock.tick()
        assert (clock.day, clock.ms) == (0, 1200)
    finally:
        module.ticks_ms = real


def test_uptime_carries_into_days():
    real = module.ticks_ms
    try:
        with_ticks([0, DAY_MS - 1, DAY_MS + 2, 3 * DAY_MS])
        clock = Clock()
        clock.tick()
        assert (clock.day, clock.ms) == (0, DAY_MS - 1)
        clock.tick()
        assert (clock.day, clock.ms) == (1, 2)
        assert clock.uptime() == (3 * 86400, 0)
    finally:
        module.ticks_ms = real


def test_set_gives_utc_and_stamps_what_was_taken_before():
    real = module.ticks_ms
    try:
        with_ticks([0, 5000, 5000, 6500])
        clock = Clock()
        assert not clock.known
        clock.set(20781 * DAY_MS + 2000)  # two seconds past midnight, five seconds after boot
        assert clock.known
        assert (clock.day, clock.ms) == (20781, 2000)
        clock.stamp(0, 1000)
        assert (clock.day, clock.ms) == (20780, DAY_MS - 2000)
        clock.tick()
        assert (clock.day, clock.ms) == (20781, 3500)
    finally:
        module.ticks_ms = real


def test_the_systems_clock_is_taken_by_default():
    clock = Clock()
    before = time.time()
    clock.set()
    after = time.time()
    seconds = clock.day * 86400 + clock.ms / 1000
    assert before - 1 <= seconds <= after + 1
