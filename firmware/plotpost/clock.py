"""Uptime and UTC, kept as a day and a millisecond of that day so that no number leaves the small integers.

MicroPython's small integers end at 2**30 on 32-bit chips; milliseconds since 1970, and even seconds, are beyond that and would be
a heap object at each reading.
"""

from plotpost.port import const, ticks_diff, ticks_ms, utc_ms

DAY_MS = const(86400000)


class Clock:
    """Time since boot, and UTC once it is known.

    `day`, `ms`: the time of the last `tick()`. UTC days since 1970 when `known`, else days since boot.
    """

    def __init__(self):
        self.known = False
        self.day = 0
        self.ms = 0
        self._ticks = ticks_ms()
        self._up_day = 0
        self._up_ms = 0
        self._boot_day = 0  # when it booted, in UTC
        self._boot_ms = 0

    def tick(self):
        """Bring `day` and `ms` to now. Call it at least every six days: `ticks_ms` wraps (MicroPython's `time.ticks_diff`)."""
        now = ticks_ms()
        self._up_ms += ticks_diff(now, self._ticks)
        self._ticks = now
        while self._up_ms >= DAY_MS:
            self._up_ms -= DAY_MS
            self._up_day += 1
        self._add_boot(self._up_day, self._up_ms)

    def stamp(self, day, ms):
        """Turn a time since boot into UTC, left in `day` and `ms`; for records that were taken before the clock was known."""
        self._add_boot(day, ms)

    def _add_boot(self, day, ms):
        day += self._boot_day
        ms += self._boot_ms
        if ms >= DAY_MS:
            ms -= DAY_MS
            day += 1
        self.day = day
        self.ms = ms

    def set(self, utc=None):
        """The UTC time is known from now on: `utc` in milliseconds since 1970, by default the system's clock."""
        self.tick()
        if utc is None:
            utc = utc_ms()
        boot = utc - self._up_ms - self._up_day * DAY_MS
        self._boot_day = boot // DAY_MS
        self._boot_ms = boot % DAY_MS
        self.known = True
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
