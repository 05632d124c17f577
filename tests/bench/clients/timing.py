"""Times one client on MicroPython and tells the host in a line of JSON."""

import gc
import json
from time import ticks_diff, ticks_us

LINE = b'{"x":12345678,"y":21.37}\n'  # what a reading looks like to a client that has no dates


def line(n):
    """Reading `n` as text: a time in milliseconds, and hundredths."""
    return b'{"x":%d,"y":%d.%02d}' % (10000000 + n, n // 100 % 100, n % 100)


class Watch:
    """Starts when it is made. Without `collecting` nothing is freed, so that all that is allocated is seen."""

    def __init__(self, collecting):
        gc.collect()
        if not collecting:
            gc.disable()
        self._heap = gc.mem_alloc()
        self._start = ticks_us()

    def tell(self, count):
        """`count` readings are delivered: print time in microseconds and heap in bytes."""
        passed = ticks_diff(ticks_us(), self._start)
        print(json.dumps({"count": count, "us": passed, "heap": gc.mem_alloc() - self._heap}))
