"""Builds MicroPython's esp32 port for one chip with make: a program for this machine, esp32/ in place of chip and IDF."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.emulated.firmware.build import files_below, jobs, manifest, mpy_cross, run
from tests.emulated.firmware.progress import Progress
from tests.emulated.firmware.toolchain import MULTILIB, Toolchain

_FOLDER = Path(__file__).parent / "esp32"


@dataclass(frozen=True)
class PosixEsp32:
    """A chip, as esp32/chips/CHIP.h describes it, and MicroPython's board for it."""

    chip: str
    micropython_board: str
    image: str = "firmware"
    toolchain: Toolchain = MULTILIB

    def identity(self) -> tuple[object, ...]:
        """Return chip and board."""
        return (self.chip, self.micropython_board)

    def files(self) -> list[Path]:
        """Return our own files but the text about them."""
        return [path for path in files_below(_FOLDER) if path.suffix != ".md"]

    def build(self, tree: Path, folder: Path, progress: Progress) -> None:
        """Leave the program in `folder`. Raises Missing with the end of the build's log."""
        stage = f"Building MicroPython for the emulated {self.chip} (about 30 s on two cores)"
        work = tree.parent / f"build-{self.chip}"
        work.mkdir()
        frozen = manifest("esp32", work)
        progress(stage, None)
        mpy_cross(tree, stage, progress)
        what = {
            "TREE": tree,
            "CHIP": self.chip,
            "BOARD": self.micropython_board,
            "BUILD": work,
            "LIBRARIES": tree.parent / "build-esp32-libraries",
            "FROZEN_MANIFEST": frozen,
        }
        run(["make", jobs(), *(f"{name}={value}" for name, value in what.items())], stage, progress, _FOLDER)
        shutil.copy2(work / self.image, folder)
