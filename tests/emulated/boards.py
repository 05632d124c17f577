"""The emulated boards by their names, which are those of boards/."""

from pathlib import Path
from typing import get_args

from tests.emulated.board import Board
from tests.emulated.esp32 import Esp32, Esp32Name
from tests.emulated.network import Network
from tests.emulated.pico import Pico, PicoName

BoardName = PicoName | Esp32Name
NAMES: tuple[BoardName, ...] = (*get_args(PicoName), *get_args(Esp32Name))


def make(name: BoardName, flash: Path | None = None, network: Network | None = None) -> Board:
    """One of them, for a `with` block."""
    if name == "pico" or name == "pico_w":
        return Pico(name, flash, network)
    return Esp32(name, flash, network)
