"""A record becomes a JSON line inside the send buffer, without allocating.

One line: `{"x":"2026-11-24T03:32:01.500Z","y":21.37}`; when the agent has several tokens, `"streamtoken":"abcdefghij",` comes first.
A reading whose time nobody knows any more has `"x":"arrival"`, and the endpoint puts the time of arrival there.
"""

from struct import pack_into

from plotpost.clock import date
from plotpost.port import const
from plotpost.spool import NO_VALUE

_ZERO = const(48)  # ord("0")
_FRAME = const(52)  # all of a line but the token: stamp, milliseconds, punctuation, a value of 11 characters and its point
_STAMP = const(20)  # 2026-11-24T03:32:01.
NO_DATE = const(-1)  # in place of a day


class Encoder:
    """Writes lines for `channels` (objects with `token` and `decimals`), each beginning with its token when `multiplexed`."""

    def __init__(self, channels, multiplexed):
        self._prefixes = []
        self._formats = []
        self._decimals = bytearray([c.decimals for c in channels])
        longest = 0
        for channel in channels:
            prefix = ('{"streamtoken":"%s","x":"' % channel.token if multiplexed else '{"x":"').encode()
            self._prefixes.append(prefix)
            self._formats.append("%ds%dsBBB7s" % (len(prefix), _STAMP))
            longest = max(longest, len(prefix))
        self.longest = longest + _FRAME
        self._stamp = bytearray(b"0000-00-00T00:00:00.")
        self._stamp_day = -1
        self._stamp_second = -1

    def line(self, buf, at, channel, day, ms, value):
        """Write the line of one record at `buf[at]`, where `longest` bytes must be free; returns where it ends.

        `day` since 1970-01-01 and `ms` of that day are UTC; `day` may be NO_DATE.
        """
        prefix = self._prefixes[channel]
        at = self._undated(buf, at, prefix) if day == NO_DATE else self._dated(buf, at, channel, prefix, day, ms)
        if value == NO_VALUE:
            pack_into("4s", buf, at, b"null")
            at += 4
        else:
            at = number(buf, at, value, self._decimals[channel])
        pack_into("2s", buf, at, b"}\n")
        return at + 2

    def _dated(self, buf, at, channel, prefix, day, ms):
        second = ms // 1000
        if day != self._stamp_day:
            self._set_day(day)
            self._stamp_second = -1
        if second != self._stamp_second:
            self._set_second(second)
        ms -= second * 1000
        pack_into(
            self._formats[channel],
            buf,
            at,
            prefix,
            self._stamp,
            _ZERO + ms // 100,
            _ZERO + ms // 10 % 10,
            _ZERO + ms % 10,
            b'Z","y":',
        )
        return at + len(prefix) + _STAMP + 10

    def _undated(self, buf, at, prefix):
        pack_into("%ds13s" % len(prefix), buf, at, prefix, b'arrival","y":')
        return at + len(prefix) + 13

    def _set_day(self, day):
        year, month, day_of_month = date(day)
        pack_into("11s", self._stamp, 0, b"%04d-%02d-%02dT" % (year, month, day_of_month))
        self._stamp_day = day

    def _set_second(self, second):
        stamp = self._stamp
        digits(stamp, 11, 2, second // 3600)
        digits(stamp, 14, 2, second // 60 % 60)
        digits(stamp, 17, 2, second % 60)
        self._stamp_second = second


def digits(buf, at, width, value):
    """Write `value` >= 0 as exactly `width` decimal digits at `buf[at]`."""
    i = at + width
    while i > at:
        i -= 1
        buf[i] = _ZERO + value % 10
        value //= 10


def number(buf, at, value, decimals):
    """Write the integer `value` in units of 10**-decimals as a JSON number (RFC 8259 section 6) at `buf[at]`; returns where it ends."""
    if value < 0:
        buf[at] = 45  # "-"
        at += 1
        value = -value
    width = 1
    rest = value // 10
    while rest:
        width += 1
        rest //= 10
    if not decimals:
        digits(buf, at, width, value)
        return at + width
    if width <= decimals:
        width = decimals + 1  # a digit stands before the point
    unit = 10**decimals
    point = at + width - decimals
    digits(buf, at, width - decimals, value // unit)
    buf[point] = 46  # "."
    digits(buf, point + 1, decimals, value % unit)
    return at + width + 1
