"""A part that is interrupted while it is read, on MicroPython's unix port: it stands in the place of the driver `load`.

The file `signal` holds the number of the signal that comes at the first reading. The file `whole` is written when that reading went on.
"""

import ffi

_libc = ffi.open(None)
_raise = _libc.func("i", "raise", "i")  # raise(3)


class Driver:
    """Gives 0 each time."""

    CHANNELS = (("load1", "", 0),)
    OPTIONS = ()
    MIN_EVERY_MS = 10

    def __init__(self, options: dict[str, str]) -> None:
        with open("signal") as file:
            self._signal = int(file.read())

    def start(self) -> int:
        return 0

    def read(self, values: list[int]) -> None:
        if self._signal:
            _raise(self._signal)
            self._signal = 0
            open("whole", "w").close()
        values[0] = 0
