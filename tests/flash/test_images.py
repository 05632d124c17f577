"""An image is checked before anything is written: whole, what it is said to be, MicroPython, for this board, not too old."""

import hashlib
from pathlib import Path

import pytest

from host_tools import boards
from host_tools.boards import Board
from host_tools.flash import images
from host_tools.flash.errors import ImageError
from tests.flash import esp_images, pico_images

RP2350_ARM, RP2350_RISCV = 0xE48BFF59, 0xE48BFF5A


@pytest.fixture
def pico() -> Board:
    return boards.load("pico")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "firmware"


def test_the_version_and_what_was_checked_are_told(tmp_path: Path, pico: Board) -> None:
    file = pico_images.saved(tmp_path)
    image = images.load(file, pico)
    assert (image.version, image.release) == ((1, 28, 0), "1.28.0")
    assert image.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert image.checked == ("UF2 for RP2040, every block there",)


@pytest.mark.parametrize(("board", "chip_id", "offset"), [("esp32", 0, 0x1000), ("esp32_c3", 5, 0)])
def test_an_image_for_esptool_is_checked_by_its_own_hash(board: str, chip_id: int, offset: int, file: Path) -> None:
    chosen = boards.load(board)
    assert chosen.firmware is not None
    file.write_bytes(esp_images.firmware(chip_id, offset, chosen.firmware.name))
    assert images.load(file, chosen).checked == (f"image for {chosen.mcu}, its own SHA-256 right",)


def test_a_given_sha256_is_compared(tmp_path: Path, pico: Board) -> None:
    file = pico_images.saved(tmp_path)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert images.load(file, pico, digest.upper()).checked[0] == "SHA-256 as given"
    with pytest.raises(ImageError, match=f"is not what it should be: its SHA-256 is {digest}, the one given is 0000"):
        images.load(file, pico, "0" * 64)


def test_a_sha256_beside_the_file_is_compared(tmp_path: Path, pico: Board) -> None:
    file = pico_images.saved(tmp_path)
    beside = tmp_path / f"{file.name}.sha256"
    beside.write_text(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n")
    assert images.load(file, pico).checked[0] == f"SHA-256 as in {beside.name}"
    file.write_bytes(file.read_bytes()[:-512])
    with pytest.raises(ImageError, match=f"the one in {beside.name} is"):
        images.load(file, pico)


def test_what_is_no_sha256_is_named(tmp_path: Path, pico: Board) -> None:
    with pytest.raises(ImageError, match="the SHA-256 given is none: it must be 64 hexadecimal digits"):
        images.load(pico_images.saved(tmp_path), pico, "d41d8cd98f00b204e9800998ecf8427e")


@pytest.mark.parametrize(
    ("board", "content", "reason"),
    [
        ("pico", b"", "cannot be used: it is no UF2 file"),
        ("pico", pico_images.firmware()[:-512], "is not whole: 391 blocks are announced, 390 are there"),
        ("pico", esp_images.firmware(0, 0x1000, "ESP32_GENERIC"), "it is no UF2 file"),
        (
            "pico",
            pico_images.firmware(family=RP2350_ARM),
            r"is for RP2350 \(Arm\), but Pico needs one for RP2040; nothing was written",
        ),
        ("pico2", pico_images.firmware(), r"is for RP2040, but Pico 2 needs one for RP2350 \(Arm\)"),
        ("pico2", pico_images.firmware(family=RP2350_RISCV), r"is for RP2350 \(RISC-V\), but"),
        ("pico", pico_images.firmware(size=2_200_000), "does not fit into the 2048 KiB flash of Pico"),
        ("pico", pico_images.firmware(version="x"), "there is no MicroPython in firmware"),
        ("pico", pico_images.firmware("RPI_PICO_W"), r"is for Pico W \(RPI_PICO_W\), not for Pico; give --board pico_w"),
        ("pico_w", pico_images.firmware("RPI_PICO"), r"is for Pico \(RPI_PICO\), not for Pico W; give --board pico"),
        (
            "pico_w",
            pico_images.firmware("RPI_PICO_W", "1.27.0"),
            r"is MicroPython 1\.27\.0, and .* needs 1\.28\.0 or later: before that .*issue 18797",
        ),
        ("esp32", pico_images.firmware(), "its boot loader is missing"),
        (
            "esp32",
            esp_images.firmware(9, 0x1000, "ESP32_GENERIC_S3"),
            "is for ESP32-S3, but .* has an ESP32; nothing was written",
        ),
        ("esp32_s3", esp_images.firmware(9, 0, "ESP32_GENERIC_S3")[:70_000], "the end of program is missing|its program"),
        (
            "esp32_c3",
            esp_images.firmware(0, 0x1000, "ESP32_GENERIC"),
            "is for ESP32, but .* has an ESP32-C3; nothing was written",
        ),
        ("esp32", esp_images.firmware(0, 0x1000, "ESP32_GENERIC", "1.25.0"), r"MicroPython 1\.25\.0, and .* needs 1\.26\.0"),
        ("linux", b"anything", "takes no firmware"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(board: str, content: bytes, reason: str, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        images.load(file, boards.load(board))


def test_a_refusal_says_where_the_right_one_is(file: Path, pico: Board) -> None:
    file.write_bytes(b"<html>")
    with pytest.raises(ImageError, match=r"take RPI_PICO….uf2 from https://micropython\.org/download/RPI_PICO/"):
        images.load(file, pico)


@pytest.mark.parametrize("build", ["RPI_PICO-THREADLESS", "MY_OWN_BOARD"])
def test_variants_and_builds_of_ones_own_are_taken(build: str, file: Path, pico: Board) -> None:
    file.write_bytes(pico_images.firmware(build))
    assert images.load(file, pico).release == "1.28.0"


def test_a_file_that_is_not_there_is_named(file: Path, pico: Board) -> None:
    with pytest.raises(ImageError, match=f"cannot read {file}: No such file"):
        images.load(file, pico)


def test_a_file_far_too_large_is_not_read(file: Path, pico: Board) -> None:
    with file.open("wb") as large:
        large.truncate(1 << 40)
    with pytest.raises(ImageError, match="is too large for a firmware"):
        images.load(file, pico)
