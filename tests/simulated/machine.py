"""A simulated `machine`: pins and what hangs on them, timers, the watchdog, and how a board ends and comes back.

Time is a number that the test moves.

`with machine.Plugged():` is a board from power-on until it is unplugged; outside of it a program finds its system's own `machine`,
or none. Its port is "rp2" or "esp32": `Plugged("esp32")` has RTC memory, and resets that are not its watchdog's. `boot(path)` keeps the
cause of the next boot, and RTC memory, in files, for tests in which each life of the board is a process of its own.
"""

import sys

sys.path.append(__file__.rsplit("/", 1)[0] + "/../../host_tools/hardware")

import board_pins
from board_pins import ADC, CalibratedADC, Pin, dht_readinto  # noqa: F401  a part of this module

HARDWARE = sys.path.pop()

PWRON_RESET = 1
HARD_RESET = 2  # esp32: machine.reset(), and a panic
WDT_RESET = 3
DEEPSLEEP_RESET = 4

now = 0  # milliseconds
slept = 0  # how long the last deep sleep was to be
levels = board_pins.levels
voltages = board_pins.voltages
watchdogs = []
timers = []
on_sleep = None  # what happens during light sleep
raises = {}  # name of a call: what it raises, each time, until it is taken away

_cause = PWRON_RESET
_path = ""
_port = "rp2"
_memory = b""
_WATCHDOG_CTRL_CLEAR = (0x4005B000, 0x400DB000)  # RP2040, RP2350: writing there clears bits of the watchdog's CTRL
_WATCHDOG_ENABLE = 1 << 30


class Ended(BaseException):
    """The board has reset itself, or sleeps. No handler of Exception holds it up."""


class Plugged:
    """The board is there, and its power is on."""

    def __init__(self, port="rp2"):
        self._port = port

    def __enter__(self):
        power_on(self._port)
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


def power_on(port=None):
    """Everything as it is when the power comes, to a board of this port or of the one it was."""
    global _memory, _port
    _port = port or _port
    _memory = b""
    raises.clear()
    come_back(PWRON_RESET)


def come_back(cause):
    """Boot again after `cause`."""
    global now, slept, _cause
    now = slept = 0
    _cause = cause
    board_pins.unplug_all()
    del watchdogs[:]
    del timers[:]


def boot(path, port="rp2"):
    """Come back from what `path` says ended the last life; the end of this one will be written there."""
    global _cause, _memory, _path
    power_on(port)
    _path = path
    try:
        with open(path) as file:
            _cause = int(file.read().split()[0])
        with open(path + ".rtc", "rb") as file:
            _memory = file.read()
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
        with open(_path + ".rtc", "wb") as file:
            file.write(_memory)
    raise Ended


def _say(name):
    if name in raises:
        raise raises[name]


def reset_cause():
    return _cause


def reset():
    _end(HARD_RESET if _port == "esp32" else WDT_RESET, 0)  # rp2 resets by its watchdog, and does not tell the two apart


def deepsleep(ms):
    _say("deepsleep")
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
    """There is one; asked for again, it takes the new timeout."""

    def __init__(self, id=0, timeout=5000):
        _say("WDT")
        if _port == "rp2" and timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        self.timeout = timeout
        del watchdogs[:]
        watchdogs.append(self)
        self.feed()

    def feed(self):
        _say("feed")
        self.fed = now


class _Registers:
    def __setitem__(self, address, value):
        if address in _WATCHDOG_CTRL_CLEAR and value == _WATCHDOG_ENABLE:
            del watchdogs[:]


mem32 = _Registers()


class RTC:
    def __getattr__(self, name):
        if name == "memory" and _port == "esp32":
            return _rtc_memory
        raise AttributeError(name)


def _rtc_memory(data=None):
    global _memory
    if data is None:
        return _memory
    if len(data) > 2048:
        raise ValueError("buffer too long")
    _memory = data


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id, period, mode, callback, hard=False):
        _say("Timer")
        assert _port == "rp2", "no timer calls back inside a call that blocks"
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
