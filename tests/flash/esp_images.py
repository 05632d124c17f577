"""Firmware for ESP32s as MicroPython publishes it: boot loader, partition table, program; small, and valid for esptool's image-info."""

import hashlib
import struct

PROGRAM_AT = 0x10000
_PARTITIONS_AT = 0x8000


def firmware(chip_id: int, offset: int, build: str, version: str = "1.28.0", size: int = 200_000) -> bytes:
    """What is written to `offset`; the program names itself `build`."""
    said = f"\0{build}\0003.4.0; MicroPython v{version} on 2026-04-06\0".encode()
    filler = hashlib.shake_256(build.encode()).digest(size)  # does not compress
    parts = {
        offset: image(chip_id, b"boot loader" * 300),
        _PARTITIONS_AT: partition_table(),
        PROGRAM_AT: image(chip_id, said + filler),
    }
    content = b""
    for at, part in sorted(parts.items()):
        content = content.ljust(at - offset, b"\xff") + part
    return content


def image(chip_id: int, data: bytes, *, hashed: bool = True) -> bytes:
    """One image with one segment."""
    data += b"\0" * (-len(data) % 4)
    head = struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, 0x4037C000 if chip_id else 0x40080000)
    head += struct.pack("<B3sHBHH4sB", 0xEE, b"\0\0\0", chip_id, 0, 0, 0xFFFF, b"\0\0\0\0", hashed)
    content = head + struct.pack("<II", 0x3FFB0000 if not chip_id else 0x3FC90000, len(data)) + data
    content += b"\0" * (15 - len(content) % 16)
    checksum = 0xEF
    for byte in data:
        checksum ^= byte
    content += bytes([checksum])
    return content + (hashlib.sha256(content).digest() if hashed else b"")


def partition_table() -> bytes:
    entries = [(1, 2, 0x9000, 0x6000, b"nvs"), (1, 1, 0xF000, 0x1000, b"phy_init"), (0, 0, PROGRAM_AT, 0x1F0000, b"factory")]
    table = b"".join(struct.pack("<2sBBII16sI", b"\xaa\x50", *entry, 0) for entry in entries)
    return table + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()
