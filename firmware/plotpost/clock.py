"""Uptime and UTC, kept as a day and a millisecond of that day so that no number leaves the small integers.

MicroPython's small integers end at 2**30 on 32-bit chips; milliseconds since 1970, and even seconds, are beyond that and would be
a heap object at each reading.

A board has no clock that outlasts the power. It takes the time from the endpoint's answers, which needs neither NTP nor the
internet. UTC never goes back: a clock that was ahead runs at half speed until it is right.
"""

from plotpost.port import SYSTEM_CLOCK, booted, const, ticks_diff, ticks_ms, utc_ms

DAY_MS = const(86400000)
_TOLERANCE_MS = const(500)  # an answer may have been that long under way
_ERROR_MAX_MS = const(1073741823)


class Clock:
    """Time since boot, and UTC once it is known.

    `day`, `ms`: the time of the last `tick()`. UTC days since 1970 when `known`, else days since boot. `error`: by how many
    milliseconds it was behind (ahead: negative) when it was last compared.
    """

    def __init__(self):
        self.known = False
        self.error = 0
        self.day = 0
        self.ms = 0
        self._ticks = ticks_ms()
        self._up_day = 0
        self._up_ms = 0
        self._boot_day = 0  # when it booted, in UTC
        self._boot_ms = 0
        self._first_day = 0  # the same, as it was known first
        self._first_ms = 0
        self._ahead = 0  # milliseconds still to lose

    def tick(self):
        """Bring `day` and `ms` to now. Call it at least every six days: `ticks_ms` wraps (MicroPython's `time.ticks_diff`)."""
        now = ticks_ms()
        passed = ticks_diff(now, self._ticks)
        self._ticks = now
        if self._ahead:
            self._lose(min(self._ahead, passed // 2))
        ms = self._up_ms + passed
        while ms >= DAY_MS:
            ms -= DAY_MS
            self._up_day += 1
        self._up_ms = ms
        self._show(self._up_day + self._boot_day, ms + self._boot_ms)

    def stamp(self, day, ms):
        """Turn a time since boot into UTC, left in `day` and `ms`; for records that were taken before the clock was known.

        What it was set to first counts: a later correction would put them behind readings that are dated already.
        """
        self._show(day + self._first_day, ms + self._first_ms)

    def _show(self, day, ms):
        if ms >= DAY_MS:
            ms -= DAY_MS
            day += 1
        self.day = day
        self.ms = ms

    def _lose(self, ms):
        self._ahead -= ms
        self._boot_ms -= ms
        if self._boot_ms < 0:
            self._boot_ms += DAY_MS
            self._boot_day -= 1

    def hear(self, utc):
        """The endpoint says that it is `utc`, in milliseconds since 1970, or None. A system that keeps time by itself is believed first."""
        if SYSTEM_CLOCK:
            utc = utc_ms()
        if utc is None:
            return
        self.tick()
        if not self.known:
            self._set(utc)
            return
        error = utc - self.day * DAY_MS - self.ms
        self.error = max(min(error, _ERROR_MAX_MS), -_ERROR_MAX_MS)
        self._ahead = 0
        if error > _TOLERANCE_MS:
            self._set(utc)
        elif error < -_TOLERANCE_MS:
            self._ahead = -self.error

    def _set(self, utc):
        boot = utc - self._up_ms - self._up_day * DAY_MS
        self._boot_day = boot // DAY_MS
        self._boot_ms = boot % DAY_MS
        if not self.known:
            self._first_day = self._boot_day
            self._first_ms = self._boot_ms
        self.known = True
        self._show(self._up_day + self._boot_day, self._up_ms + self._boot_ms)

    def carry(self, ms):
        """What a clock that begins in `ms` milliseconds, after a deep sleep, needs to go on from this one."""
        self.tick()
        return [self._up_day, self._up_ms + ms, self._boot_day, self._boot_ms, self.known]

    def resume(self, carried):
        """Go on from the clock that gave `carried`: what it knew, this one knows. It was to begin with the reset that ended the sleep."""
        self._up_day, self._up_ms, self._boot_day, self._boot_ms, self.known = carried
        self._first_day, self._first_ms = self._boot_day, self._boot_ms
        self._ticks = booted  # type: ignore[assignment]  # a number of ticks
        self.tick()

    def uptime(self):
        """Seconds since boot, and the milliseconds beyond them."""
        self.tick()
        return self._up_day * 86400 + self._up_ms // 1000, self._up_ms % 1000


def date(day):
    """Year, month and day of the month of a day counted from 1970-01-01, in the Gregorian calendar."""
    # Years are counted from 1 March of year 0, so that the leap day is a year's last day and a month's length follows a line.
    day += 719468
    era = day // 146097  # days in 400 years
    day %= 146097
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    return year + era * 400 + (1 if month > 9 else 0), month + (3 if month < 10 else -9), day + 1


def day_number(year, month, day):
    """The days from 1970-01-01 to a date of the Gregorian calendar: the inverse of `date`."""
    if month < 3:
        month += 12
        year -= 1
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469
