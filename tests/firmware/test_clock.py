"""clock.py: days and milliseconds, on MicroPython and on CPython."""

from plotpost import clock as module
from plotpost.clock import DAY_MS, Clock, date, day_number


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
        assert day_number(year, month, day) == number


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


class Bed:
    """A clock without a system behind it, whose ticks the test moves."""

    def __init__(self):
        self.real = module.ticks_ms, module.SYSTEM_CLOCK
        self.now = 0
        module.ticks_ms = lambda: self.now
        module.SYSTEM_CLOCK = False
        self.clock = Clock()

    def after(self, ms):
        """The clock's time `ms` later, as milliseconds since 1970."""
        self.now += ms
        self.clock.tick()
        return self.clock.day * DAY_MS + self.clock.ms

    def close(self):
        module.ticks_ms, module.SYSTEM_CLOCK = self.real


NOON = 20781 * DAY_MS + DAY_MS // 2


def test_what_was_taken_before_the_clock_was_known_is_dated_afterwards():
    bed = Bed()
    try:
        assert not bed.clock.known
        bed.after(5000)
        bed.clock.hear(20781 * DAY_MS + 2000)  # two seconds past midnight
        assert bed.clock.known
        bed.clock.stamp(0, 1000)
        assert (bed.clock.day, bed.clock.ms) == (20780, DAY_MS - 2000)
        assert bed.after(1500) == 20781 * DAY_MS + 3500
    finally:
        bed.close()


def test_a_correction_does_not_date_what_was_taken_before_the_clock_was_known_behind_what_came_after():
    for correction in (60000, -60000):
        bed = Bed()
        try:
            bed.after(5000)
            bed.clock.hear(NOON)
            known = bed.after(1)
            bed.clock.hear(NOON + correction)
            bed.after(2000)
            bed.clock.stamp(0, 4999)
            assert bed.clock.day * DAY_MS + bed.clock.ms == known - 2
        finally:
            bed.close()


def test_an_endpoint_that_says_nothing_changes_nothing():
    bed = Bed()
    try:
        bed.clock.hear(None)
        assert not bed.clock.known
    finally:
        bed.close()


def test_a_clock_that_is_behind_is_set_at_once():
    bed = Bed()
    try:
        bed.clock.hear(NOON)
        bed.clock.hear(NOON + 60000)
        assert bed.clock.error == 60000
        assert bed.after(10) == NOON + 60010
    finally:
        bed.close()


def test_a_clock_that_is_ahead_never_goes_back_and_ends_up_right():
    bed = Bed()
    try:
        bed.clock.hear(NOON + 60000)
        bed.clock.hear(NOON)
        assert bed.clock.error == -60000
        last = bed.after(0)
        for _ in range(1300):
            time_now = bed.after(100)
            assert time_now > last
            last = time_now
        assert last == NOON + 130000
    finally:
        bed.close()


def test_a_delay_on_the_way_is_no_error():
    bed = Bed()
    try:
        bed.clock.hear(NOON)
        for error in (-500, 300, 500):
            bed.clock.hear(NOON + error)
            assert bed.after(0) == NOON
    finally:
        bed.close()


def test_a_year_of_error_is_survived():
    bed = Bed()
    try:
        bed.clock.hear(NOON)
        bed.clock.hear(NOON - 366 * DAY_MS)
        assert bed.after(1000) >= NOON
        bed.clock.hear(NOON + 366 * DAY_MS)
        assert bed.after(0) == NOON + 366 * DAY_MS
    finally:
        bed.close()


def test_a_machine_that_keeps_time_is_believed_before_the_endpoint():
    kept, module.SYSTEM_CLOCK = module.SYSTEM_CLOCK, True
    try:
        clock = Clock()
        before = module.utc_ms()
        clock.hear(NOON)
        after = module.utc_ms()
    finally:
        module.SYSTEM_CLOCK = kept
    assert before <= clock.day * DAY_MS + clock.ms <= after


def test_a_tick_allocates_nothing_also_while_it_loses_time():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        return  # CPython; the same file runs on MicroPython
    clock = Clock()
    clock.hear(NOON)
    clock._ahead = 1000
    heap_lock()
    for _ in range(100):
        clock.tick()
    heap_unlock()
    assert clock.known


def test_a_clock_goes_on_over_a_deep_sleep_whether_it_knew_the_time_or_not():
    for utc in (None, 1795507378719):
        bed = Bed()
        try:
            bed.clock.hear(utc)
            before = bed.after(5000)
            carried = bed.clock.carry(600000)
            bed.now = 123  # the chip's ticks begin anew
            bed.clock = Clock()
            bed.clock.resume(carried)
            assert bed.after(7) == before + 600000 + 123 + 7  # what passed from its reset to this line counts too
            assert bed.clock.known == (utc is not None)
        finally:
            bed.close()


def test_a_time_before_the_sleep_is_dated_by_what_is_heard_after_it():
    bed = Bed()
    try:
        bed.after(2000)  # a reading is taken: day 0, millisecond 2000
        carried = bed.clock.carry(600000)
        bed.now = 0
        bed.clock = Clock()
        bed.clock.resume(carried)
        bed.clock.hear(1795507378719)
        bed.clock.stamp(0, 2000)
        assert bed.clock.day * DAY_MS + bed.clock.ms == 1795507378719 - 600000
    finally:
        bed.close()
