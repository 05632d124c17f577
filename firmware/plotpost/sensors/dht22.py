"""Temperature and humidity from a DHT22 (AM2302), one wire, -40 to 80 °C.

A frame is humidity, temperature, checksum; both in tenths, high byte first, the temperature as sign and magnitude. Source: Aosong's
AM2302 datasheet, which also asks for 2 s between readings.
"""

from plotpost.dhtread import Dht


class Driver(Dht):
    """Option `pin`: where the data line goes."""

    MIN_EVERY_MS = 2000

    def __init__(self, options):
        Dht.__init__(self, options, "DHT22", decode, -400, 1250)


def decode(frame, values):
    """Degrees and percent, in tenths, from the five bytes of a frame."""
    temperature = (frame[2] & 0x7F) << 8 | frame[3]
    values[0] = -temperature if frame[2] & 0x80 else temperature
    values[1] = frame[0] << 8 | frame[1]
