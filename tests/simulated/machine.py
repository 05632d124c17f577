"""A simulated `machine`: pins and what hangs on them, timers, the watchdog, and how a board ends and comes back.

Time is a number that the test moves.

`with machine.Plugged():` is a board from power-on until it is unplugged; outside of it a program finds its system's own `machine`,
or none. `boot(path)` keeps the cause of the next boot in a file, for tests in which each life of the board is a process of its own.
"""

import sys

import wires

PWRON_RESET = 1
WDT_RESET = 3
DEEPSLEEP_RESET = 4
PINS = 30

now = 0  # milliseconds
slept = 0  # how long the last deep sleep was to be
levels = {}  # pin: what it was last set to
voltages = {}  # pin: the millivolts at it
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
    levels.clear()
    voltages.clear()
    wires.cut_all()
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


class Pin:
    """A pin by its name or number; `wire` leads to the parts of wires.py."""

    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1

    def __init__(self, name, mode=-1, pull=-1):
        if type(name) is not str and not (type(name) is int and 0 <= name < PINS):
            raise ValueError("invalid pin")
        self.name = name
        self.wire = wires.wire(name)
        if mode == self.OUT:
            levels[name] = 0

    def init(self, mode=-1, pull=-1):
        """Open drain with a pull-up leaves the wire alone."""

    def value(self, level=None):
        if level is None:
            return self.wire.level()
        levels[self.name] = level
        self.wire.drive(level)


class ADC:
    """The converter of an RP2040: twelve bits of 3.3 V at the pins 26 to 29 or GP26 to GP29, given as sixteen."""

    def __init__(self, pin):
        if pin.name not in (26, 27, 28, 29, "GP26", "GP27", "GP28", "GP29"):
            raise ValueError("Pin doesn't have ADC capabilities")
        self._name = pin.name

    def read_u16(self):
        code = min(voltages.get(self._name, 0) * 4096 // 3300, 4095)
        return code << 4 | code >> 8


class CalibratedADC:
    """The converter of an ESP32: at full attenuation it tells microvolts, by its own calibration, up to 3.1 V; without, to 0.95 V."""

    ATTN_11DB = 3

    def __init__(self, pin, atten=0):
        self._name = pin.name
        self._highest = 3100 if atten == self.ATTN_11DB else 950

    def read_uv(self):
        return min(voltages.get(self._name, 0), self._highest) * 1000


def dht_readinto(pin, frame):
    """MicroPython's own, on simulated wires: 250 ms of rest, a start of 18 ms, then 40 pulses, of which those above 48 us are ones."""
    pin.wire.drive(1)
    wires.sleep_us(250000)
    pin.wire.drive(0)
    wires.sleep_us(18000)
    pin.wire.drive(1)
    wires.sleep_us(10)
    if pin.wire.wait(0, 100) < 0 or pin.wire.time_pulse(1, 150) < 0:
        raise OSError(110)
    for i in range(40):
        length = pin.wire.time_pulse(1, 100)
        if length < 0:
            raise OSError(110)
        frame[i // 8] = (frame[i // 8] << 1 | (length > 48)) & 255


_this = sys.modules["machine"]
