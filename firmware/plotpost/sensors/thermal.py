"""The temperature of one of Linux's thermal zones, /sys/class/thermal/thermal_zone*/temp: thousandths of a degree Celsius.

Source: the kernel's Documentation/driver-api/thermal/sysfs-api.rst.
"""

import os

from plotpost import kernelfile
from plotpost.sensors import Absent

_FOLDER = "/sys/class/thermal/"
_PREFIX = "thermal_zone"


class Driver:
    """Option `zone`: the number of a zone, or the name in its file `type`; without it the first zone that can be read."""

    CHANNELS = (("temperature", "°C", 1),)
    OPTIONS = ("zone",)
    MIN_EVERY_MS = 10

    def __init__(self, options):
        zones = _zones()
        if not zones:
            raise Absent("no thermal zone on this machine")
        wanted = options.get("zone")
        for number, kind in zones:
            if (wanted is None or wanted in (number, str(number), kind)) and self._opens(number):
                return
        name = "" if wanted is None else f" {wanted!r}"
        known = ", ".join([f"{number} ({kind})" for number, kind in zones])
        raise Absent(f"no thermal zone{name} that can be read on this machine; it has {known}")

    def start(self):
        return 0

    def read(self, values):
        buffer = self.file.buffer
        length = self.file.read()
        negative = length > 0 and buffer[0] == 45  # b"-"
        first = i = 1 if negative else 0
        value = 0
        while i < length and 48 <= buffer[i] <= 57:
            value = value * 10 + buffer[i] - 48
            i += 1
        if i == first:
            raise ValueError("no number in the thermal zone's temp")
        if negative:
            value = -value
        values[0] = (value + 50) // 100

    def _opens(self, number):
        """Open the zone, if it can be read now: one with no sensor behind it gives an error."""
        try:
            self.file = kernelfile.KernelFile(f"{_FOLDER}{_PREFIX}{number}/temp", 16)
        except Absent:
            return False
        try:
            self.read([0])
        except (OSError, ValueError):
            self.file.close()
            return False
        return True


def _zones():
    """(number, type) of every zone, by number."""
    try:
        names = os.listdir(kernelfile.ROOT + _FOLDER)
    except OSError:
        return []
    numbers = sorted([int(name[len(_PREFIX) :]) for name in names if name.startswith(_PREFIX)])
    return [(number, _kind(number)) for number in numbers]


def _kind(number):
    try:
        with open(f"{kernelfile.ROOT}{_FOLDER}{_PREFIX}{number}/type") as file:
            return file.read().strip()
    except OSError:
        return "unknown"
