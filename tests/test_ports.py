"""Attached boards: what USB descriptors mean, which port is the only one, and what the commands print of them."""

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from serial.tools.list_ports_common import ListPortInfo

from host_tools import boards, ports
from host_tools.device import PortError, trouble
from tests import processes
from tests.pty_board import PtyBoard

BOOTSEL = {(0x2E8A, 0x0003), (0x2E8A, 0x000F)}  # these show a drive, and no serial port


def usb(
    device: str, vendor: int | None, product: int | None, name: str | None = None, serial_number: str | None = None
) -> ListPortInfo:
    """What pyserial reads of one port from the kernel."""
    info = ListPortInfo(device)
    info.vid, info.pid, info.product, info.serial_number = vendor, product, name, serial_number
    return info


PICO = usb("/dev/ttyACM0", 0x2E8A, 0x0005, "Board in FS mode", "e6614103e7174a2b")
ESP32 = usb("/dev/ttyUSB0", 0x10C4, 0xEA60, "CP2102N USB to UART Bridge Controller", "0001")
C3 = usb("/dev/ttyACM1", 0x303A, 0x1001, "USB JTAG/serial debug unit", "7C:DF:A1:00:00:01")
PRINTER = usb("/dev/ttyACM2", 0x2341, 0x0042, "Arduino Mega", "55")
PROBE = usb("/dev/ttyACM3", 0x2E8A, 0x000C, "Debug Probe (CMSIS-DAP)", "E6")
MODEM = usb("/dev/ttyS0", None, None)


@pytest.mark.parametrize(
    ("info", "product", "may_be"),
    [
        (PICO, "RP2 with MicroPython", ("pico", "pico2", "pico2_w", "pico_w")),
        (ESP32, "ESP32 at a CP210x", ("esp32", "esp32_c3", "esp32_c6", "esp32_s2", "esp32_s3")),
        (C3, "ESP32-S3, C3 or C6", ("esp32_c3", "esp32_c6", "esp32_s3")),
        (usb("COM7", 0x303A, 0x4001), "ESP32-S2 or S3", ("esp32_s2", "esp32_s3")),
        (usb("COM8", 0x1A86, 0x7523), "ESP32 at a CH340", ("esp32", "esp32_c3", "esp32_c6", "esp32_s2", "esp32_s3")),
        (usb("COM9", 0x1A86, 0x55D4), "ESP32 at a CH9102", ("esp32", "esp32_c3", "esp32_c6", "esp32_s2", "esp32_s3")),
        (PRINTER, "Arduino Mega", ()),
        (PROBE, "Debug Probe (CMSIS-DAP)", ()),
        (usb("COM1", 0x1234, 0xABCD), "USB device 1234:abcd", ()),
    ],
    ids=lambda value: value.device if isinstance(value, ListPortInfo) else None,
)
def test_descriptors_say_what_a_port_may_be(info: ListPortInfo, product: str, may_be: tuple[str, ...]) -> None:
    (found,) = ports.attached([info])
    assert (found.port, found.product, found.may_be, found.serial) == (info.device, product, may_be, info.serial_number)
    assert (found.board, found.running, found.trouble) == (None, None, None)


def test_an_id_that_one_board_has_alone_names_it() -> None:
    (found,) = ports.attached([usb("/dev/ttyACM0", 0x303A, 0x0002)])
    assert found.board == "esp32_s2"


@pytest.mark.parametrize("name", boards.names())
def test_each_usb_id_of_a_board_file_has_a_name_for_people(name: str) -> None:
    for vendor, product in set(boards.load(name).usb) - BOOTSEL:
        (found,) = ports.attached([usb("x", vendor, product)])
        assert name in found.may_be
        assert not found.product.startswith("USB device")


def test_boards_come_first_and_ports_that_are_not_usb_not_at_all() -> None:
    found = ports.attached([PRINTER, MODEM, ESP32, PICO])
    assert [each.port for each in found] == ["/dev/ttyACM0", "/dev/ttyUSB0", "/dev/ttyACM2"]


def test_the_only_board_is_found_beside_other_devices() -> None:
    assert ports.only([PRINTER, PICO, PROBE, MODEM]) == "/dev/ttyACM0"


def test_several_boards_are_all_named() -> None:
    with pytest.raises(PortError) as error:
        ports.only([ESP32, PICO])
    assert str(error.value) == (
        "several boards are attached, /dev/ttyACM0 (RP2 with MicroPython), /dev/ttyUSB0 (ESP32 at a CP210x): say which with --port"
    )


def test_a_device_that_plotpost_does_not_know_is_not_taken_for_a_board() -> None:
    with pytest.raises(PortError) as error:
        ports.only([PRINTER])
    assert str(error.value) == (
        "no board is attached that plotpost knows; if it is /dev/ttyACM2 (Arduino Mega), say so with --port"
    )


def test_no_board_at_all_is_told_with_the_most_likely_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLOTPOST_DRIVES", raising=False)
    with pytest.raises(PortError, match=r"^no board is attached: plug one in, with a cable that carries data"):
        ports.only([MODEM])


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The drive of a Pico 2 with its button held, as its boot ROM makes it (RP2350 datasheet, 5.5.2)."""
    folder = tmp_path / "RP2350"
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text("UF2 Bootloader v1.0\r\nModel: Raspberry Pi RP2350\r\nBoard-ID: RP2350\r\n")
    monkeypatch.setenv("PLOTPOST_DRIVES", str(folder))
    return folder


def test_a_pico_in_bootsel_mode_is_named_where_a_serial_port_is_looked_for(drive: Path) -> None:
    with pytest.raises(PortError) as error:
        ports.only([])
    assert str(error.value) == f"the board at {drive} waits for firmware: `plotpost flash`"


def test_a_pico_in_bootsel_mode_is_listed(drive: Path, tmp_path: Path) -> None:
    done = processes.run(tmp_path, "ports", "--json")
    listed = [json.loads(line) for line in done.stdout.splitlines()]
    assert {
        "port": str(drive),
        "board": None,
        "may_be": ["pico2", "pico2_w"],
        "product": "RP2350 in BOOTSEL mode",
        "serial": None,
        "running": "waits for firmware: `plotpost flash`",
        "trouble": None,
    } in listed


@pytest.fixture
def idle() -> Iterator[PtyBoard]:
    with PtyBoard(answers={b"\x02": b"\r\nMicroPython v1.28.0 on 2026-04-06; Raspberry Pi Pico W with RP2040\r\n>>> "}) as board:
        yield board


def test_a_port_that_is_named_is_looked_at(idle: PtyBoard, tmp_path: Path) -> None:
    done = processes.run(tmp_path, "ports", idle.port)
    assert (done.returncode, done.stderr) == (0, "")
    heading, row = done.stdout.splitlines()
    assert heading.split("  ")[0] == "port"
    assert row.split() == [idle.port, "pico_w", "MicroPython", "1.28.0,", "idle"]


def test_a_board_that_says_nothing_is_told_with_the_way_to_ask_it() -> None:
    with PtyBoard() as silent:
        found = ports.look(ports.named(silent.port))
    assert found.running == "says nothing: an agent at which all is well, another program, or no MicroPython; --ask interrupts it"
    assert found.trouble is None


def test_a_named_port_that_is_not_there_fails_in_one_line(tmp_path: Path) -> None:
    done = processes.run(tmp_path, "ports", "/dev/ttyACM99", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["trouble"].startswith("there is no port /dev/ttyACM99: plug the board in")


def test_a_port_that_another_program_holds_is_told_with_who_that_may_be(idle: PtyBoard) -> None:
    with idle.held():
        found = ports.look(ports.named(idle.port))
    assert found.running is None
    assert found.trouble == (
        f"{idle.port} is in use by another program: end the serial monitor, Thonny, or ModemManager that holds it"
    )


def test_a_port_without_permission_is_told_with_the_group_that_has_it(idle: PtyBoard) -> None:
    told = _as_somebody_else(idle.port, group=5)  # tty, on every Linux
    assert "no permission to use" in told
    assert "it belongs to the group tty; run `sudo usermod -aG tty $USER`, then log in again" in told


def test_a_port_that_only_root_may_use_is_told_with_the_udev_rule(idle: PtyBoard) -> None:
    if os.geteuid():
        pytest.skip("only root can give a port to root")
    assert _as_somebody_else(idle.port, group=0).endswith("a udev rule must give it to a group of yours (docs/boards.md)")


def _as_somebody_else(port: str, group: int) -> str:
    """What `trouble` says to a user who is neither the port's owner nor in its group."""
    mode = os.stat(port)
    if not os.geteuid():
        os.chown(port, 0, group)
    os.chmod(port, 0o660 if not os.geteuid() else 0)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        if not os.geteuid():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        os.write(writer, (trouble(port) or "").encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.chmod(port, stat.S_IMODE(mode.st_mode))
    os.close(writer)
    with open(reader) as told:
        return told.read()


RULES = (Path(__file__).parents[1] / "docs" / "60-plotpost.rules").read_text()


def test_the_udev_rule_is_for_every_board_that_shows_a_serial_port() -> None:
    pairs = re.findall(
        r'^ATTRS\{idVendor\}=="(\w{4})"(?:, ATTRS\{idProduct\}=="(\w{4})")?, GOTO="plotpost_board"$', RULES, re.MULTILINE
    )
    for vendor, product in {ids for board in boards.load_all().values() for ids in board.usb}:
        assert {(f"{vendor:04x}", ""), (f"{vendor:04x}", f"{product:04x}")} & set(pairs)


def test_the_udev_rule_jumps_only_to_labels_that_it_has() -> None:
    assert set(re.findall(r'GOTO="(\w+)"', RULES)) == set(re.findall(r'^LABEL="(\w+)"$', RULES, re.MULTILINE))
