"""UF2 files are read as the boot ROMs of RP2040 and RP2350 read them, and damage is named."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as some

from host_tools.flash import uf2
from tests.emulated.firmware.uf2 import make

RP2350_ARM = 0xE48BFF59
IMAGE = bytes(range(256)) * 40
BLOCK = 512


def changed(content: bytes, at: int, word: int) -> bytes:
    return content[:at] + struct.pack("<I", word) + content[at + 4 :]


def guard(content: bytes) -> bytes:
    """The block that picotool puts first: absolute family, far beyond the flash, number 0 of 2 although it is alone."""
    block = make(b"\xef" * 256, family=uf2.ABSOLUTE, address=0x10FFFF00)
    return changed(block, 24, 2) + content


def test_a_file_tells_family_address_and_content() -> None:
    program = uf2.parse(make(IMAGE))
    assert (program.family, program.address, program.content, program.guard) == (uf2.RP2040, uf2.FLASH_START, IMAGE, b"")


@given(some.binary(min_size=1, max_size=5000))
def test_what_is_written_reads_back_padded_to_pages(image: bytes) -> None:
    program = uf2.parse(uf2.Program(uf2.RP2040, uf2.FLASH_START, image).uf2())
    assert program.content == image.ljust(-(-len(image) // 256) * 256, b"\xff")


def test_the_guard_block_of_the_rp2350_is_kept_and_not_taken_for_the_program() -> None:
    content = guard(make(IMAGE, family=RP2350_ARM))
    program = uf2.parse(content)
    assert (program.family, program.address, program.content) == (RP2350_ARM, uf2.FLASH_START, IMAGE)
    assert program.uf2() == content


def test_blocks_may_come_in_any_order() -> None:
    content = make(IMAGE)
    blocks = [content[start : start + BLOCK] for start in range(0, len(content), BLOCK)]
    assert uf2.parse(b"".join(reversed(blocks))).content == IMAGE


def test_erasing_the_rest_writes_erased_bytes_to_the_end_of_flash() -> None:
    filled = uf2.parse(uf2.parse(guard(make(IMAGE, family=RP2350_ARM))).filled(64 * 1024).uf2())
    assert filled.content == IMAGE.ljust(64 * 1024, b"\xff")
    assert filled.guard


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no UF2 file"),
        (b"MZ" * 300, "no UF2 file"),
        (make(IMAGE)[:-1], "end is missing"),
        (make(IMAGE)[:-BLOCK], "40 blocks are announced, 39 are there"),
        (make(IMAGE) + make(IMAGE)[-BLOCK:], "40 blocks are announced, 41 are there"),
        (changed(make(IMAGE), BLOCK, 0), "block 1 is no UF2 block"),
        (changed(make(IMAGE), 2 * BLOCK - 4, 0), "block 1 is no UF2 block"),
        (changed(make(IMAGE), BLOCK + 16, 300), "block 1 holds 300 bytes"),
        (changed(make(IMAGE), BLOCK + 12, 0x10000101), "no page of flash"),
        (changed(make(IMAGE), BLOCK + 12, 0x10000000), "two blocks write to 0x10000000"),
        (changed(make(IMAGE), BLOCK + 12, 0x10008000), "what belongs to 0x10000100 is missing"),
        (changed(make(IMAGE), BLOCK + 20, 0), "some blocks come twice"),
        (changed(make(IMAGE), BLOCK + 8, 0), r"does not say for which chip it is \(block 1\)"),
        (make(IMAGE, address=0x10000100), "within a sector"),
        (make(IMAGE) + make(IMAGE, family=RP2350_ARM), r"is for RP2040 and RP2350 \(Arm\)"),
        (make(b"\xef" * 256, family=uf2.ABSOLUTE), "is for none"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(content: bytes, reason: str) -> None:
    with pytest.raises(uf2.Uf2Error, match=reason):
        uf2.parse(content)


def test_whole_sectors_may_be_left_out() -> None:
    pages = make(IMAGE[:4096]) + make(IMAGE[:4096], address=0x10003000)
    for block in range(16, 32):
        pages = changed(pages, block * BLOCK + 20, block)
    for block in range(32):
        pages = changed(pages, block * BLOCK + 24, 32)
    assert uf2.parse(pages).content == IMAGE[:4096] + b"\xff" * 0x2000 + IMAGE[:4096]


def test_unknown_families_are_named_by_their_number() -> None:
    assert uf2.family_name(0x1234) == "an unknown chip (family 0x00001234)"
