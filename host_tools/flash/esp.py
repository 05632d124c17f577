"""Writes an image to an ESP32 with esptool, as a process of its own; what it says of a failure becomes one line with a remedy."""

import codecs
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from host_tools import boards
from host_tools.boards import Board, Esp
from host_tools.device import PortError, refusal, trouble
from host_tools.flash.errors import FlashError
from host_tools.flash.images import Image

Say = Callable[[str], None]
Progress = Callable[[int, int], None]  # per mille done, of 1000

SLOW_BAUD = 115200  # at which every cable and USB bridge works

_PERCENT = re.compile(r"Writing at 0x[0-9a-f]+.*?(\d+(?:\.\d+)?) ?%")
_ERROR = re.compile(r"A (fatal|serial exception) error occurred: (.*)")
_SERIAL = "serial exception"  # pyserial's: the port itself failed
_NOT_RESET = "was NOT reset"
_FLASH_SIZE = re.compile(r"Detected flash size: (\d+)(KB|MB)")
_REVISION = re.compile(r"requires chip revision in range (\S+) - \S+ \(this chip is revision (\S+)\)")
_UNITS_KIB = {"KB": 1, "MB": 1024}
_READ_BYTES = 4096
_UNTOUCHED = "Nothing was written: what was there before goes on after RESET (EN)"


class _Noise(FlashError):
    """Whatever else esptool says: what arrives is not what was sent, and a lower rate may help."""


@dataclass(frozen=True)
class _Ended:
    status: int
    output: str


def write(board: Board, loader: Esp, port: str, image: Image, *, erase: bool, say: Say, progress: Progress) -> bool:
    """Writes and verifies; False when the board must be reset by hand, because its port has no lines for that. Raises DeviceError."""
    if why := trouble(port):
        raise PortError(why)
    _require_flash(board, loader, port, image)
    try:
        return _write(board, loader, port, image, loader.baud, erase, progress)
    except _Noise:
        if loader.baud <= SLOW_BAUD:
            raise
        say(f"The line to {port} is noisy at {loader.baud} baud: once more at {SLOW_BAUD}")
        return _write(board, loader, port, image, SLOW_BAUD, erase, progress)


def _require_flash(board: Board, loader: Esp, port: str, image: Image) -> None:
    """Whether the flash chip is as large as the image wants; the chip stays in its loader."""
    ended = _run(loader, port, SLOW_BAUD, "--after", "no-reset", "flash-id")
    if ended.status:
        raise _failure(board, port, ended.output)
    found = _FLASH_SIZE.search(ended.output)
    kib = int(found[1]) * _UNITS_KIB[found[2]] if found else None
    if kib is not None and image.flash_kib is not None and kib < image.flash_kib:
        raise FlashError(
            f"{image.path.name} is made for {image.flash_kib // 1024} MiB of flash, the board at {port} has {kib / 1024:g}: "
            f"it would not start. {_UNTOUCHED}. Take a build for so much flash, or another board"
        )


def _write(board: Board, loader: Esp, port: str, image: Image, baud: int, erase: bool, progress: Progress) -> bool:
    all_of_it = ["--erase-all"] if erase else []
    ended = _run(loader, port, baud, "write-flash", *all_of_it, hex(loader.offset), str(image.path), progress=progress)
    if ended.status:
        raise _failure(board, port, ended.output)
    return _NOT_RESET not in ended.output


def _run(loader: Esp, port: str, baud: int, *arguments: str, progress: Progress = lambda done, of: None) -> _Ended:
    command = [sys.executable, "-u", "-m", "esptool", "--chip", loader.chip, "--port", port, "--baud", str(baud), *arguments]
    output = ""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        try:
            for piece in _pieces(process.stdout):
                output += piece
                if found := _PERCENT.findall(output[-_READ_BYTES:]):
                    progress(round(float(found[-1]) * 10), 1000)
        except BaseException:
            process.terminate()
            raise
    return _Ended(process.returncode, output)


def _pieces(stream: IO[bytes]) -> Iterator[str]:
    """As soon as it comes: a progress bar has no ends of lines."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while data := stream.read1(_READ_BYTES):  # type: ignore[attr-defined]
        yield decoder.decode(data)


def _failure(board: Board, port: str, output: str) -> FlashError:
    errors = _ERROR.findall(output)
    kind, reason = errors[-1] if errors else ("", (output.strip().splitlines() or ["it said nothing"])[-1])
    if kind == _SERIAL:
        return FlashError(f"the board at {port} went away while it was written: check the cable, and {_AGAIN}")
    if "Could not open" in reason:
        return FlashError(refusal(port))
    if found := re.search(r"This chip is (\S+), not", reason):
        return _wrong_chip(board, port, found[1])
    if found := _REVISION.search(reason):
        return FlashError(
            f"the chip at {port} is of revision {found[2]}, the image is for {found[1]} and newer. {_UNTOUCHED}. Take a board with a newer "
            "chip, or a build of your own"
        )
    for pattern, text in _REFUSALS:
        if re.search(pattern, reason):
            return FlashError(text.format(port=port, board=board, reason=reason))
    return _Noise(f"writing to {port} failed ({reason}): take a shorter cable, no hub, another USB port, and {_AGAIN}")


def _wrong_chip(board: Board, port: str, chip: str) -> FlashError:
    key = chip.lower().replace("-", "")
    names = [each.name for each in boards.load_all().values() if isinstance(each.loader, Esp) and each.loader.chip == key]
    remedy = f"give --board {' or --board '.join(names)}" if names else "plotpost does not know it"
    return FlashError(f"the chip at {port} is an {chip}, not that of {board.product}; nothing was written: {remedy}")


_AGAIN = "run the same command again; it begins anew, and the chip's own loader cannot be broken by this"
_REFUSALS: tuple[tuple[str, str], ...] = (
    (
        r"Failed to connect",
        "no boot loader answers at {port}; nothing was written. {board.bootloader_steps} Then run the command again",
    ),
    (
        r"MD5 of file does not match|written flash region is empty",
        "what was written does not read back the same: run the command again, without a hub in between; if it happens again, the flash "
        "chip is worn out",
    ),
    (
        r"will not fit|brick|Secure|[Ee]ncrypt",
        "esptool refuses to write to the chip at {port}: {reason}",
    ),
)
