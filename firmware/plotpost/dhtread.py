"""What the drivers of DHT11 and DHT22 share: the part on its wire, read by a library, and what became of that.

The library is micropython-lib's `dht`; on CPython it is Adafruit's `adafruit_dht`, which runs on a Raspberry Pi. From micropython-lib's
only the frame is taken, five bytes: humidity, temperature, checksum. Its own numbers are floats, and no float is 0.1.
"""

from plotpost import pins
from plotpost.sensors import Absent


class Dht:
    """The base of both. `part`: its name in both libraries; `decode`: a frame to values; `coldest`, `warmest`: its range, in tenths.

    A reading holds the board: for 272 ms with micropython-lib (250 of rest, 18 of start, the part's 4), for 350 ms with Adafruit's library.
    """

    CHANNELS = (("temperature", "°C", 1), ("humidity", "%", 1))
    OPTIONS = ("pin",)

    def __init__(self, options, part, decode, coldest, warmest):
        self._part = part
        self._coldest = coldest
        self._warmest = warmest
        self._pin = pins.wanted(options)
        self._line = _line(part, decode, self._pin)

    def start(self):
        return 0

    def read(self, values):
        """Raises OSError when nobody answers, ValueError when the answer is not right."""
        if not self._line.read(values):
            raise OSError("no answer on pin %s: check its three wires, and the pull-up of 10 kOhm" % self._pin)
        if not (self._coldest <= values[0] <= self._warmest and 0 <= values[1] <= 1000):
            raise ValueError("no %s measures that: is it another part?" % self._part)


def _line(part, decode, pin):
    """Whatever reads the part here."""
    try:
        import dht
    except ImportError:
        return _Adafruit(part, pin)
    return _Frame(getattr(dht, part)(pins.pin(pin)), decode)


class _Frame:
    """micropython-lib's `dht.DHT11` or `DHT22`: measure() fills `buf`."""

    def __init__(self, part, decode):
        self._part = part
        self._decode = decode

    def read(self, values):
        """False when nobody answers."""
        try:
            self._part.measure()
        except OSError:
            return False
        except Exception:  # the library raises nothing more special for a checksum
            raise ValueError("wrong checksum: is the wire long, or its pull-up missing?") from None
        self._decode(self._part.buf, values)
        return True


class _Adafruit:
    """`adafruit_dht.DHT11` or `DHT22`, polled: a Raspberry Pi 5 has nothing that measures pulses for it."""

    def __init__(self, part, pin):
        try:
            import adafruit_dht
            import board
        except (ImportError, NotImplementedError, RuntimeError):
            raise Absent("no library for it here: plotpost deploy installs it; Raspberry Pi: pip install plotpost[pi]") from None
        self._make = getattr(adafruit_dht, part)
        self._pin = getattr(board, pin if type(pin) is str else "D%d" % pin, None)
        if self._pin is None:
            raise Absent("this board has no pin %r" % (pin,))

    def read(self, values):
        """False when nobody answers. An object that is kept repeats its last values for two seconds, also when it could not read."""
        part = self._make(self._pin, use_pulseio=False)
        try:
            part.measure()
        except RuntimeError as error:
            if "wiring" in str(error):
                return False
            raise ValueError(str(error)) from None
        values[0] = round(part.temperature * 10)
        values[1] = round(part.humidity * 10)
        return True
