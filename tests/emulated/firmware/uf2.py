"""A firmware as the UF2 file that people copy to a BOOTSEL drive.

Format: https://github.com/microsoft/uf2. Written for the tests alone, apart from what the product reads such files with.
"""

import struct
from pathlib import Path

RP2040 = 0xE48BFF56
FLASH = 0x10000000
_PAYLOAD = 256
_FAMILY_PRESENT = 0x2000


def make(image: bytes, family: int = RP2040, address: int = FLASH) -> bytes:
    """Blocks of 512 bytes, each with 256 of the image."""
    pages = [image[start : start + _PAYLOAD].ljust(_PAYLOAD, b"\0") for start in range(0, len(image), _PAYLOAD)]
    return b"".join(_block(page, number, len(pages), family, address) for number, page in enumerate(pages))


def write(firmware: Path, folder: Path, name: str = "RPI_PICO-20250911-v1.26.1.uf2") -> Path:
    """The path of the file in `folder`, named as MicroPython's downloads are."""
    path = folder / name
    path.write_bytes(make(firmware.read_bytes()))
    return path


def _block(page: bytes, number: int, of: int, family: int, address: int) -> bytes:
    start = address + number * _PAYLOAD
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, _FAMILY_PRESENT, start, _PAYLOAD, number, of, family)
    return head + page.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)
