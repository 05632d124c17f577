"""An ESP32's firmware is taken apart as esptool does it, and damage is named."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from host_tools.flash import espimage
from tests.flash import esp_images

S3 = 9


@pytest.fixture
def content() -> bytes:
    return esp_images.firmware(S3, 0, "ESP32_GENERIC_S3")


def test_esptool_finds_the_tests_image_valid(tmp_path: Path) -> None:
    """So that the other tests are about what esptool means by an image."""
    file = tmp_path / "image.bin"
    file.write_bytes(esp_images.image(S3, b"program" * 1000))
    done = subprocess.run([sys.executable, "-m", "esptool", "image-info", str(file)], capture_output=True, text=True)
    assert "ESP32-S3" in done.stdout
    assert done.stdout.count("(valid)") == 2, done.stdout


def test_a_whole_image_tells_its_chip_and_that_its_hash_is_right(content: bytes) -> None:
    image = espimage.check(content, 0)
    assert (image.chip_id, image.length, image.hashed) == (S3, len(content), True)


def test_the_boot_loaders_offset_moves_the_rest() -> None:
    content = esp_images.firmware(0, 0x1000, "ESP32_GENERIC")
    assert espimage.check(content, 0x1000).chip_id == 0


def test_an_image_without_its_own_hash_has_its_checksum_checked() -> None:
    content = bytearray(esp_images.firmware(S3, 0, "ESP32_GENERIC_S3"))
    program = esp_images.image(S3, b"program" * 1000, hashed=False)
    content[esp_images.PROGRAM_AT :] = program
    assert not espimage.check(bytes(content), 0).hashed
    content[esp_images.PROGRAM_AT + 100] ^= 1
    with pytest.raises(espimage.EspImageError, match="its program is damaged: its checksum is wrong"):
        espimage.check(bytes(content), 0)


@pytest.mark.parametrize("size", [0, 1, 23, 24, 40, 4000, 0x8000, 0x8010, 0x8020, 0x8050, 0x10000, 0x10010, 0x20000])
def test_a_cut_image_is_refused_wherever_it_was_cut(content: bytes, size: int) -> None:
    with pytest.raises(espimage.EspImageError, match=r"missing|holds no partition table"):
        espimage.check(content[:size], 0)


@pytest.mark.parametrize("at", [8, 100, 0x8004, 0x8048, 0x10008, 0x10100, 0x20000, -1])
def test_one_changed_byte_is_noticed(content: bytes, at: int) -> None:
    damaged = bytearray(content)
    damaged[at] ^= 0x40
    with pytest.raises(espimage.EspImageError, match="damaged"):
        espimage.check(bytes(damaged), 0)


@given(some.integers(0, 0x10200), some.binary(min_size=1, max_size=40), some.integers(0, 0x12000))
def test_whatever_stands_in_an_image_it_is_whole_or_refused_in_words(at: int, junk: bytes, size: int) -> None:
    content = esp_images.firmware(S3, 0, "ESP32_GENERIC_S3", size=1000)
    for damaged in (content[:at] + junk + content[at + len(junk) :], content[:size], junk + content, junk):
        with suppress(espimage.EspImageError):
            espimage.check(damaged, 0x1000 if at % 2 else 0)


def test_an_update_image_is_refused_with_what_to_take_instead(content: bytes) -> None:
    with pytest.raises(espimage.EspImageError, match=r"take the \.bin"):
        espimage.check(content[esp_images.PROGRAM_AT :], 0)


def test_a_program_for_another_chip_than_the_boot_loader_is_refused(content: bytes) -> None:
    mixed = content[: esp_images.PROGRAM_AT] + esp_images.firmware(5, 0, "ESP32_GENERIC_C3")[esp_images.PROGRAM_AT :]
    with pytest.raises(espimage.EspImageError, match="its program is for ESP32-C3, its boot loader for ESP32-S3"):
        espimage.check(mixed, 0)


def test_chips_are_named_as_their_maker_does() -> None:
    names = [espimage.chip_name(chip) for chip in (0, 2, 5, 9, 13, 99)]
    assert names == ["ESP32", "ESP32-S2", "ESP32-C3", "ESP32-S3", "ESP32-C6", "an unknown chip (id 99)"]
