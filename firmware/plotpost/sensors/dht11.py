"""Temperature and humidity from a DHT11, one wire, 0 to 50 °C, newer ones -20 to 60 °C.

A frame is humidity, its decimal, temperature, its decimal, checksum; the decimal's highest bit is the sign of the temperature.
Source: Aosong's DHT11 datasheet, which also asks for 1 s between readings.
"""

from plotpost.dhtread import Dht


class Driver(Dht):
    """Option `pin`: where the data line goes."""

    MIN_EVERY_MS = 1000

    def __init__(self, options):
        Dht.__init__(self, options, "DHT11", decode, -200, 600)


def decode(frame, values):
    """Degrees and percent, in tenths, from the five bytes of a frame. Raises ValueError for decimals that are none."""
    decimal = frame[3] & 0x7F
    if frame[1] > 9 or decimal > 9:
        raise ValueError("no DHT11 measures that: is it a DHT22?")
    temperature = frame[2] * 10 + decimal
    values[0] = -temperature if frame[3] & 0x80 else temperature
    values[1] = frame[0] * 10 + frame[1]
