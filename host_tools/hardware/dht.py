"""In the place of micropython-lib's `dht`, which no package registry holds: what its documentation promises, on simulated wires.

tests/emulated/test_sensors.py runs the drivers over the library itself. Source: MicroPython's documentation, "Controlling a DHT device".
"""

import machine


class _Part:
    """`measure()` fills `buf`, five bytes; silence is an OSError, a wrong checksum a bare Exception."""

    def __init__(self, pin):
        self.pin = pin
        self.buf = bytearray(5)

    def measure(self):
        machine.dht_readinto(self.pin, self.buf)
        if sum(self.buf[:4]) & 255 != self.buf[4]:
            raise Exception("checksum error")


class DHT11(_Part):
    """Whole percent and degrees, as the library tells them."""

    def humidity(self):
        return self.buf[0]

    def temperature(self):
        return self.buf[2]


class DHT22(_Part):
    """Percent and degrees as floats."""

    def humidity(self):
        return int.from_bytes(self.buf[:2], "big") * 0.1

    def temperature(self):
        degrees = ((self.buf[2] & 0x7F) * 256 + self.buf[3]) * 0.1
        return -degrees if self.buf[2] & 0x80 else degrees
