"""How busy the processors are, from the first line of Linux's /proc/stat.

`cpu  4705 150 1120 16250 520 30 45 0 0 0`: time since boot in ticks of 10 ms (USER_HZ), over all processors, spent on user, nice,
system, idle, iowait, irq, softirq and steal; guest and guest_nice are in user and nice already (man page proc_stat(5)).
"""

from array import array

from plotpost.kernelfile import KernelFile
from plotpost.port import const
from plotpost.sensors import NO_VALUE

_FIELDS = const(8)
_IDLE = const(3)
_IOWAIT = const(4)
_WRAP = const(1000000000)  # counters are kept modulo this, so that they stay small integers
_EXACT = const(1000000)  # the largest total that times 1000 is still a small integer


class Driver:
    """Percent of all processors' time since the reading before, or since `start()` for the first."""

    CHANNELS = (("cpu", "%", 1),)
    OPTIONS = ()
    MIN_EVERY_MS = 100  # ten ticks of the kernel's counters

    def __init__(self, options):
        self.file = KernelFile("/proc/stat", 200)
        self._counters = array("i", [0] * _FIELDS)
        self._busy = 0
        self._total = 0
        self._counting = False

    def start(self):
        """The first time, begin to count, and let so much time pass that the first reading says something."""
        if self._counting:
            return 0
        self._count()
        self._counting = True
        return self.MIN_EVERY_MS

    def read(self, values):
        """No value when the counters stand where they stood."""
        self._count()
        busy = self._busy
        total = self._total
        while total > _EXACT:
            busy >>= 1
            total >>= 1
        values[0] = (busy * 1000 + total // 2) // total if total else NO_VALUE

    def _count(self):
        """Set the ticks that have passed since the last call: all of them, and the busy ones."""
        self._busy = 0
        self._total = 0
        buffer = self.file.buffer
        length = self.file.read()
        if length < 5 or buffer[0] != 99 or buffer[3] != 32:  # b"cpu "
            raise ValueError("no totals in /proc/stat")
        i = 5
        for field in range(_FIELDS):
            value = 0
            while i < length and buffer[i] > 32:
                value = value % (_WRAP // 10) * 10 + buffer[i] - 48
                i += 1
            i += 1
            self._advance(field, value)

    def _advance(self, field, value):
        passed = (value - self._counters[field]) % _WRAP
        self._counters[field] = value
        if passed > _WRAP // 2:  # idle and iowait may go back a little (proc_stat(5))
            return
        self._total += passed
        if field != _IDLE and field != _IOWAIT:
            self._busy += passed
