"""The drive that a Pico shows while BOOTSEL is held at power-on: found on Linux, macOS and Windows, and written to.

The chip's boot ROM makes it (RP2040 datasheet, 2.8.4; RP2350 datasheet, 5.5), so that no firmware can break it.
"""

import contextlib
import errno
import os
import re
import shutil
import string
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from host_tools.flash import uf2
from host_tools.flash.errors import FlashError

Progress = Callable[[int, int], None]  # bytes done, of all

FOLDERS = "PLOTPOST_DRIVES"
"""Environment: the folders that drives are mounted at, where the system does not tell; separated as in PATH."""

_INFO = "INFO_UF2.TXT"
_FAMILIES = {  # by Board-ID, which is the drive's name too
    "RPI-RP2": (uf2.RP2040,),
    "RP2350": (uf2.RP2350_ARM_S, uf2.RP2350_RISCV, uf2.RP2350_ARM_NS),
}
_FAT = ("vfat", "msdos", "fuseblk", "drvfs", "9p")
_MOUNTS = Path("/proc/self/mounts")
_LABELS = Path("/dev/disk/by-label")
_VOLUMES = Path("/Volumes")
_CHUNK_BYTES = 32 << 10
_GONE_S = 20.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Drive:
    """A mounted BOOTSEL drive. `board_id`: "RPI-RP2" (Pico, Pico W) or "RP2350" (Pico 2, Pico 2 W)."""

    path: Path
    board_id: str

    @property
    def families(self) -> tuple[int, ...]:
        """The UF2 families that its chip takes."""
        return _FAMILIES[self.board_id]

    def is_there(self) -> bool:
        with contextlib.suppress(OSError):
            return (self.path / _INFO).is_file()
        return False


def drives() -> list[Drive]:
    """Those of this machine; drives of other makers' boot loaders are not among them."""
    return [drive for folder in _folders() if (drive := _drive(folder)) is not None]


def not_mounted() -> str | None:
    """On Linux without a desktop: the device of a BOOTSEL drive that nobody has mounted."""
    mounted = {line.partition(" ")[0] for line in _mounts()}
    devices = [str((_LABELS / label).resolve()) for label in _FAMILIES if (_LABELS / label).exists()]
    return next((device for device in devices if device not in mounted), None)


def write(drive: Drive, content: bytes, name: str, progress: Progress) -> None:
    """Copies a UF2 file to the drive, and waits until the chip has restarted with it. Raises FlashError."""
    done = 0
    try:
        if shutil.disk_usage(drive.path).free < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with (drive.path / name).open("wb") as file:
            while done < len(content):
                if not drive.is_there():
                    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
                done += file.write(content[done : done + _CHUNK_BYTES])
                progress(done, len(content))
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        if done < len(content):  # when the last byte has come, the chip restarts and the drive is gone: no error
            raise FlashError(_trouble(drive, error, done, len(content))) from None
    _await_gone(drive)


def _folders() -> Iterable[Path]:
    if told := os.environ.get(FOLDERS):
        return [Path(folder) for folder in told.split(os.pathsep)]
    if sys.platform == "win32":
        return [Path(f"{letter}:\\") for letter in string.ascii_uppercase]
    if sys.platform == "darwin":
        return list(_VOLUMES.glob("*"))
    fields = [line.split(" ") for line in _mounts()]
    return [Path(_unescape(field[1])) for field in fields if len(field) > 2 and field[2] in _FAT]


def _mounts() -> list[str]:
    """Device, folder and kind of everything that is mounted on a Linux, one a line."""
    return _MOUNTS.read_text().splitlines() if _MOUNTS.exists() else []


def _unescape(text: str) -> str:
    """The escapes of getmntent(3)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _drive(folder: Path) -> Drive | None:
    try:
        text = (folder / _INFO).read_text(errors="replace")
    except OSError:
        return None
    found = re.search(r"^Board-ID:\s*(\S+)", text, re.MULTILINE)
    return Drive(folder, found[1]) if found and found[1] in _FAMILIES else None


def _trouble(drive: Drive, error: OSError, done: int, size: int) -> str:
    again = "then run the command again; it begins anew, and the board cannot be broken by this"
    if not drive.is_there():
        return (
            f"the drive {drive.path} went away after {done // 1024} of {size // 1024} KiB: check the cable, plug the board in with "
            f"BOOTSEL held, {again}"
        )
    if error.errno == errno.ENOSPC:
        return (
            f"{drive.path} has no room for {size // 1024} KiB: remove what you copied there, or plug the board in anew, {again}"
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"cannot write to {drive.path} ({error.strerror}): mount it so that you may write there, {again}"
    return f"cannot write to {drive.path} ({error.strerror}) after {done // 1024} of {size // 1024} KiB: plug the board in anew, {again}"


def _await_gone(drive: Drive) -> None:
    deadline = time.monotonic() + _GONE_S
    while drive.is_there():
        if time.monotonic() > deadline:
            raise FlashError(
                f"the board did not take the firmware: {drive.path} is still there; plug the board in anew with BOOTSEL held, and run the "
                "command again"
            )
        time.sleep(_POLL_S)
