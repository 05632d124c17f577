"""What is decided before a board is touched: which firmware is good enough, which drivers and packages a configuration needs."""

from dataclasses import replace

import pytest

from host_tools import boards
from host_tools.deploy import DeployError, check_firmware, drivers_of, packages_of
from host_tools.device import Facts

PICO_W = boards.load("pico_w")
FACTS = Facts((1, 28, 0), "rp2", 0x1306, "RPI_PICO_W", "Raspberry Pi Pico W with RP2040", "e6614103e72b4a2f")


@pytest.mark.parametrize("version", [(1, 28, 0), (1, 28, 1), (1, 29, 0), (2, 0, 0)])
def test_new_firmware_is_good_enough_for_wifi(version: tuple[int, int, int]) -> None:
    check_firmware(replace(FACTS, version=version), PICO_W)


@pytest.mark.parametrize("version", [(1, 27, 9), (1, 26, 1), (1, 9, 4)])
def test_firmware_whose_wifi_can_hang_is_refused_with_the_reason_and_the_remedy(version: tuple[int, int, int]) -> None:
    with pytest.raises(
        DeployError, match=r"too old: before 1\.28\.0 .* \(micropython issue 18797\); .*plotpost flash --board pico_w"
    ):
        check_firmware(replace(FACTS, version=version), PICO_W)


def test_old_firmware_is_good_enough_without_wifi() -> None:
    check_firmware(replace(FACTS, version=(1, 26, 1), build="RPI_PICO"), boards.load("pico"))


def test_another_kind_of_chip_than_the_boards_is_refused() -> None:
    with pytest.raises(DeployError, match=r"pico_w runs MicroPython's port rp2, but what is attached is ESP32 module"):
        check_firmware(replace(FACTS, platform="esp32", machine="ESP32 module with ESP32"), PICO_W)


def test_a_configuration_names_its_drivers() -> None:
    assert drivers_of({"sensors": [{"driver": "dht22"}, {"driver": "health"}, {"driver": "dht22"}]}) == {"dht22", "health"}


@pytest.mark.parametrize("config", [{}, {"sensors": None}, {"sensors": ["health", {}]}])
def test_a_configuration_that_is_wrong_names_none(config: dict[str, object]) -> None:
    assert drivers_of(config) == set()


def test_a_board_that_makes_its_plot_needs_requests() -> None:
    assert packages_of({"plot": {"filename": "greenhouse"}}) == {"requests"}
    assert packages_of({}) == set()
