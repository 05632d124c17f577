"""Temperature from a DS18B20 on a 1-Wire bus, -55 to 125 °C in sixteenths of a degree; several of them share one pin.

Source: Maxim's DS18B20 datasheet: scratchpad, conversion time (750 ms at 12 bits), power-on value (85 °C). The bus is driven by
micropython-lib's `onewire` and `ds18x20`.
"""

from plotpost import log, pins
from plotpost.port import const
from plotpost.sensors import Absent

_FAMILIES = const((0x28, 0x22))  # DS18B20, DS1822: the same scratchpad
_CONVERT = const(0x44)
_CONVERT_MS = const(750)
_POWER_ON = const(0x0550)  # 85 °C
_CONFIGURATION = const(4)  # 0b0RR11111: RR is 0 for 9 bits to 3 for 12
_SILENCE = const(0xFF)  # nobody pulled the line down


class Driver:
    """Options: `pin`, the bus; `address`, the probe's ROM code in 16 hex digits, needed when the bus has several.

    The log says which probes were found. They need their supply wire: one that lives on the data line alone cannot convert here.
    """

    CHANNELS = (("temperature", "°C", 2),)
    OPTIONS = ("pin", "address")
    MIN_EVERY_MS = 1000

    @staticmethod
    def check(options):
        """Raises Absent for options that are wrong on any board."""
        _rom(options.get("address"))

    def __init__(self, options):
        self._pin = pins.wanted(options)
        self._wanted = _rom(options.get("address"))
        self._rom = self._wanted
        try:
            from ds18x20 import DS18X20
            from onewire import OneWire
        except ImportError:
            raise Absent("no library for it here (onewire, ds18x20): plotpost deploy installs it") from None
        self._bus = OneWire(pins.pin(self._pin))
        self._probes = DS18X20(self._bus)

    def start(self):
        """Have the probe convert: nobody else's conversion on the bus is disturbed. Raises OSError when nobody is there."""
        if not self._bus.reset():
            raise OSError("no answer on pin %s: check the three wires, and the pull-up of 4.7 kOhm" % self._pin)
        if self._rom is None:
            self._rom = self._only()
        self._bus.select_rom(self._rom)
        self._bus.writebyte(_CONVERT)
        return _CONVERT_MS

    def read(self, values):
        """Raises OSError when the probe does not answer, ValueError when its answer is not right."""
        if not self._read_scratchpad():
            self._complain()
        scratchpad = self._probes.buf
        if scratchpad[_CONFIGURATION] & 0x1F != 0x1F:
            raise ValueError("the data line is held low: is it in the right hole?")
        sixteenths = scratchpad[1] << 8 | scratchpad[0]
        if sixteenths == _POWER_ON:
            raise ValueError("85.00 is what a probe says that lost its power: check the supply wire")
        if sixteenths & 0x8000:
            sixteenths -= 0x10000
        sixteenths &= ~(7 >> (scratchpad[_CONFIGURATION] >> 5 & 3))  # bits that a lower resolution leaves open
        values[0] = (sixteenths * 100 + 8) >> 4

    def _read_scratchpad(self):
        self._probes.buf[_CONFIGURATION] = _SILENCE
        try:
            self._probes.read_scratch(self._rom)
        except Exception:  # the library has no special ones: nobody on the bus, or a wrong checksum
            return False
        return True

    def _complain(self):
        missed = self._rom
        self._rom = self._wanted  # where any probe will do, it may be another the next time
        if self._probes.buf[_CONFIGURATION] == _SILENCE:
            raise OSError("the probe %s does not answer on pin %s" % (_hex(missed), self._pin))
        raise ValueError("wrong checksum: is the wire long, or its pull-up missing?")

    def _only(self):
        """The ROM code of the one probe that there is."""
        found = [rom for rom in self._probes.scan() if rom[0] in _FAMILIES]
        if not found:
            raise OSError("no DS18B20 answers on pin %s" % self._pin)
        if len(found) > 1:
            known = ", ".join([_hex(rom) for rom in found])
            raise ValueError('say "address" in config.json, pin %s has %s' % (self._pin, known))
        log.info("ds18b20", "pin {}: probe {}", self._pin, _hex(found[0]))
        return found[0]


def _hex(rom):
    return "".join(["%02x" % byte for byte in rom])


def _rom(address):
    """The bytes of an `address`. Raises Absent when it is none."""
    if address is None:
        return None
    try:
        rom = bytes([int(address[i : i + 2], 16) for i in range(0, 16, 2)])
    except (TypeError, ValueError):
        rom = b""
    if len(rom) != 8 or len(address) != 16 or rom[0] not in _FAMILIES:
        raise Absent("its address %r is no 16 hex digits that begin with 28; leave it out, and the log says it" % (address,))
    return bytearray(rom)
