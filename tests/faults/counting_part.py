"""A part that counts, on the board: it stands in the place of the driver `load`, on MicroPython.

Every reading has values of its own, and the file `ledger` grows by one byte for each before the agent gets to see it. So the file
tells which values were taken, also after the board's power was cut.
"""

LEDGER = "ledger"


class Driver:
    """Reading n gives 2n and 2n + 1, counted from the board's first power-on."""

    CHANNELS = (("even", "", 0), ("odd", "", 0))
    OPTIONS = ()
    MIN_EVERY_MS = 10

    def __init__(self, options: dict[str, str]) -> None:
        self._file = open(LEDGER, "ab", 0)  # noqa: SIM115 (it stays open as long as the board runs)
        self._count = self._file.seek(0, 2)

    def start(self) -> int:
        return 0

    def read(self, values: list[int]) -> None:
        values[0] = self._count * 2
        values[1] = self._count * 2 + 1
        self._file.write(b".")
        self._count += 1
