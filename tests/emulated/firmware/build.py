"""Builds MicroPython's rp2 port for one board with CMake."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.emulated.errors import Missing
from tests.emulated.firmware.progress import Progress

IMAGE = "firmware.bin"
SYMBOLS = "symbols.txt"
OPTIONS = ("-DPICO_NO_PICOTOOL=1",)  # picotool makes the UF2, which nobody needs here
# What the stock boards freeze, without micropython-lib, which Debian's source package does not hold.
MANIFEST = 'freeze("$(PORT_DIR)/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n'

_PERCENT = re.compile(r"\[ *(\d+)%\]")
_LAST_LINES = 20


@dataclass(frozen=True)
class Recipe:
    """A board of MicroPython; `folder` holds what differs from the stock one."""

    micropython_board: str
    folder: Path | None = None

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file()) if self.folder else []

    def cmake_options(self) -> list[str]:
        own = [f"-DMICROPY_BOARD_DIR={self.folder / 'board'}"] if self.folder else []
        return [f"-DMICROPY_BOARD={self.micropython_board}", *own, *OPTIONS]


def build(tree: Path, recipe: Recipe, folder: Path, progress: Progress) -> None:
    """Leaves firmware.bin and symbols.txt in `folder`. Raises Missing with the end of the build's log."""
    stage = f"Building MicroPython for {recipe.micropython_board} (about 50 s on two cores)"
    work = tree.parent / f"build-{recipe.micropython_board}"
    work.mkdir()
    manifest = work / "manifest.py"
    manifest.write_text(MANIFEST)
    jobs = f"-j{os.cpu_count() or 1}"
    progress(stage, None)
    _run(["make", jobs, "-C", str(tree / "mpy-cross"), "CFLAGS_EXTRA=-Wno-error"], stage, progress)
    options = [*recipe.cmake_options(), f"-DMICROPY_FROZEN_MANIFEST={manifest}"]
    _run(["cmake", "-S", str(tree / "ports/rp2"), "-B", str(work), *options], stage, progress)
    _run(["make", jobs, "-C", str(work)], stage, progress)
    (work / IMAGE).rename(folder / IMAGE)
    symbols = subprocess.run(["arm-none-eabi-nm", str(work / "firmware.elf")], capture_output=True, text=True, check=True)
    (folder / SYMBOLS).write_text(symbols.stdout)


def _run(command: list[str], stage: str, progress: Progress) -> None:
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines = [*lines, line][-_LAST_LINES:]
            if percent := _PERCENT.match(line):
                progress(stage, int(percent[1]))
    if process.returncode:
        raise Missing(f"{' '.join(command[:1])} failed:\n{''.join(lines)}")
