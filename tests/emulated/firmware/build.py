"""What every build of MicroPython needs: how it is said, and the steps that ports share."""

import os
import re
import subprocess
from pathlib import Path
from typing import Protocol

from tests.emulated.errors import Missing
from tests.emulated.firmware.progress import Progress
from tests.emulated.firmware.toolchain import Toolchain

_PERCENT = re.compile(r"\[ *(\d+)%\]")
_LAST_LINES = 20


class Recipe(Protocol):
    """How the firmware of one board is made."""

    @property
    def image(self) -> str:
        """Return the name of the file that a board starts from."""

    @property
    def toolchain(self) -> Toolchain:
        """Return what the build needs on this machine."""

    def identity(self) -> tuple[object, ...]:
        """Return what the result depends on, besides the sources and `files()`."""

    def files(self) -> list[Path]:
        """Return our own files that the firmware is made of."""

    def build(self, tree: Path, folder: Path, progress: Progress) -> None:
        """Leave the image in `folder`, built from MicroPython's `tree`. Raises Missing with the end of the build's log."""


def manifest(port: str, folder: Path) -> Path:
    """Write, into `folder`, what a port's images freeze, without micropython-lib, which Debian's source package does not hold."""
    path = folder / "manifest.py"
    path.write_text(f'freeze("$(MPY_DIR)/ports/{port}/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n')
    return path


def files_below(folder: Path) -> list[Path]:
    """Return all files of `folder` and of the folders in it, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def jobs() -> str:
    """Return make's option to use all cores."""
    return f"-j{os.cpu_count() or 1}"


def mpy_cross(tree: Path, stage: str, progress: Progress) -> None:
    """Build the compiler of what a firmware freezes, where that is not done yet."""
    run(["make", jobs(), "-C", str(tree / "mpy-cross"), "CFLAGS_EXTRA=-Wno-error"], stage, progress)


def run(command: list[str], stage: str, progress: Progress, folder: Path | None = None) -> None:
    """Run a step of a build in `folder`. Raises Missing with its last lines."""
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines = [*lines, line][-_LAST_LINES:]
            if percent := _PERCENT.match(line):
                progress(stage, int(percent[1]))
    if process.returncode:
        raise Missing(f"{' '.join(command[:1])} failed:\n{''.join(lines)}")
