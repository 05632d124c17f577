"""An emulated Pico or Pico W.

with Pico("pico_w") as board:
    print(board.run("import sys; print(sys.implementation)"))
    board.control(stall=True)
"""

from pathlib import Path
from typing import Any, Literal

from tests.emulated.board import Board
from tests.emulated.firmware import firmware
from tests.emulated.network import Network

PicoName = Literal["pico", "pico_w"]


class Pico(Board):
    """`network` is for a Pico W.

    With `bootsel`, a folder that is the board's alone, BOOTSEL works: that folder is the drive, and `port` comes and goes as a real one.
    `bare` is a board as from the shop: nothing is put on its flash.
    """

    def __init__(
        self,
        name: PicoName = "pico",
        flash: Path | None = None,
        network: Network | None = None,
        *,
        bootsel: Path | None = None,
        bare: bool = False,
    ) -> None:
        assert bootsel or not bare, "a bare board shows nothing but its BOOTSEL drive"
        around = (network or Network()) if name == "pico_w" else None
        super().__init__(name, flash, around, comes_and_goes=bootsel is not None)
        self._bootsel = bootsel
        self._bare = bare

    def hold_bootsel(self) -> None:
        """Plugged in anew with its button held: the folder `bootsel` is the drive."""
        self.control(power="bootsel")

    def _firmware(self) -> Path | None:
        return None if self._bare else firmware(self.name)

    def _settings(self, folder: Path) -> dict[str, Any]:
        return {"bootsel": str(self._bootsel) if self._bootsel else None}
