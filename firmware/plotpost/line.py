"""A record becomes a JSON line inside the send buffer, without allocating.

One line: `{"x":"2026-11-24T03:32:01.500Z","y":21.37}`; when the agent has several tokens, `"streamtoken":"abcdefghij",` comes first.
A reading whose time nobody knows any more has `"x":"arrival"`, and the endpoint puts the time of arrival there.

The functions here are small for a reason that no profiler of Python shows: MicroPython keeps the frame of a call on the C stack only
when locals and operands together take at most 11 words (VM_MAX_STATE_ON_STACK in its py/vm.c). A larger frame is allocated on the heap,
at each call.
"""

from struct import pack_into

from plotpost.clock import date
from plotpost.port import const
from plotpost.spool import NO_VALUE

_ZERO = const(48)  # ord("0")
_MINUS = const(45)
_POINT = const(46)
_FRAME = const(52)  # all of a line but the token: stamp, milliseconds, punctuation, a value of 11 characters and its point
_STAMP = const(20)  # 2026-11-24T03:32:01.
NO_DATE = const(-1)  # in place of a day
_UNDATED = b'arrival","y":       '  # as long as a stamp: JSON allows spaces here


class Encoder:
    """Writes lines for `channels` (objects with `token` and `decimals`) into `out`, each beginning with its token when `multiplexed`.

    `at` is where the next line begins; `longest` bytes must be free there.
    """

    def __init__(self, out, channels, multiplexed):
        self.at = 0
        self.longest = 0
        self._out = out
        self._prefixes = []
        self._formats = []  # of prefix and stamp
        self._decimals = bytearray([c.decimals for c in channels])
        for channel in channels:
            prefix = ('{"streamtoken":"%s","x":"' % channel.token if multiplexed else '{"x":"').encode()
            self._prefixes.append(prefix)
            self._formats.append("%ds%ds" % (len(prefix), _STAMP))
            self.longest = max(self.longest, len(prefix) + _FRAME)
        self._stamp = bytearray(b"0000-00-00T00:00:00.")
        self._stamp_day = -1
        self._stamp_second = -1

    def line(self, record):
        """Append the line of `record`: its `channel`, `day` (since 1970-01-01, or NO_DATE), `ms` of that day in UTC, and `value`."""
        if record.day == NO_DATE:
            self._write_prefix(record.channel, _UNDATED)
        else:
            self._dated(record)
        if record.value == NO_VALUE:
            pack_into("6s", self._out, self.at, b"null}\n")
            self.at += 6
            return
        self.at = number(self._out, self.at, record.value, self._decimals[record.channel])
        pack_into("2s", self._out, self.at, b"}\n")
        self.at += 2

    def _dated(self, record):
        second = record.ms // 1000
        if second != self._stamp_second or record.day != self._stamp_day:
            self._set_stamp(record.day, second)
        self._write_prefix(record.channel, self._stamp)
        digits(self._out, self.at, 3, record.ms % 1000)
        pack_into("7s", self._out, self.at + 3, b'Z","y":')
        self.at += 10

    def _write_prefix(self, channel, stamp):
        pack_into(self._formats[channel], self._out, self.at, self._prefixes[channel], stamp)
        self.at += len(self._prefixes[channel]) + _STAMP

    def _set_stamp(self, day, second):
        if day != self._stamp_day:
            self._set_day(day)
        digits(self._stamp, 11, 2, second // 3600)
        digits(self._stamp, 14, 2, second // 60 % 60)
        digits(self._stamp, 17, 2, second % 60)
        self._stamp_second = second

    def _set_day(self, day):
        year, month, day_of_month = date(day)
        digits(self._stamp, 0, 4, year)
        digits(self._stamp, 5, 2, month)
        digits(self._stamp, 8, 2, day_of_month)
        self._stamp_day = day


def digits(buf, at, width, value):
    """Write `value` >= 0 as exactly `width` decimal digits at `buf[at]`."""
    width += at
    while width > at:
        width -= 1
        buf[width] = _ZERO + value % 10
        value //= 10


def number(buf, at, value, decimals):
    """Write the integer `value` in units of 10**-decimals as a JSON number (RFC 8259 section 6) at `buf[at]`; returns where it ends."""
    if value < 0:
        buf[at] = _MINUS
        at += 1
        value = -value
    end = at + _width(value, decimals)
    place = end
    point = end - decimals - 1 if decimals else -1
    while place > at:
        place -= 1
        if place == point:
            buf[place] = _POINT
        else:
            buf[place] = _ZERO + value % 10
            value //= 10
    return end


def _width(value, decimals):
    """The characters of a number without its sign; at least one digit stands before the point."""
    width = 1
    value //= 10
    while value:
        width += 1
        value //= 10
    return max(width, decimals + 1) + 1 if decimals else width
