"""A Raspberry Pi 4 that is not there: Adafruit's driver, Blinka and gpiod as they are, on simulated wires.

Simulated is what the kernel does, gpiod.Chip on /dev/gpiochip0, and the time that passes while Python looks at a line.
`python -m tests.raspberry_pi agent ...` is the command `plotpost` on that machine, with a DHT22 at GPIO4.
"""

import importlib
import os
import sys
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from host_tools import resources

os.environ.setdefault("BLINKA_FORCEBOARD", "RASPBERRY_PI_4B")
os.environ.setdefault("BLINKA_FORCECHIP", "BCM2XXX")
sys.path.append(str(resources.hardware()))  # MicroPython's modules, which have no types
wires: Any = importlib.import_module("wires")
dht_part: Any = importlib.import_module("dht_part")
sys.path.pop()
adafruit_dht: Any = importlib.import_module("adafruit_dht")
board: Any = importlib.import_module("board")
gpiod: Any = importlib.import_module("gpiod")
_pins: Any = importlib.import_module("adafruit_blinka.microcontroller.generic_linux.raspberry_pi_pin")

_LOOK_US = 4  # one look at a line, by Python
_LISTEN_US = 10000  # longer than any answer
_HEADER = SimpleNamespace(label="pinctrl-bcm2711", num_lines=58)

PIN = 4


class Chip:
    """gpiod.Chip: the header's lines, each a simulated wire."""

    def __init__(self, path: str) -> None:
        assert path == "/dev/gpiochip0"

    def get_info(self) -> SimpleNamespace:
        return _HEADER

    def request_lines(self, config: dict[int, Any], consumer: str) -> "Lines":
        return Lines()

    def close(self) -> None:
        pass


class Lines:
    """gpiod.LineRequest. An input lets its wire go."""

    def reconfigure_lines(self, config: dict[int, Any]) -> None:
        for line, settings in config.items():
            if settings.direction == gpiod.line.Direction.OUTPUT:
                self.set_value(line, settings.output_value)
            else:
                wires.wire(line).drive(1)

    def set_value(self, line: int, value: Any) -> None:
        wires.wire(line).drive(1 if value == gpiod.line.Value.ACTIVE else 0)

    def get_value(self, line: int) -> Any:
        wires.sleep_us(_LOOK_US)
        return gpiod.line.Value.ACTIVE if wires.wire(line).level() else gpiod.line.Value.INACTIVE

    def release(self) -> None:
        pass


class Time:
    """`time`, in simulated microseconds."""

    def monotonic(self) -> float:
        wires.sleep_us(1)
        return float(wires.now) / 1e6

    def sleep(self, seconds: float) -> None:
        wires.sleep_us(round(seconds * 1e6))


class PulseIn:
    """pulseio.PulseIn: after a start signal, how long the wire was low, high, low, ..; the last `maxlen` of it."""

    def __init__(self, pin: Any, maxlen: int, idle_state: bool) -> None:
        assert idle_state
        self._wire = wires.wire(pin.id)
        self._pulses: deque[int] = deque(maxlen=maxlen)

    def pause(self) -> None:
        pass

    def clear(self) -> None:
        self._pulses.clear()

    def resume(self, trigger_us: int) -> None:
        self._wire.drive(0)
        wires.sleep_us(trigger_us)
        self._wire.drive(1)
        level = 1
        while self._wire.wait(1 - level, _LISTEN_US) >= 0:
            start, level = wires.now, 1 - level
            if self._wire.wait(1 - level, _LISTEN_US) < 0:
                break
            self._pulses.append(wires.now - start)

    def popleft(self) -> int:
        return self._pulses.popleft()

    def __len__(self) -> int:
        return len(self._pulses)


def install() -> None:
    """From now on this machine has the header of a Raspberry Pi."""
    gpiod.Chip = Chip
    _pins._chip_paths = lambda: [Path("/dev/gpiochip0")]
    adafruit_dht.time = Time()
    adafruit_dht.PulseIn = PulseIn


if __name__ == "__main__":
    from host_tools.cli import main

    install()
    wires.wire(PIN).parts.append(dht_part.Part(dht_part.frame(456, 213)))
    main()
