"""An attached board is refused before anything is written when the agent cannot run there: the reason, and the remedy."""

from dataclasses import replace

import pytest

from host_tools import boards
from host_tools.device import Facts
from host_tools.suitable import Outdated, Unsuitable, check_firmware, check_memory

PICO_W = boards.load("pico_w")
S2 = boards.load("esp32_s2")
FACTS = Facts((1, 28, 0), "rp2", 0x1306, "RPI_PICO_W", "Raspberry Pi Pico W with RP2040", "e6614103e72b4a2f", 201)
AN_S2 = replace(FACTS, platform="esp32", build="ESP32_GENERIC_S2", machine="Generic ESP32S2 module with ESP32S2")


@pytest.mark.parametrize("version", [(1, 28, 0), (1, 28, 1), (1, 29, 0), (2, 0, 0)])
def test_new_firmware_is_good_enough_for_wifi(version: tuple[int, int, int]) -> None:
    check_firmware(replace(FACTS, version=version), PICO_W)


@pytest.mark.parametrize("version", [(1, 27, 9), (1, 26, 1), (1, 9, 4)])
def test_firmware_whose_wifi_can_hang_is_refused_with_the_reason_and_the_remedy(version: tuple[int, int, int]) -> None:
    with pytest.raises(
        Outdated, match=r"too old: before 1\.28\.0 .* \(micropython issue 18797\); .*plotpost flash --board pico_w"
    ):
        check_firmware(replace(FACTS, version=version), PICO_W)


def test_old_firmware_is_good_enough_without_wifi() -> None:
    check_firmware(replace(FACTS, version=(1, 26, 1), build="RPI_PICO"), boards.load("pico"))


@pytest.mark.parametrize("name", [board.name for board in boards.load_all().values() if board.port == "esp32"])
def test_an_esp32_takes_older_firmware_than_a_pico_w(name: str) -> None:
    """A look-up without a link comes back there."""
    board = boards.load(name)
    for version in ((1, 26, 1), (1, 27, 0)):
        check_firmware(replace(FACTS, platform="esp32", version=version), board)
    with pytest.raises(Outdated, match=rf"before 1\.26\.0 nobody has tried the agent; put 1\.26\.0 .*--board {name}"):
        check_firmware(replace(FACTS, platform="esp32", version=(1, 25, 0)), board)


def test_another_kind_of_chip_than_the_boards_is_refused() -> None:
    with pytest.raises(Unsuitable, match=r"pico_w runs MicroPython's port rp2, but what is attached is ESP32 module"):
        check_firmware(replace(FACTS, platform="esp32", machine="ESP32 module with ESP32"), PICO_W)


@pytest.mark.parametrize("kib", [72, 170, 320])
def test_an_esp32_s2_without_psram_is_refused_with_what_to_take(kib: int) -> None:
    with pytest.raises(Unsuitable, match=rf"this ESP32-S2 has {kib} KiB for MicroPython, no PSRAM: .*; take a module with PSRAM"):
        check_memory(replace(AN_S2, heap_kib=kib), S2)


def test_an_esp32_s2_with_psram_is_taken() -> None:
    check_memory(replace(AN_S2, heap_kib=2040), S2)


@pytest.mark.parametrize("name", [board.name for board in boards.load_all().values() if not board.needs_psram])
def test_other_boards_need_no_psram(name: str) -> None:
    check_memory(replace(FACTS, heap_kib=120), boards.load(name))
