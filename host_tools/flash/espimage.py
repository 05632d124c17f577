"""Firmware images of the ESP32 family: boot loader, partition table and program in one file, as MicroPython publishes them.

Formats: "App Image Format" and "Partition Tables" in the ESP-IDF Programming Guide.
"""

import hashlib
import struct
from dataclasses import dataclass

CHIPS = {
    "esp32": 0,
    "esp32s2": 2,
    "esp32c3": 5,
    "esp32s3": 9,
    "esp32c2": 12,
    "esp32c6": 13,
    "esp32h2": 16,
    "esp32p4": 18,
    "esp32c5": 23,
}
"""The chip id in an image's head, by esptool's name of the chip."""

_MAGIC = 0xE9
_HEAD_BYTES = 24
_FLASH_SIZE_AT = 3  # in its upper half: MiB, as a power of two
_CHIP_ID_AT = 12
_HASH_APPENDED_AT = 23
_CHECKSUM_SEED = 0xEF
_HASH_BYTES = 32

_PARTITIONS_AT = 0x8000  # ESP-IDF's CONFIG_PARTITION_TABLE_OFFSET; MicroPython keeps the default
_PARTITION = struct.Struct("<2sBBII16sI")
_PARTITION_MAGIC = b"\xaa\x50"
_PARTITIONS_BYTES = 0xC00
_DIGEST_MAGIC = b"\xeb\xeb" + b"\xff" * 14
_APP = 0


class EspImageError(ValueError):
    """The file is no such image, or not a whole one. The text says what is wrong, and does not name the file."""


@dataclass(frozen=True)
class EspImage:
    """An image that is whole. `hashed`: its own SHA-256 is appended, and right. `flash_kib`: the flash that it is made for.

    A boot loader that finds less flash than that starts nothing.
    """

    chip_id: int
    length: int
    hashed: bool
    flash_kib: int


def chip_name(chip_id: int) -> str:
    """The chip for people: "ESP32-S3"."""
    for name, known in CHIPS.items():
        if known == chip_id:
            family, variant = name[:5], name[5:]
            return f"{family}-{variant}".rstrip("-").upper()
    return f"an unknown chip (id {chip_id})"


def chip_of(content: bytes) -> int:
    """The chip id in the head of an image. Raises EspImageError."""
    if len(content) < _HEAD_BYTES or content[0] != _MAGIC:
        raise EspImageError("its boot loader is missing")
    return int.from_bytes(content[_CHIP_ID_AT : _CHIP_ID_AT + 2], "little")


def check(content: bytes, offset: int) -> EspImage:
    """Boot loader and program of a firmware that is written to `offset`, as one. Raises EspImageError."""
    loader = _check_image(content, "its boot loader")
    start = _program_at(content, offset)
    program = _check_image(content[start:], "its program")
    if program.chip_id != loader.chip_id:
        raise EspImageError(f"its program is for {chip_name(program.chip_id)}, its boot loader for {chip_name(loader.chip_id)}")
    return EspImage(loader.chip_id, start + program.length, loader.hashed and program.hashed, loader.flash_kib)


def _check_image(content: bytes, what: str) -> EspImage:
    if len(content) < _HEAD_BYTES or content[0] != _MAGIC:
        raise EspImageError(f"{what} is missing")
    end, checksum = _walk_segments(content, what)
    end += 16 - end % 16  # the checksum is the last byte of 16
    if end > len(content):
        raise EspImageError(f"the end of {what.removeprefix('its ')} is missing")
    if content[end - 1] != checksum:
        raise EspImageError(f"{what} is damaged: its checksum is wrong")
    hashed = bool(content[_HASH_APPENDED_AT])
    if hashed and hashlib.sha256(content[:end]).digest() != content[end : end + _HASH_BYTES]:
        raise EspImageError(f"{what} is damaged: its SHA-256 is wrong")
    return EspImage(chip_of(content), end + hashed * _HASH_BYTES, hashed, 1024 << (content[_FLASH_SIZE_AT] >> 4))


def _walk_segments(content: bytes, what: str) -> tuple[int, int]:
    """Where the last segment ends, and the exclusive or of all their bytes."""
    at, checksum = _HEAD_BYTES, _CHECKSUM_SEED
    for _ in range(content[1]):
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8 + length
        if at > len(content):
            raise EspImageError(f"the end of {what.removeprefix('its ')} is missing")
        checksum ^= _xor(content[at - length : at])
    return at, checksum


def _xor(data: bytes) -> int:
    """The exclusive or of all bytes; halves, because a loop over a megabyte of bytes is slow in Python."""
    number, length = int.from_bytes(data, "little"), len(data)
    while length > 1:
        length = (length + 1) // 2
        number = (number >> (8 * length)) ^ (number & ((1 << (8 * length)) - 1))
    return number


def _program_at(content: bytes, offset: int) -> int:
    """Where the first program of the partition table begins in the file."""
    entries = _partitions(content[_PARTITIONS_AT - offset :][:_PARTITIONS_BYTES])
    programs = [int(address) - offset for _, kind, _, address, _, _, _ in map(_PARTITION.unpack, entries) if kind == _APP]
    if not programs:
        raise EspImageError(
            "it holds no partition table with a program (an .app-bin is for updates of a running board: take the .bin)"
        )
    return programs[0]


def _partitions(table: bytes) -> list[bytes]:
    """The entries of a partition table; its MD5 may stand behind them."""
    entries = [table[at : at + _PARTITION.size] for at in range(0, len(table) - _PARTITION.size + 1, _PARTITION.size)]
    count = next((n for n, entry in enumerate(entries) if not entry.startswith(_PARTITION_MAGIC)), len(entries))
    end = count * _PARTITION.size
    digest = table[end : end + _PARTITION.size]
    if digest.startswith(_DIGEST_MAGIC) and digest[len(_DIGEST_MAGIC) :] != hashlib.md5(table[:end]).digest():
        raise EspImageError("its partition table is damaged: its MD5 is wrong")
    return entries[:count]
