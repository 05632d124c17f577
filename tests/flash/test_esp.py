"""The real esptool writes to emulated chips' loaders, and each failure is told in one line with a remedy."""

import fcntl
import random
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools import boards, flash
from host_tools.device import PortError
from host_tools.flash.errors import FlashError, ImageError
from tests import processes
from tests.flash import esp_images
from tests.flash.rom_loader import ESP32, ESP32_C3, ESP32_S3, FLASH_BYTES, SECTOR, Chip, RomLoader
from tests.flash.told import Told

ROOT = Path(__file__).parents[2]
SECURE_BOOT = 0x3FF5A018  # EFUSE_BLK0_RDATA6: bit 4 is ABS_DONE_0
KINDS = {"esp32": (ESP32, 0, 0x1000, "ESP32_GENERIC"), "esp32_s3": (ESP32_S3, 9, 0, "ESP32_GENERIC_S3")}
KINDS["esp32_c3"] = (ESP32_C3, 5, 0, "ESP32_GENERIC_C3")


def firmware(board: str) -> bytes:
    _, chip_id, offset, build = KINDS[board]
    return esp_images.firmware(chip_id, offset, build)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The firmware of an ESP32."""
    return saved(tmp_path, "esp32")


def saved(folder: Path, board: str) -> Path:
    path = folder / f"{KINDS[board][3]}-20260406-v1.28.0.bin"
    path.write_bytes(firmware(board))
    return path


@pytest.fixture
def port(tmp_path: Path) -> Path:
    return tmp_path / "ttyUSB0"


def write(told: Told, port: Path, image: Path, board: str = "esp32", erase: bool = False) -> flash.Flashed:
    return flash.run(boards.load(board), str(port), image, erase=erase, say=told.say, progress=told.progress)


@pytest.mark.parametrize("board", list(KINDS))
def test_the_image_comes_to_its_offset_and_nothing_else_changes(board: str, tmp_path: Path, port: Path) -> None:
    chip, _, offset, _ = KINDS[board]
    image = saved(tmp_path, board)
    content = image.read_bytes()
    with RomLoader(chip, port) as loader:
        loader.flash[-SECTOR:] = files = b"files on the board".ljust(SECTOR, b"\0")
        done = processes.run(tmp_path, "flash", "--board", board, "--port", str(port), "--file", str(image))
        assert done.returncode == 0, done.stderr
        assert loader.flash[offset : offset + len(content)] == content
        assert loader.flash[-SECTOR:] == files
        assert (
            loader.flash[offset + len(content) + SECTOR : -SECTOR].count(0xFF) == FLASH_BYTES - offset - len(content) - 2 * SECTOR
        )
    assert "MicroPython 1.28.0" in done.stdout
    assert "press RESET (EN)" in done.stdout  # a pseudo terminal has no line that resets the chip


def test_programs_get_one_line_of_json(tmp_path: Path, port: Path, image: Path) -> None:
    with RomLoader(ESP32, port):
        done = processes.run(tmp_path, "flash", "--board", "esp32", "--port", str(port), "--file", str(image), "--json")
    told = processes.last_json(done.stdout)
    assert (told["board"], told["version"], told["running"], told["file"]) == ("esp32", "1.28.0", None, image.name)
    assert done.stdout.count("\n") == 1


def test_the_rate_is_that_of_the_board_file_and_progress_is_told(told: Told, port: Path, image: Path) -> None:
    with RomLoader(ESP32, port) as loader:
        write(told, port, image)
        assert loader.bauds == [460800]
    assert told.steps[-1] == ("write", 1000, 1000)
    assert [done for _, done, _ in told.steps] == sorted(done for _, done, _ in told.steps)


def test_erase_empties_the_rest_of_the_flash(told: Told, port: Path, image: Path) -> None:
    with RomLoader(ESP32, port) as loader:
        loader.flash[-100:] = bytes(100)
        write(told, port, image, erase=True)
        assert loader.whole_erases == 1
        assert loader.flash[-100:] == b"\xff" * 100


@pytest.mark.parametrize(("board", "chip"), [("esp32_s3", ESP32_S3), ("esp32_c3", ESP32_C3)])
def test_another_chip_is_refused_before_anything_is_written(board: str, chip: Chip, told: Told, port: Path, image: Path) -> None:
    refusal = rf"the chip at {port} is an {chip.name}, not that of .*; nothing was written: give --board {board}"
    with RomLoader(chip, port) as loader:
        with pytest.raises(FlashError, match=refusal):
            write(told, port, image)
        assert loader.written_at == []


def test_a_chip_that_is_locked_is_left_alone(told: Told, port: Path, image: Path) -> None:
    with RomLoader(ESP32, port) as loader:
        loader.registers[SECURE_BOOT] = 1 << 4
        with pytest.raises(FlashError, match=r"esptool refuses to write to the chip at .*: Secure Boot V1 detected"):
            write(told, port, image)
        assert loader.written_at == []


def test_a_flash_that_is_too_small_is_told(told: Told, port: Path, image: Path) -> None:
    with RomLoader(ESP32, port) as loader:
        loader.capacity = 18  # 256 KiB
        with pytest.raises(FlashError, match=r"is made for 4 MiB of flash, the board at .* has 0\.25: .*Nothing was written"):
            write(told, port, image)
        assert loader.written_at == []


def test_a_port_that_another_program_holds_is_told(told: Told, port: Path, image: Path) -> None:
    with RomLoader(ESP32, port), port.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as pyserial does for whoever asks for it
        with pytest.raises(FlashError, match=f"{port} is in use by another program: end the serial monitor, Thonny"):
            write(told, port, image)


def test_an_image_for_another_chip_is_refused_before_the_port_is_opened(told: Told, port: Path, image: Path) -> None:
    image.write_bytes(esp_images.firmware(chip_id=0, offset=0, build="ESP32_GENERIC"))
    with RomLoader(ESP32_S3, port) as loader:
        with pytest.raises(ImageError, match=r"is for ESP32, but .* has an ESP32-S3; nothing was written"):
            write(told, port, image, "esp32_s3")
        assert loader.written_at == []


def test_a_chip_that_is_not_in_its_loader_gets_the_buttons_to_press(told: Told, port: Path, image: Path) -> None:
    with RomLoader(ESP32, port) as loader:
        loader.deaf = True
        with pytest.raises(
            FlashError, match=f"no boot loader answers at {port}; nothing was written.*BOOT.*run the command again"
        ):
            write(told, port, image)


def test_a_port_that_is_not_there_is_named(told: Told, port: Path, image: Path) -> None:
    with pytest.raises(PortError, match=f"there is no port {port}"):
        write(told, port, image)


def test_a_lost_cable_is_told_and_the_next_run_succeeds(told: Told, port: Path, image: Path) -> None:
    content = image.read_bytes()
    with RomLoader(ESP32, port) as loader:
        loader.cable_lost_after = 4
        with pytest.raises(FlashError, match=r"went away while it was written: check the cable, and run the same command again"):
            write(told, port, image)
        assert loader.flash[0x1000 : 0x1000 + len(content)] != content
        loader.plug_in()
        write(told, port, image)
        assert loader.flash[0x1000 : 0x1000 + len(content)] == content


def test_a_cable_that_is_in_again_at_once_costs_a_repetition_only(told: Told, port: Path, image: Path) -> None:
    content = image.read_bytes()
    with RomLoader(ESP32, port) as loader:
        loader.cable_lost_after = 4
        loader.comes_back = True
        write(told, port, image)
        assert loader.written_at == [0x1000, 0x1000]
        assert loader.flash[0x1000 : 0x1000 + len(content)] == content


def test_a_bit_that_does_not_take_is_noticed(told: Told, port: Path, image: Path) -> None:
    with RomLoader(ESP32, port) as loader:
        loader.stuck = {0x12345: 0xFF}
        with pytest.raises(FlashError, match=r"does not read back the same.*run the command again.*worn out"):
            write(told, port, image)


def flipping(every: int) -> Callable[[bytes], bytes]:
    """One bit in so many bytes arrives wrong, at places that differ and are the same in each run."""
    generator = random.Random(every)

    def noise(data: bytes) -> bytes:
        return bytes(byte ^ (1 << generator.randrange(8)) if generator.randrange(every) == 0 else byte for byte in data)

    return noise


def test_a_little_noise_costs_repetitions_only(told: Told, port: Path, image: Path) -> None:
    content = image.read_bytes()
    with RomLoader(ESP32, port) as loader:
        loader.noise = flipping(60_000)
        write(told, port, image)
        assert loader.refused_blocks > 0
        assert loader.flash[0x1000 : 0x1000 + len(content)] == content


def test_noise_at_a_high_rate_makes_it_slower(told: Told, port: Path, image: Path) -> None:
    content = image.read_bytes()
    with RomLoader(ESP32, port) as loader:
        loader.noise = flipping(1000)
        loader.noise_when_fast = True
        write(told, port, image)
        assert loader.flash[0x1000 : 0x1000 + len(content)] == content
    assert any("noisy at 460800 baud: once more at 115200" in line for line in told.lines)


def test_a_line_that_is_nothing_but_noise_is_told(told: Told, port: Path, image: Path) -> None:
    with RomLoader(ESP32, port) as loader:
        loader.noise = flipping(1000)
        with pytest.raises(FlashError, match=r"writing to .* failed .*shorter cable, no hub.*run the same command again"):
            write(told, port, image)


TYPED = re.findall(r"^plotpost flash.*--board esp32\S*.*$", (ROOT / "docs" / "flash.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", TYPED)
def test_what_the_documentation_says_works(line: str, tmp_path: Path, port: Path) -> None:
    arguments = shlex.split(line.replace("/dev/ttyUSB0", str(port)))[1:]
    board = arguments[arguments.index("--board") + 1]
    arguments[arguments.index("--file") + 1] = str(saved(tmp_path, board))
    with RomLoader(KINDS[board][0], port):
        done = processes.run(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
