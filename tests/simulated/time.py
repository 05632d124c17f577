"""Simulated time for MicroPython's unix port: a pause passes at once, everything else takes as long as it takes.

Stands before the built-in module on MICROPYPATH, for asyncio too; see select.py beside it, in which asyncio sleeps.
"""

import utime
from micropython import const
from utime import *

_PERIOD = const(1 << 30)  # of ticks_ms on a board
_MINUTE_MS = const(60000)

_skipped = 0  # milliseconds
_minute = 0


def each_minute(minute):
    """Called with the number of minutes that were skipped, after each; a program may put its own function here."""


def skip(ms):
    """Let `ms` milliseconds pass without waiting for them."""
    global _minute, _skipped
    _skipped += ms
    while _minute < _skipped // _MINUTE_MS:
        _minute += 1
        each_minute(_minute)


def ticks_ms():
    return (utime.ticks_ms() + _skipped) & (_PERIOD - 1)


def time_ns():
    return utime.time_ns() + _skipped * 1000000


def time():
    return utime.time() + _skipped // 1000


def sleep_ms(ms):
    skip(ms)


def sleep(seconds):
    skip(int(seconds * 1000))
