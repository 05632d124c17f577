"""A firmware image from a file, checked: whole, MicroPython, for this board, and not too old."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from host_tools import boards
from host_tools.boards import Board, Esp, Uf2, Version
from host_tools.flash import espimage, uf2
from host_tools.flash.errors import ImageError

_LARGEST_BYTES = 64 << 20
_VERSION = re.compile(rb"MicroPython v(\d+)\.(\d+)\.(\d+)")
_SHA256 = re.compile(r"^[0-9a-fA-F]{64}\b")


@dataclass(frozen=True)
class Image:
    """A firmware that fits its board; `checked` says what was looked at.

    `program` is what a UF2 holds, None for esptool's kind; `flash_kib` is the flash that one of those is made for, None for a UF2.
    """

    path: Path
    version: Version
    sha256: str
    checked: tuple[str, ...]
    program: uf2.Program | None
    flash_kib: int | None

    @property
    def release(self) -> str:
        return ".".join(map(str, self.version))


def load(path: Path, board: Board, sha256: str | None = None) -> Image:
    """The image in a file. Its SHA-256 is compared with `sha256`, or with that in NAME.sha256 beside it. Raises ImageError."""
    content = _read(path)
    digest = hashlib.sha256(content).hexdigest()
    checked = [*_check_digest(path, digest, sha256)]
    program, flash_kib = None, None
    match board.loader:
        case Uf2(family):
            program = _check_uf2(path, content, board, family)
            payload = program.content
            checked.append(f"UF2 for {uf2.family_name(family)}, every block there")
        case Esp(chip, offset):
            found = _check_esp(path, content, board, chip, offset)
            payload, flash_kib = content, found.flash_kib
            checked.append(f"image for {board.mcu}, {'its own SHA-256' if found.hashed else 'its own checksum'} right")
        case None:
            raise ImageError(f"{board.product} takes no firmware")
    version = _check_version(path, payload, board)
    _check_build(path, payload, board)
    return Image(path, version, digest, tuple(checked), program, flash_kib)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ImageError(f"{path} is too large for a firmware")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror}") from None


def _check_digest(path: Path, digest: str, wanted: str | None) -> list[str]:
    beside = path.with_name(f"{path.name}.sha256")
    source = "given"
    if wanted is None and beside.exists():
        wanted, source = beside.read_text(errors="replace"), f"in {beside.name}"
    if wanted is None:
        return []
    found = _SHA256.match(wanted.strip())
    if found is None:
        raise ImageError(f"the SHA-256 {source} is none: it must be 64 hexadecimal digits")
    if found[0].lower() != digest:
        raise ImageError(f"{path.name} is not what it should be: its SHA-256 is {digest}, the one {source} is {found[0].lower()}")
    return [f"SHA-256 as {source}"]


def _check_uf2(path: Path, content: bytes, board: Board, family: int) -> uf2.Program:
    try:
        program = uf2.parse(content)
    except uf2.Uf2Error as error:
        raise ImageError(f"{path.name} cannot be used: {error}; {_remedy(board)}") from None
    if program.family != family:
        raise ImageError(
            f"{path.name} is for {uf2.family_name(program.family)}, but {board.product} needs one for {uf2.family_name(family)}; "
            f"nothing was written; {_remedy(board)}"
        )
    end = uf2.FLASH_START + (board.flash_kib or 0) * 1024
    if program.address != uf2.FLASH_START or program.address + len(program.content) > end:
        raise ImageError(f"{path.name} does not fit into the {board.flash_kib} KiB flash of {board.product}; {_remedy(board)}")
    return program


def _check_esp(path: Path, content: bytes, board: Board, chip: str, offset: int) -> espimage.EspImage:
    try:
        found = espimage.chip_of(content)
        if found == espimage.CHIPS[chip]:
            return espimage.check(content, offset)
    except espimage.EspImageError as error:
        raise ImageError(f"{path.name} cannot be used: {error}; {_remedy(board)}") from None
    raise ImageError(
        f"{path.name} is for {espimage.chip_name(found)}, but {board.product} has an "
        f"{espimage.chip_name(espimage.CHIPS[chip])}; nothing was written; {_remedy(board)}"
    )


def _check_version(path: Path, payload: bytes, board: Board) -> Version:
    """As it stands in the program itself, where `sys.version` takes it from."""
    found = _VERSION.search(payload)
    if found is None:
        raise ImageError(f"there is no MicroPython in {path.name}; {_remedy(board)}")
    version = int(found[1]), int(found[2]), int(found[3])
    oldest = board.firmware.outdated(version) if board.firmware else None
    if oldest is not None:
        raise ImageError(
            f"{path.name} is MicroPython {'.'.join(map(str, version))}, and {board.product} needs {oldest.release} or later: before that "
            f"{oldest.why}; {_remedy(board)}"
        )
    return version


def _check_build(path: Path, payload: bytes, board: Board) -> None:
    """An image that names itself after another known board, and not after this one, is refused; one of somebody's own is not."""
    assert board.firmware is not None
    if _names_itself(payload, board.firmware.name):
        return
    for other in boards.load_all().values():
        if other.firmware and _names_itself(payload, other.firmware.name):
            raise ImageError(
                f"{path.name} is for {other.product} ({other.firmware.name}), not for {board.product}; "
                f"give --board {other.name} if that is what you have; {_remedy(board)}"
            )


def _names_itself(payload: bytes, name: str) -> bool:
    """`sys.implementation._build` is a string of C: NAME or NAME-VARIANT."""
    return re.search(rb"(?<![A-Z0-9_])" + name.encode() + rb"(-[A-Z0-9_]+)?\0", payload) is not None


def _remedy(board: Board) -> str:
    if board.firmware is None:
        return "there is none for it"
    return f"take {board.firmware.name}…{board.firmware.suffix} from {board.firmware.page}, or leave --file out"
