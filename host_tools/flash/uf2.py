"""UF2 files, which a Pico's BOOTSEL drive takes.

Format: https://github.com/microsoft/uf2; families: RP2350 datasheet, 5.5.3 "UF2 targeting rules".
"""

import struct
from dataclasses import dataclass

FLASH_START = 0x1000_0000
SECTOR_BYTES = 4096

RP2040 = 0xE48BFF56
ABSOLUTE = 0xE48BFF57
RP2350_ARM_S = 0xE48BFF59
RP2350_RISCV = 0xE48BFF5A
RP2350_ARM_NS = 0xE48BFF5B
FAMILIES = {
    RP2040: "RP2040",
    RP2350_ARM_S: "RP2350 (Arm)",
    RP2350_RISCV: "RP2350 (RISC-V)",
    RP2350_ARM_NS: "RP2350 (Arm, not secure)",
}

_BLOCK_BYTES = 512
_PAGE_BYTES = 256
_DATA_BYTES = 476
_HEAD = struct.Struct("<8I")
_BEGINNING = b"UF2\n"
_MAGICS = (0x0A324655, 0x9E5D5157)
_END_MAGIC = struct.pack("<I", 0x0AB16F30)
_NOT_FOR_FLASH = 0x0001
_FAMILY_GIVEN = 0x2000
_ERASED = b"\xff"


class Uf2Error(ValueError):
    """The file is no UF2, or not a whole one. The text says what is wrong, and does not name the file."""


@dataclass(frozen=True)
class Program:
    """What a UF2 writes: `content` from `address` on, for chips of this family.

    `guard`: the block of the absolute family that stands before programs for the RP2350 (erratum RP2350-E10), or nothing.
    """

    family: int
    address: int
    content: bytes
    guard: bytes = b""

    def filled(self, flash_bytes: int) -> "Program":
        """The same with erased bytes behind it, to the flash's end."""
        size = FLASH_START + flash_bytes - self.address
        return Program(self.family, self.address, self.content.ljust(size, _ERASED), self.guard)

    def uf2(self) -> bytes:
        """As a file. Every sector but the last is whole, which the RP2040's boot ROM needs (erratum RP2040-E14)."""
        starts = range(0, len(self.content), _PAGE_BYTES)
        return self.guard + b"".join(self._block(number, start, len(starts)) for number, start in enumerate(starts))

    def _block(self, number: int, start: int, of: int) -> bytes:
        page = self.content[start : start + _PAGE_BYTES].ljust(_PAGE_BYTES, _ERASED)
        head = _HEAD.pack(*_MAGICS, _FAMILY_GIVEN, self.address + start, _PAGE_BYTES, number, of, self.family)
        return head + page.ljust(_DATA_BYTES, b"\0") + _END_MAGIC


@dataclass(frozen=True)
class _Block:
    flags: int
    address: int
    number: int
    of: int
    family: int
    page: bytes
    raw: bytes


def family_name(family: int) -> str:
    """The chip for people."""
    return FAMILIES.get(family, f"an unknown chip (family 0x{family:08x})")


def parse(content: bytes) -> Program:
    """The one program in a file. Raises Uf2Error: a block is damaged or missing, or they are for several chips."""
    if not content.startswith(_BEGINNING):
        raise Uf2Error("it is no UF2 file")
    if len(content) % _BLOCK_BYTES:
        raise Uf2Error(f"its end is missing: {len(content)} bytes are no whole number of blocks")
    blocks = [_parse_block(content, start) for start in range(0, len(content), _BLOCK_BYTES)]
    guard = b"".join(block.raw for block in blocks if block.family == ABSOLUTE)
    blocks = [block for block in blocks if block.family != ABSOLUTE and not block.flags & _NOT_FOR_FLASH]
    families = {block.family for block in blocks}
    if len(families) != 1:
        names = " and ".join(sorted(family_name(family) for family in families)) or "none"
        raise Uf2Error(f"it must be for one chip, and is for {names}")
    _check_numbers(blocks)
    return Program(blocks[0].family, min(block.address for block in blocks), _join(blocks), guard)


def _parse_block(content: bytes, start: int) -> _Block:
    raw = content[start : start + _BLOCK_BYTES]
    magic0, magic1, flags, address, size, number, of, family = _HEAD.unpack_from(raw)
    where = f"block {start // _BLOCK_BYTES}"
    if (magic0, magic1) != _MAGICS or raw[-4:] != _END_MAGIC:
        raise Uf2Error(f"it is damaged: {where} is no UF2 block")
    if not flags & _FAMILY_GIVEN:
        raise Uf2Error(f"it does not say for which chip it is ({where})")
    if size != _PAGE_BYTES or address % _PAGE_BYTES:
        raise Uf2Error(f"it is damaged: {where} holds {size} bytes for 0x{address:08x}, no page of flash")
    return _Block(flags, address, number, of, family, raw[_HEAD.size : _HEAD.size + size], raw)


def _check_numbers(blocks: list[_Block]) -> None:
    """The chip restarts when it has seen as many blocks as each announces: none may be missing or come twice."""
    announced = {block.of for block in blocks}
    if announced != {len(blocks)}:
        raise Uf2Error(f"it is not whole: {max(announced)} blocks are announced, {len(blocks)} are there")
    if {block.number for block in blocks} != set(range(len(blocks))):
        raise Uf2Error("it is damaged: some blocks come twice, others are missing")


def _join(blocks: list[_Block]) -> bytes:
    """The bytes of all pages; whole sectors that are left out between them are erased bytes."""
    blocks = sorted(blocks, key=lambda block: block.address)
    start = expected = blocks[0].address
    parts = []
    for block in blocks:
        gap = block.address - expected
        if gap < 0:
            raise Uf2Error(f"it is damaged: two blocks write to 0x{block.address:08x}")
        if gap and (expected % SECTOR_BYTES or block.address % SECTOR_BYTES):
            raise Uf2Error(f"it is damaged: what belongs to 0x{expected:08x} is missing")
        parts.append(_ERASED * gap + block.page)
        expected = block.address + _PAGE_BYTES
    if start % SECTOR_BYTES:
        raise Uf2Error(f"it begins at 0x{start:08x}, within a sector of flash")
    return b"".join(parts)
