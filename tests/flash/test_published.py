"""MicroPython's published images for ESP32s, written by the real esptool to the loaders of their chips, and compared byte by byte."""

from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools import boards, flash
from host_tools.boards import Esp
from host_tools.flash.errors import FlashError, ImageError
from tests import processes
from tests.emulated.errors import Missing
from tests.emulated.firmware import stock
from tests.flash.rom_loader import (
    ESP32,
    ESP32_C3,
    ESP32_C3_REVISION,
    ESP32_C6,
    ESP32_S2,
    ESP32_S3,
    FLASH_BYTES,
    SECTOR,
    RomLoader,
)
from tests.flash.told import Told

CHIPS = {"esp32": ESP32, "esp32_s2": ESP32_S2, "esp32_s3": ESP32_S3, "esp32_c3": ESP32_C3, "esp32_c6": ESP32_C6}
OFFSETS = {
    "esp32": 0x1000,
    "esp32_s2": 0x1000,
    "esp32_s3": 0,
    "esp32_c3": 0,
    "esp32_c6": 0,
}  # the chips' datasheets, a second time
OTHERS = dict(zip(CHIPS, [*list(CHIPS)[1:], "esp32"], strict=True))


def published(board: str) -> Path:
    try:
        return stock.image(board)
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def port(tmp_path: Path) -> Path:
    return tmp_path / "ttyUSB0"


@pytest.fixture
def write(told: Told, port: Path) -> Callable[[str, Path], flash.Flashed]:
    return lambda board, image: flash.run(boards.load(board), str(port), image, say=told.say, progress=told.progress)


def test_every_esp32_is_among_them() -> None:
    known = {board.name for board in boards.load_all().values() if isinstance(board.loader, Esp)}
    assert known == set(CHIPS) == set(OFFSETS) == set(stock.RELEASES) - {"pico_w"}


@pytest.mark.parametrize("board", list(CHIPS))
def test_what_is_on_flash_afterwards_is_the_image_at_its_offset_and_nothing_else(board: str, tmp_path: Path, port: Path) -> None:
    image, offset = published(board), OFFSETS[board]
    content = image.read_bytes()
    with RomLoader(CHIPS[board], port) as loader:
        loader.flash[:] = bytes(FLASH_BYTES)
        published_as = ("--sha256", stock.RELEASES[board].sha256)
        done = processes.run(tmp_path, "flash", "--board", board, "--port", str(port), "--file", str(image), *published_as)
        assert done.returncode == 0, done.stderr
        end = offset + len(content)
        whole = end + -end % SECTOR
        assert loader.flash[:offset] == bytes(offset)
        assert loader.flash[offset:end] == content
        assert loader.flash[end:whole] == b"\xff" * (whole - end)
        assert loader.flash[whole:] == bytes(FLASH_BYTES - whole)
    assert (
        f"MicroPython 1.27.0 from {image.name}: SHA-256 as given; image for {boards.load(board).mcu}, its own SHA-256 right"
        in done.stdout
    )


@pytest.mark.parametrize("board", list(CHIPS))
def test_the_image_of_another_chip_is_refused(board: str, port: Path, write: Callable[[str, Path], flash.Flashed]) -> None:
    with RomLoader(CHIPS[board], port) as loader:
        with pytest.raises(ImageError, match=r"is for ESP32.*, but .* has an ESP32.*; nothing was written; take ESP32_GENERIC"):
            write(board, published(OTHERS[board]))
        assert loader.written_at == []


@pytest.mark.parametrize("board", list(CHIPS))
def test_another_chip_at_the_port_is_refused(board: str, port: Path, write: Callable[[str, Path], flash.Flashed]) -> None:
    with RomLoader(CHIPS[OTHERS[board]], port) as loader:
        with pytest.raises(FlashError, match=rf"is an {loader.chip.name}, not that of .*; nothing was written: give --board"):
            write(board, published(board))
        assert loader.written_at == []


@pytest.mark.parametrize("board", list(CHIPS))
def test_less_flash_than_the_image_is_made_for_is_refused(
    board: str, port: Path, write: Callable[[str, Path], flash.Flashed]
) -> None:
    """It would fit, and never start: its boot loader wants 4 MiB."""
    with RomLoader(CHIPS[board], port) as loader:
        loader.capacity = (2 << 20).bit_length() - 1
        with pytest.raises(
            FlashError, match=r"made for 4 MiB of flash, the board at .* has 2: it would not start\. Nothing was written"
        ):
            write(board, published(board))
        assert loader.written_at == []


def test_a_chip_too_old_for_the_image_is_told(port: Path, write: Callable[[str, Path], flash.Flashed]) -> None:
    with RomLoader(ESP32_C3, port) as loader:
        loader.registers[ESP32_C3_REVISION] = 2 << 18
        with pytest.raises(FlashError, match=r"is of revision v0\.2, the image is for v0\.3 and newer\. Nothing was written"):
            write("esp32_c3", published("esp32_c3"))
        assert loader.written_at == []


@pytest.mark.parametrize("board", list(CHIPS))
def test_a_cut_image_and_a_changed_byte_are_refused(
    board: str, port: Path, tmp_path: Path, write: Callable[[str, Path], flash.Flashed]
) -> None:
    content = published(board).read_bytes()
    whole = len(content)
    for size in (100, 0x7000, 0x8010, whole // 2, whole - 1):
        _refused(content[:size], tmp_path, board, port, write)
    for at in (0x30, 0x2000, 0x8004 - OFFSETS[board], 0x10100, whole // 2, whole - 1):
        _refused(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], tmp_path, board, port, write)


def _refused(content: bytes, folder: Path, board: str, port: Path, write: Callable[[str, Path], flash.Flashed]) -> None:
    """Before the port is looked at: there is none."""
    image = folder / "image.bin"
    image.write_bytes(content)
    with pytest.raises(
        ImageError, match=r"image\.bin cannot be used: .*(missing|damaged|holds no partition table).*; take ESP32_GENERIC"
    ):
        write(board, image)
