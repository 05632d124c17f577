"""boards/*.json against MicroPython's own definitions of the same boards, from the source tree that the emulated firmware is built of."""

import csv
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from host_tools import boards
from host_tools.boards import Board
from host_tools.device import Device
from tests.emulated.boards import NAMES, BoardName, make
from tests.emulated.errors import Missing
from tests.emulated.firmware import definitions

pytestmark = pytest.mark.emulated

KNOWN = [board for board in boards.load_all().values() if board.firmware is not None]
RP2 = [board for board in KNOWN if board.port == "rp2"]
ESP32 = [board for board in KNOWN if board.port == "esp32"]
C3_ADC2 = 5  # the IDF gives up that chip's second converter, and MicroPython lists it yet


def named(board: Board) -> str:
    return board.name


@pytest.fixture(scope="module")
def tree() -> Path:
    try:
        return definitions.folder()
    except Missing as missing:
        pytest.skip(str(missing))


def own(tree: Path, board: Board) -> Path:
    """The board's folder."""
    assert board.firmware
    return tree / "ports" / board.port / "boards" / board.firmware.name


def macros(*headers: Path, chip: str = "") -> dict[str, str]:
    """What these headers define for a chip."""
    named = [f"-DCONFIG_IDF_TARGET_{chip.upper()}=1"] if chip else []
    text = "".join(f'#include "{header}"\n' for header in headers)
    argv = ["gcc", "-E", "-dM", "-x", "c", *named, "-"]
    printed = subprocess.run(argv, input=text, capture_output=True, text=True, check=True, timeout=60).stdout
    return {name: value for _, name, value in (line.split(" ", 2) for line in printed.splitlines() if line.count(" ") > 1)}


def number(found: dict[str, str], name: str) -> int:
    """The value of a macro that is a sum of products, and may name others."""
    text = re.sub(r"[A-Z]\w*", lambda match: str(number(found, match[0])), found[name])
    total, _, less = text.strip("()").partition("-")
    return _product(total) - (_product(less) if less else 0)


def _product(text: str) -> int:
    left, _, right = text.strip(" ()").partition("*")
    return int(left) * (_product(right) if right else 1)


def settings(tree: Path, board: Board) -> dict[str, str]:
    """What the IDF is configured with for a board: later files win."""
    files = re.findall(r"boards/\S*sdkconfig\.\w+", (own(tree, board) / "mpconfigboard.cmake").read_text())
    text = "\n".join((tree / "ports/esp32" / file).read_text() for file in files)
    return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.MULTILINE))


def rows(path: Path) -> list[list[str]]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [[cell.strip() for cell in row] for row in csv.reader(lines)]


@pytest.mark.parametrize("board", KNOWN, ids=named)
def test_the_file_says_what_micropythons_board_json_says(board: Board, tree: Path) -> None:
    theirs = json.loads((own(tree, board) / "board.json").read_text())
    ours = {key: value for key, value in boards.content(board.name).items() if key != "plotpost"}
    variants = theirs.pop("variants", {}), ours.pop("variants", {})
    assert ours == theirs
    assert variants[0].items() <= variants[1].items()  # later releases have more of them


@pytest.mark.parametrize("board", KNOWN, ids=named)
def test_a_board_is_recognised_by_the_name_that_it_is_built_with(board: Board, tree: Path) -> None:
    found = macros(own(tree, board) / "mpconfigboard.h")
    machine = found["MICROPY_HW_BOARD_NAME"].strip('"')
    assert board.firmware
    assert board.firmware.machines[0] == machine
    assert boards.recognise("", f"{machine} with {board.mcu.upper()}") == board


@pytest.mark.parametrize("board", ESP32, ids=named)
def test_a_variant_of_an_image_is_still_the_board(board: Board, tree: Path) -> None:
    assert board.firmware
    for variant in own(tree, board).glob("mpconfigvariant_*.cmake"):
        text, build = variant.read_text(), f"{board.firmware.name}-{variant.stem.removeprefix('mpconfigvariant_')}"
        machine = re.search(r'MICROPY_HW_BOARD_NAME="(.*)"', text)
        assert boards.recognise(build, "") == board
        assert boards.recognise("", f"{machine[1] if machine else board.firmware.machines[0]} with ESP32") == board


@pytest.mark.parametrize("board", RP2, ids=named)
def test_flash_and_file_system_of_a_pico_are_as_large_as_they_are_built(board: Board, tree: Path) -> None:
    sdk = tree / "lib/pico-sdk/src/boards/include/boards" / f"{board.name}.h"
    found = macros(own(tree, board) / "mpconfigboard.h", sdk)
    assert board.flash_kib == number(found, "PICO_FLASH_SIZE_BYTES") // 1024
    assert board.filesystem_kib == number(found, "MICROPY_HW_FLASH_STORAGE_BYTES") // 1024


@pytest.mark.parametrize("board", ESP32, ids=named)
def test_flash_and_file_system_of_an_esp32_are_as_large_as_they_are_built(board: Board, tree: Path) -> None:
    configured = settings(tree, board)
    (size,) = [
        key for key, value in configured.items() if re.fullmatch(r"CONFIG_ESPTOOLPY_FLASHSIZE_\d+MB", key) and value == "y"
    ]
    mib = int(re.findall(r"\d+", size.rpartition("_")[2])[0])
    parts = rows(tree / "ports/esp32" / configured["CONFIG_PARTITION_TABLE_CUSTOM_FILENAME"].strip('"'))
    end = max(int(offset, 16) + int(length, 16) for _, _, _, offset, length, *_ in parts)
    assert board.flash_kib == mib * 1024
    assert board.filesystem_kib == mib * 1024 - end // 1024


@pytest.mark.parametrize("board", RP2, ids=named)
def test_the_pins_of_a_pico_are_those_that_it_leads_out(board: Board, tree: Path) -> None:
    theirs = dict(rows(own(tree, board) / "pins.csv"))
    assert board.led == "LED"
    led_out = {name: int(place.removeprefix("GPIO")) for name, place in theirs.items() if name.startswith("GP")}
    assert {name: board.pins[name].number for name in led_out} == led_out
    assert {name for name, pin in board.pins.items() if not pin.reserved} == led_out.keys()


@pytest.mark.parametrize("board", [board for board in RP2 if board.mcu == "rp2040"], ids=named)
def test_what_a_pin_of_the_rp2040_can_be_is_in_its_table(board: Board, tree: Path) -> None:
    _, *table = rows(tree / "ports/rp2/boards/rp2_af.csv")
    roles = {
        int(pin.removeprefix("GPIO")): {cell.replace("_", " ").lower() for cell in cells if cell[:3] in ("SPI", "UAR", "I2C")}
        for pin, *cells in table
    }
    for name, pin in board.pins.items():
        ours = {role for role in pin.can if " " in role}
        assert ours <= roles[pin.number], name
        assert ours == roles[pin.number] or not ours, name


def converters(tree: Path, board: Board) -> dict[int, tuple[int, int]]:
    """Pin, to the unit of the converter and the channel there."""
    source = (tree / "ports/esp32/machine_adc.c").read_text()
    table = re.search(rf"#(?:el)?if [^\n]*CONFIG_IDF_TARGET_{board.mcu.upper()}\b[^\n]*\n(.*?)#(?:elif|endif)", source, re.DOTALL)
    assert table
    found = re.findall(r"ADCBLOCK(\d), ADC_CHANNEL_(\d+), GPIO_NUM_(\d+)", table[1])
    return {int(pin): (int(unit), int(channel)) for unit, channel, pin in found}


@pytest.mark.parametrize("board", ESP32, ids=named)
def test_analog_inputs_are_those_of_the_converter_that_the_radio_leaves(board: Board, tree: Path) -> None:
    theirs = converters(tree, board)
    assert {pin.number: pin.adc for pin in board.pins.values() if pin.adc is not None} == {
        pin: channel for pin, (unit, channel) in theirs.items() if unit == 1
    }
    reserved = {pin.number for pin in board.pins.values() if pin.reserved} | ({C3_ADC2} if board.mcu == "esp32c3" else set())
    assert {pin.number for pin in board.pins.values() if "adc without WiFi" in pin.can} == {
        pin for pin, (unit, _) in theirs.items() if unit == 2
    } - reserved


@pytest.mark.parametrize("board", ESP32, ids=named)
def test_the_usual_i2c_of_an_esp32_is_micropythons(board: Board, tree: Path) -> None:
    found = macros(own(tree, board) / "mpconfigboard.h", tree / "ports/esp32/machine_i2c.h", chip=board.mcu)
    assert board.i2c
    for signal, name in board.i2c.pins.items():
        theirs = found[f"MICROPY_HW_I2C{board.i2c.id}_{signal.upper()}"]
        assert int(re.findall(r"\d+", theirs)[0]) == board.pins[name].number


@pytest.mark.parametrize("board", RP2, ids=named)
def test_the_usual_buses_of_a_pico_are_its_sdks(board: Board, tree: Path) -> None:
    found = macros(tree / "lib/pico-sdk/src/boards/include/boards" / f"{board.name}.h")
    signals = {"scl": "SCL", "sda": "SDA", "sck": "SCK", "mosi": "TX", "miso": "RX"}
    for kind, bus in (("I2C", board.i2c), ("SPI", board.spi)):
        assert bus
        assert bus.id == number(found, f"PICO_DEFAULT_{kind}")
        assert {signal: board.pins[name].number for signal, name in bus.pins.items()} == {
            signal: number(found, f"PICO_DEFAULT_{kind}_{signals[signal]}_PIN") for signal in bus.pins
        }


@pytest.mark.parametrize("board", ESP32, ids=named)
def test_a_board_needs_psram_only_where_its_build_uses_it_and_does_without(board: Board, tree: Path) -> None:
    configured: dict[str, Any] = settings(tree, board)
    uses = configured.get("CONFIG_SPIRAM") == "y" and configured.get("CONFIG_SPIRAM_IGNORE_NOTFOUND") == "y"
    assert uses or not board.needs_psram


@pytest.mark.parametrize("board", [board for board in ESP32 if not board.needs_psram], ids=named)
def test_an_esp32s_heap_is_what_it_begins_with_twice(board: Board, tree: Path) -> None:
    """So often can it grow, says MicroPython, and still start the radio and TLS."""
    text = (tree / "ports/esp32/mpconfigport.h").read_text()
    classic, _, others = (int(kib) for kib in re.findall(r"MICROPY_GC_INITIAL_HEAP_SIZE +\((\d+) \* 1024\)", text))
    assert board.heap_kib == 2 * (classic if board.mcu == "esp32" else others)


@pytest.mark.parametrize("name", NAMES)
def test_the_heap_that_a_board_file_promises_is_there(emulator: None, name: BoardName) -> None:
    with make(name) as chip, Device.open(chip.port) as device:
        assert device.facts.heap_kib >= boards.load(name).heap_kib
