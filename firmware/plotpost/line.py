"""A record becomes a JSON line in a stream of bytes, without allocating.

One line: `{"x":"2026-11-24T03:32:01.500Z","y":21.37}`; when the agent has several tokens, `,"streamtoken":"abcdefghij"` follows.
A reading whose time nobody knows any more has `"x":"arrival"`, and the endpoint puts the time of arrival there.

Numbers are written by `print`: it alone formats an integer in C without making a string of it first, five times as fast as bytecode.

The functions here are small for a reason that no profiler of Python shows: MicroPython keeps the frame of a call on the C stack only
when locals and operands together take at most 11 words (VM_MAX_STATE_ON_STACK in its py/vm.c). A larger frame is allocated on the heap,
at each call.
"""

from plotpost.clock import date
from plotpost.port import const
from plotpost.spool import NO_VALUE

_ZERO = const(48)  # ord("0")
_LONGEST = const(48)  # of a line all but its end, with a value of 12 characters: -0.123456789
NO_DATE = const(-1)  # in place of a day
_UNDATED = b'{"x":"arrival","y":'


class Encoder:
    """Writes lines for `channels` (objects with `token` and `decimals`) to `out`, each with its token when `multiplexed`.

    `out` is a `port.byte_stream`. No line is longer than `longest` bytes.
    """

    def __init__(self, out, channels, multiplexed):
        self._out = out
        self._scales = [10**c.decimals for c in channels]
        self._ends = [',"streamtoken":"%s"}\n' % c.token if multiplexed else "}\n" for c in channels]
        self.longest = _LONGEST + max([len(end) for end in self._ends])
        self._stamp = bytearray(b'{"x":"0000-00-00T00:00:00.000Z","y":')
        self._day = NO_DATE  # that the stamp shows
        self._ms = 0
        self._second = 0  # the millisecond of the day in which its second began

    def line(self, record):
        """Append the line of `record`: its `channel`, `day` (since 1970-01-01, or NO_DATE), `ms` of that day in UTC, and `value`."""
        out = self._out
        if record.day == NO_DATE:
            out.write(_UNDATED)
        else:
            if record.ms != self._ms or record.day != self._day:
                self._set_stamp(record.day, record.ms)
            out.write(self._stamp)
        end = self._ends[record.channel]
        if record.value == NO_VALUE:
            print("null", end=end, file=out)
        else:
            number(out, record.value, self._scales[record.channel], end)

    def _set_stamp(self, day, ms):
        if day != self._day or not 0 <= ms - self._second < 1000:
            self._set_second(day, ms // 1000)
        self._ms = ms
        stamp = self._stamp
        ms %= 1000
        stamp[26] = _ZERO + ms // 100
        stamp[27] = _ZERO + ms // 10 % 10
        stamp[28] = _ZERO + ms % 10

    def _set_second(self, day, second):
        if day != self._day:
            self._set_day(day)
        stamp = self._stamp
        digits(stamp, 17, 2, second // 3600)
        digits(stamp, 20, 2, second // 60 % 60)
        digits(stamp, 23, 2, second % 60)
        self._second = second * 1000

    def _set_day(self, day):
        year, month, day_of_month = date(day)
        digits(self._stamp, 6, 4, year)
        digits(self._stamp, 11, 2, month)
        digits(self._stamp, 14, 2, day_of_month)
        self._day = day


def digits(buf, at, width, value):
    """Write `value` >= 0 as exactly `width` decimal digits at `buf[at]`."""
    width += at
    while width > at:
        width -= 1
        buf[width] = _ZERO + value % 10
        value //= 10


def number(out, value, scale, end):
    """Write the integer `value` in units of 1 / `scale`, a power of ten, as a JSON number (RFC 8259 section 6), and `end`."""
    if scale > 1:
        if value < 0:
            out.write(b"-")
            value = -value
        print(value // scale, end=".", file=out)
        value %= scale
        scale //= 10
        while value < scale and scale > 1:
            out.write(b"0")
            scale //= 10
    print(value, end=end, file=out)
