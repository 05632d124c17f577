"""A bare Pico shows its BOOTSEL drive, takes a UF2, and boots; so does one that is sent there, or plugged in with the button held."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulated.firmware import firmware, uf2
from tests.emulated.pico import Pico

pytestmark = pytest.mark.emulated

OTHER_FAMILY = 0xE48BFF59  # RP2350


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media") / "RPI-RP2"


@pytest.fixture(scope="module")
def board(emulator: None, drive: Path) -> Iterator[Pico]:
    with Pico("pico", bare=True, bootsel=drive) as board:
        yield board


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_bare_board_shows_its_drive_and_no_port(board: Pico, drive: Path) -> None:
    assert names(drive) == {"INFO_UF2.TXT", "INDEX.HTM"}
    assert "Board-ID: RPI-RP2" in (drive / "INFO_UF2.TXT").read_text()
    assert not Path(board.port).exists()


def test_only_a_whole_uf2_for_this_chip_boots(board: Pico, drive: Path) -> None:
    content = uf2.make(firmware("pico").read_bytes())
    blocks = len(content) // 512
    (drive / "other.uf2").write_bytes(uf2.make(firmware("pico").read_bytes(), family=OTHER_FAMILY))
    (drive / "half.uf2").write_bytes(content[: blocks // 2 * 512])
    board.await_status(flash_programs=blocks // 2)
    assert board.stats()["bootsel"]
    uf2.write(firmware("pico"), drive)
    board.await_usb()
    assert names(drive) == set()
    assert board.stats()["flash_programs"] >= blocks  # and those of MicroPython, which makes its file system
    assert board.run("print(1 + 1)") == "2\n"


def test_a_running_board_goes_to_its_drive_and_the_port_goes(board: Pico, drive: Path) -> None:
    board.run("open('kept.txt', 'w').write('still here')")
    board.mpremote("bootloader")
    board.await_status(bootsel=True)
    assert not Path(board.port).exists()
    uf2.write(firmware("pico"), drive)
    board.await_usb()
    assert board.mpremote("fs", "cat", ":kept.txt") == "still here"


def test_power_cut_while_a_uf2_is_written_can_be_repaired(board: Pico, drive: Path) -> None:
    board.hold_bootsel()
    board.control(cut_after=40)
    uf2.write(firmware("pico"), drive)
    board.await_status(powered=False)
    assert names(drive) == set()
    board.hold_bootsel()
    uf2.write(firmware("pico"), drive)
    board.await_usb()
    assert board.run("print(1 + 1)") == "2\n"
