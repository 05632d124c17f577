"""Parts whose values move as those of a room do: a slow wave, and a little noise on it."""

import math
import random
import time

import wires
from dht_part import Part, frame
from onewire_probe import Probe, rom

_PERIOD_S = 300
_SERIAL = b"\x64\x1d\x8f\xdf\x18\x00"


def value(middle, swing, noise, phase=0):
    """An integer about `middle`, now."""
    wave = math.sin(2 * math.pi * (time.time() % _PERIOD_S / _PERIOD_S) + phase)
    return int(middle + swing * wave + noise * (2 * random.random() - 1))


class _Dht(Part):
    """21.5 °C and 48 %, more or less."""

    def __init__(self, start_us, encode):
        Part.__init__(self, None, start_us)
        self._encode = encode

    def edge(self, level, now):
        self.frame = self._encode(value(480, 60, 3, math.pi), value(215, 15, 1))
        Part.edge(self, level, now)


def _whole(humidity, temperature):
    """A DHT11's frame."""
    body = [humidity // 10, 0, temperature // 10, temperature % 10]
    body.append(sum(body) & 255)
    return bytes(body)


class _Probe(Probe):
    """18 °C, more or less."""

    def edge(self, level, now):
        self.sixteenths = value(288, 24, 1)
        Probe.edge(self, level, now)


class Voltages:
    """1.6 V at every pin, more or less."""

    def get(self, pin, default):
        return value(1600, 400, 5, pin)


def furnish(entries):
    """Put a part on the pin of each entry of `sensors`. The time of the wires follows the clock from now on."""
    wires.begin = _Follower().begin
    for entry in entries:
        if entry["driver"] == "dht22":
            wires.wire(entry["pin"]).parts.append(_Dht(800, frame))
        elif entry["driver"] == "dht11":
            wires.wire(entry["pin"]).parts.append(_Dht(18000, _whole))
        elif entry["driver"] == "ds18b20":
            address = entry.get("address")
            own = rom(_SERIAL) if address is None else bytes([int(address[i : i + 2], 16) for i in range(0, 16, 2)])
            wires.wire(entry["pin"]).parts.append(_Probe(own))


class _Follower:
    """Real time for the wires, beside what exchanges take there."""

    def __init__(self):
        self._ticks = time.ticks_ms()

    def begin(self):
        ticks = time.ticks_ms()
        wires.now += 1000 * (time.ticks_diff(ticks, self._ticks) + 1)  # rounded up: a conversion must be over when its time is
        self._ticks = ticks
