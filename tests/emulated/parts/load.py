"""A part that counts, in the place of the driver `load`: every reading has a value of its own, also across resets.

On flash it keeps only how often the board booted: one write a boot, so that it does not disturb what is measured.
"""

import time

BOOT = 1000000
_FILE = "counted"


class Driver:
    """Reading n after the b-th boot gives b * BOOT + n; b begins at 0. At reading `hang_at` of the first boot it hangs."""

    CHANNELS = (("count", "", 0),)
    OPTIONS = ("hang_at",)
    MIN_EVERY_MS = 1

    def __init__(self, options: dict[str, int]) -> None:
        self._next = BOOT * _boots()
        self._hang_at = options.get("hang_at", -1)

    def start(self) -> int:
        return 0

    def read(self, values: list[int]) -> None:
        if self._next == self._hang_at:
            time.sleep(3600)
        values[0] = self._next
        self._next += 1


def _boots() -> int:
    try:
        with open(_FILE) as file:
            boots = int(file.read())
    except OSError:
        boots = 0
    with open(_FILE, "w") as file:
        file.write(str(boots + 1))
    return boots
