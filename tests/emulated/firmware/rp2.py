"""Builds MicroPython's rp2 port for one board with CMake: a whole firmware, for the emulated chip."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.emulated.firmware.build import files_below, jobs, manifest, mpy_cross, run
from tests.emulated.firmware.progress import Progress
from tests.emulated.firmware.toolchain import ARM, Toolchain

SYMBOLS = "symbols.txt"
_OPTIONS = ("-DPICO_NO_PICOTOOL=1",)  # picotool makes the UF2, which nobody needs here


@dataclass(frozen=True)
class Rp2:
    """A board of MicroPython; `folder` holds what differs from the stock one. The functions are listed in symbols.txt."""

    micropython_board: str
    folder: Path | None = None
    image: str = "firmware.bin"
    toolchain: Toolchain = ARM

    def identity(self) -> tuple[object, ...]:
        """Return the options."""
        return (_OPTIONS, self.micropython_board)

    def files(self) -> list[Path]:
        """Return our own files."""
        return files_below(self.folder) if self.folder else []

    def build(self, tree: Path, folder: Path, progress: Progress) -> None:
        """Leave firmware.bin and symbols.txt in `folder`. Raises Missing with the end of the build's log."""
        stage = f"Building MicroPython for {self.micropython_board} (about 50 s on two cores)"
        work = tree.parent / f"build-{self.micropython_board}"
        work.mkdir()
        progress(stage, None)
        mpy_cross(tree, stage, progress)
        options = [*self._cmake_options(), f"-DMICROPY_FROZEN_MANIFEST={manifest('rp2', work)}"]
        run(["cmake", "-S", str(tree / "ports/rp2"), "-B", str(work), *options], stage, progress)
        run(["make", jobs(), "-C", str(work)], stage, progress)
        (work / self.image).rename(folder / self.image)
        symbols = subprocess.run(["arm-none-eabi-nm", str(work / "firmware.elf")], capture_output=True, text=True, check=True)
        (folder / SYMBOLS).write_text(symbols.stdout)

    def _cmake_options(self) -> list[str]:
        own = [f"-DMICROPY_BOARD_DIR={self.folder / 'board'}"] if self.folder else []
        return [f"-DMICROPY_BOARD={self.micropython_board}", *own, *_OPTIONS]
