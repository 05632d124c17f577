"""MicroPython onto a board: the right image, checked before anything is written; the board told to take it; its answer awaited."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from host_tools import ports
from host_tools.boards import Board, Esp, Uf2, Version
from host_tools.device import Device, NoAnswer, recognised
from host_tools.flash import bootsel, download, esp, images, waiting
from host_tools.flash.answer import await_answer
from host_tools.flash.errors import FlashError, ImageError
from host_tools.flash.images import Image

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]  # what is done: "download" or "write"; how much, of all


@dataclass(frozen=True)
class Flashed:
    """What is on the board now. `port` and `running` are None when it must be reset by hand, and so could not be asked."""

    image: Image
    port: str | None
    running: str | None


def run(
    board: Board,
    port: str | None,
    file: Path | None = None,
    *,
    sha256: str | None = None,
    erase: bool = False,
    patience_s: float = 0,
    say: Say,
    progress: Progress,
) -> Flashed:
    """Puts MicroPython on the board, from `file` or downloaded; `erase` empties the rest of its flash.

    `port` may be None for a board that shows its BOOTSEL drive or is the only one attached. `patience_s`: how long to wait for somebody to
    press a button. Raises DeviceError; before anything is written where that can be known.
    """
    image = images.load(file, board, sha256) if file else image_for(board, sha256=sha256, say=say, progress=progress)
    say(f"MicroPython {image.release} from {image.path.name}: {'; '.join(image.checked)}")
    match board.loader:
        case Uf2():
            return _by_drive(board, port, image, erase, patience_s, say, progress)
        case Esp() as loader:
            return _by_esptool(board, loader, port or ports.only(), image, erase, say, progress)
    raise FlashError(f"{board.product} takes no firmware")


def board_at(port: str | None) -> Board:
    """What is attached, where it says so: by its MicroPython at `port`, or by its drive. Raises DeviceError."""
    drives = bootsel.drives()
    if port is None and drives:
        return waiting.board_of(drives[0])
    if port is None and not ports.attached():
        raise FlashError(
            "no board shows itself. A new Pico: hold its BOOTSEL button while you plug it in. Take a cable that carries data"
        )
    port = port or ports.only()
    try:
        with Device.open(port) as device:
            facts = device.facts
            device.resume()  # it may be long until the image is there, or never
    except NoAnswer:
        raise FlashError(
            f"nothing at {port} says which board it is: look at `plotpost boards`, and give yours with --board"
        ) from None
    return recognised(facts)


def image_for(board: Board, version: Version | None = None, *, sha256: str | None = None, say: Say, progress: Progress) -> Image:
    """The newest release for a board, or that of `version`: from the cache, or downloaded into it. Raises DeviceError."""
    if board.firmware is None:
        raise FlashError(f"{board.product} takes no firmware")
    try:
        offered = download.releases(board.firmware)
    except download.Unreachable as why:
        offered = download.kept(board.firmware)
        if not offered:
            raise FlashError(
                f"{why}, and no firmware for {board.product} was downloaded before: get {board.firmware.name}…{board.firmware.suffix} "
                f"from {board.firmware.page} elsewhere, and give it with --file"
            ) from None
        say(f"{why}: taking what was downloaded before")
    firmware, oldest = board.firmware, board.firmware.oldest
    good = (one for one in offered if version in (None, one.version) and not firmware.outdated(one.version))
    if (release := next(good, None)) is None:
        wanted = f" {'.'.join(map(str, version))}" if version else f" {oldest.release} or later" if oldest else ""
        raise FlashError(f"{board.firmware.page} offers no MicroPython{wanted} for {board.product}; give a file with --file")
    path = download.path_of(release)
    if not path.exists():
        say(f"Downloading {release.url}")
        digest = download.fetch(release, lambda done, of: progress("download", done, of))
        say(f"Its server publishes no checksum; its SHA-256, {digest}, is kept, and compared whenever this file is used again")
    try:
        return images.load(path, board, sha256)
    except ImageError as error:
        download.forget(path)
        raise ImageError(f"{error} (it was removed from the cache; run the command again to download it anew)") from None


def _by_drive(
    board: Board, port: str | None, image: Image, erase: bool, patience_s: float, say: Say, progress: Progress
) -> Flashed:
    assert image.program is not None
    assert board.flash_kib is not None
    drive = waiting.find_drive(board, port, patience_s, say)
    before = {attached.port for attached in ports.attached()}  # the board's own is gone while its drive is there
    say(f"Writing to {drive.path}; leave the board plugged in")
    program = image.program.filled(board.flash_kib * 1024) if erase else image.program
    bootsel.write(drive, program.uf2(), image.path.name, lambda done, of: progress("write", done, of))
    return Flashed(image, *await_answer(port, before))


def _by_esptool(board: Board, loader: Esp, port: str, image: Image, erase: bool, say: Say, progress: Progress) -> Flashed:
    before = {attached.port for attached in ports.attached()}
    say(f"Writing to the board at {port}; leave it plugged in")
    was_reset = esp.write(board, loader, port, image, erase=erase, say=say, progress=lambda done, of: progress("write", done, of))
    return Flashed(image, *await_answer(port, before)) if was_reset else Flashed(image, None, None)
