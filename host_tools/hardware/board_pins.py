"""The pins of a simulated board and what the chip does at them, on the wires of wires.py: what `machine` has of it."""

import wires

PINS = 49

levels = {}  # pin: what it was last set to
voltages = {}  # pin: the millivolts at it


def unplug_all():
    """Nothing hangs on any pin."""
    levels.clear()
    voltages.clear()
    wires.cut_all()


class Pin:
    """A pin by its name or number; `wire` leads to the parts on it."""

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
    wires.begin()
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
