"""A voltage at an analog input, and the level it stands for: potentiometers, light-dependent resistors, soil moisture, level probes.

ESP32s measure with their own calibration (machine.ADC.read_uv, MicroPython's documentation), with 11 dB of attenuation up to 2.45 to 3.3 V,
see boards/. A chip that was never calibrated, which its fuses say, and an RP2040 or RP2350 compare with a full scale: 12 bits of the
3.3 V supply (RP2040 and RP2350 datasheets, ADC).
"""

from plotpost import log, pins
from plotpost.port import const
from plotpost.sensors import Absent

_SAMPLES = const(16)  # a reading is their mean
_FULL_SCALE = const(65535)
_LIMIT_MV = const(10000)


class Driver:
    """Options: `pin`; `low` and `high`, the millivolts that are 0 % and 100 % of the level; `reference`, the millivolts of full scale.

    `low` may be the larger one: a capacitive probe in dry soil gives more than in wet. Beyond the two the level goes on, below 0 and
    above 100 %, and so shows that they need another look. Without them they are 0 and the reference, 3300 mV by default.
    """

    CHANNELS = (("voltage", "V", 3), ("level", "%", 1))
    OPTIONS = ("pin", "low", "high", "reference")
    MIN_EVERY_MS = 10

    @staticmethod
    def check(options):
        """Reference, low and high, in millivolts. Raises Absent for options that are wrong on any board."""
        reference = _millivolts(options, "reference", 3300)
        low = _millivolts(options, "low", 0)
        high = _millivolts(options, "high", reference)
        if low == high or not reference:
            raise Absent("low and high must differ, and reference must not be 0")
        return reference, low, high

    def __init__(self, options):
        self._reference, self._low, high = self.check(options)
        self._span = high - self._low
        self._adc = _converter(pins.wanted(options))
        self._calibrated = hasattr(self._adc, "read_uv") and _is_calibrated(self._adc)

    def start(self):
        return 0

    def read(self, values):
        voltage = self._calibrated_mv() if self._calibrated else self._scaled_mv()
        values[0] = voltage
        values[1] = (2000 * (voltage - self._low) + self._span) // (2 * self._span)

    def _calibrated_mv(self):
        total = 0
        for _ in range(_SAMPLES):
            total += self._adc.read_uv()
        return (total + _SAMPLES * 500) // (_SAMPLES * 1000)

    def _scaled_mv(self):
        total = 0
        for _ in range(_SAMPLES):
            total += self._adc.read_u16()
        mean = (total + _SAMPLES // 2) // _SAMPLES
        return (mean * self._reference + _FULL_SCALE // 2) // _FULL_SCALE


def _converter(name):
    """machine.ADC at the pin. Raises Absent when it has none."""
    pin = pins.pin(name)
    try:
        from machine import ADC

        if hasattr(ADC, "ATTN_11DB"):  # esp32: the whole range, whatever this release takes when it is not told
            return ADC(pin, atten=ADC.ATTN_11DB)
        return ADC(pin)
    except ImportError:
        raise Absent("this machine has no analog input") from None
    except ValueError:
        raise Absent("pin %s has no analog input" % name) from None


def _is_calibrated(adc):
    """Whether the chip knows its own converter. It is asked once: the IDF prints a line each time that it does not."""
    try:
        adc.read_uv()
    except OSError as error:
        log.warning("analog", "this chip is not calibrated ({}): full scale is taken for `reference`, 3300 mV by default", error)
        return False
    return True


def _millivolts(options, key, default):
    value = options.get(key, default)
    if type(value) is not int or not 0 <= value <= _LIMIT_MV:
        raise Absent("%s must be millivolts, a whole number from 0 to %d" % (key, _LIMIT_MV))
    return value
