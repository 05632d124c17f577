"""MicroPython's built-in module `_onewire`, on simulated wires; its timing is that of the 1-Wire standard speed (Maxim, AN126)."""

import wires
from onewire_probe import crc8


def reset(pin):
    """Whether anybody answers."""
    wires.begin()
    pin.wire.drive(0)
    wires.sleep_us(480)
    pin.wire.drive(1)
    wires.sleep_us(70)
    present = not pin.wire.level()
    wires.sleep_us(410)
    return present


def readbit(pin):
    pin.wire.drive(0)
    wires.sleep_us(6)
    pin.wire.drive(1)
    wires.sleep_us(9)
    bit = pin.wire.level()
    wires.sleep_us(55)
    return bit


def writebit(pin, bit):
    low = 6 if bit else 60
    pin.wire.drive(0)
    wires.sleep_us(low)
    pin.wire.drive(1)
    wires.sleep_us(70 - low)


def readbyte(pin):
    value = 0
    for i in range(8):
        value |= readbit(pin) << i
    return value


def writebyte(pin, value):
    for i in range(8):
        writebit(pin, value >> i & 1)


__all__ = ("crc8", "readbit", "readbyte", "reset", "writebit", "writebyte")
