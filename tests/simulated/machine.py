"""A simulated `machine`: pins and what hangs on them, timers, the watchdog, and how a board ends and comes back.

Time is a number that the test moves.

`with machine.Plugged():` is a board from power-on until it is unplugged; outside of it a program finds its system's own `machine`,
or none. `boot(path)` keeps the cause of the next boot in a file, for tests in which each life of the board is a process of its own.
"""

import sys

sys.path.append(__file__.rsplit("/", 1)[0] + "/../../host_tools/hardware")

import board_pins
from board_pins import ADC, CalibratedADC, Pin, dht_readinto  # noqa: F401  a part of this module

HARDWARE = sys.path.pop()

PWRON_RESET = 1
WDT_RESET = 3
DEEPSLEEP_RESET = 4

now = 0  # milliseconds
slept = 0  # how long the last deep sleep was to be
levels = board_pins.levels
voltages = board_pins.voltages
watchdogs = []
timers = []
on_sleep = None  # what happens during light sleep

_cause = PWRON_RESET
_path = ""


class Ended(BaseException):
    """The board has reset itself, or sleeps. No handler of Exception holds it up."""


class Plugged:
    """The board is there, and its power is on."""

    def __enter__(self):
        power_on()
        self._own = sys.modules.get("machine")
        sys.modules["machine"] = _this
        return self

    def __exit__(self, *_):
        unplug()
        if self._own is not None:
            sys.modules["machine"] = self._own


def unplug():
    """A program that imports `machine` finds what its system has."""
    sys.modules.pop("machine", None)


def power_on():
    """Everything as it is when the power comes."""
    global now, slept, _cause
    now = slept = 0
    _cause = PWRON_RESET
    board_pins.unplug_all()
    del watchdogs[:]
    del timers[:]


def come_back(cause):
    """Boot again after `cause`."""
    global _cause
    power_on()
    _cause = cause


def boot(path):
    """Come back from what `path` says ended the last life; the end of this one will be written there."""
    global _cause, _path
    power_on()
    _path = path
    try:
        with open(path) as file:
            _cause = int(file.read().split()[0])
    except OSError:
        pass


def advance(ms):
    """Let time pass: timers call back, and a watchdog that nobody feeds ends the board."""
    global now
    for _ in range(ms):
        now += 1
        for timer in list(timers):
            timer.tick()
        for watchdog in watchdogs:
            if now - watchdog.fed >= watchdog.timeout:
                _end(WDT_RESET, 0)


def _end(cause, ms):
    global slept, _cause
    _cause = cause
    slept = ms
    if _path:
        with open(_path, "w") as file:
            file.write("%d %d" % (cause, ms))
    raise Ended


def reset_cause():
    return _cause


def reset():
    _end(WDT_RESET, 0)  # rp2 resets by its watchdog, and does not tell the two apart


def deepsleep(ms):
    _end(DEEPSLEEP_RESET, ms)


def lightsleep(ms):
    """It sleeps; the test wakes it, or an interrupt."""
    global slept
    slept += ms
    if on_sleep is not None:
        on_sleep(ms)


def unique_id():
    return b"\x01\x23\x45\x67"


class WDT:
    def __init__(self, id=0, timeout=5000):
        self.timeout = timeout
        self.feed()
        watchdogs.append(self)

    def feed(self):
        self.fed = now


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id, period, mode, callback, hard=False):
        self.period = period
        self.mode = mode
        self.hard = hard
        self._callback = callback
        self._due = now + period
        timers.append(self)

    def tick(self):
        if now < self._due:
            return
        self._due += self.period
        if self.mode == self.ONE_SHOT:
            self.deinit()
        self._callback(self)

    def deinit(self):
        if self in timers:
            timers.remove(self)


_this = sys.modules["machine"]
