"""The drivers on MicroPython's own release for the Pico W, through its frozen micropython-lib, at the pins of the emulated chip.

Its floats have single precision, its machine, dht and _onewire are the port's own, and what hangs on the pins answers with edges.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.runtime import Runtime
from host_tools.runtime.bytecode import compile_firmware
from tests.emulated.errors import Missing
from tests.emulated.firmware import stock
from tests.emulated.pico import Pico

pytestmark = pytest.mark.emulated

_PROGRAM = """
import gc, json, time
from array import array
from plotpost import sensors

def tell(what):
    print("=", json.dumps(what))

def driver(name, **options):
    return sensors.create({"driver": name, "options": options})

def read(driver, times=1):
    values = array("i", [0] * len(driver.CHANNELS))
    for _ in range(times):
        try:
            time.sleep_ms(driver.start())
            driver.read(values)
            tell(list(values))
        except (OSError, ValueError) as error:
            tell(repr(error))
"""
_TOLD = "= "
_FILES = ("__init__", "dhtread", "log", "pins", "port", "spool")
CHECKSUM = "ValueError('wrong checksum: is the wire long, or its pull-up missing?',)"
WARM = bytes([0x28, 0x64, 0x1D, 0x8F, 0xDF, 0x18, 0x00, 0x0E])
COLD = bytes([0x28, 0x65, 0x1D, 0x8F, 0xDF, 0x18, 0x01, 0x67])


class Desk:
    """A Pico with parts on its pins and the drivers on its flash."""

    def __init__(self, board: Pico) -> None:
        self._board = board
        board.run(_PROGRAM)

    def plug(self, **pins: dict[str, Any]) -> None:
        """`plug(GP15={"dht": [frame]})`."""
        self._board.control(sensors={name.removeprefix("GP"): part for name, part in pins.items()})

    def run(self, *lines: str) -> list[Any]:
        """What a program tells that has `driver`, `read` and `tell`."""
        printed = self._board.run("\n".join(lines), fresh=False)
        return [json.loads(line.removeprefix(_TOLD)) for line in printed.splitlines() if line.startswith(_TOLD)]


@pytest.fixture(scope="module")
def desk(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    try:
        image = stock.image()
    except Missing as missing:
        pytest.skip(str(missing))
    drive = tmp_path_factory.mktemp("RPI-RP2")
    with Pico("pico", bare=True, bootsel=drive) as board:
        shutil.copy(image, drive)
        board.await_usb()
        install(board, tmp_path_factory.mktemp("firmware"))
        yield Desk(board)


def install(board: Pico, folder: Path) -> None:
    """Puts what the drivers need on the board's flash, compiled."""
    version = board.run("import sys; print(sys.implementation._mpy & 255)")
    compile_firmware(folder, Runtime([], 32, "", int(version), board.name))
    for path in (folder / "plotpost").iterdir():
        if path.is_file() and path.stem not in _FILES:
            path.unlink()
    board.mpremote("fs", "cp", "-r", str(folder / "plotpost"), ":")


def frame(*body: int) -> list[int]:
    return [*body, sum(body) & 255]


def test_it_is_micropythons_own_release_with_its_own_libraries(desk: Desk) -> None:
    told = desk.run(
        "import sys, dht, onewire, ds18x20",
        "tell([sys.implementation._build, list(sys.implementation[1][:3])])",
        "tell([dht.__file__, onewire.__file__, ds18x20.__file__])",
    )
    assert told == [["RPI_PICO_W", [1, 27, 0]], ["dht.py", "onewire.py", "ds18x20.py"]]


def test_a_dht22_is_exact_where_the_library_has_only_floats(desk: Desk) -> None:
    temperatures = [213, 1, 999, -1, -400, 1250]
    frames = [frame(1, 0xC8 + i, (0x80 if t < 0 else 0) | abs(t) >> 8, abs(t) & 255) for i, t in enumerate(temperatures)]
    desk.plug(GP15={"dht": frames}, GP14={"dht": [frames[0]]})
    *readings, library = desk.run(
        'read(driver("dht22", pin="GP15"), 6)',
        "import dht, machine",
        "part = dht.DHT22(machine.Pin(14))",
        "part.measure()",
        "tell(repr(part.temperature()))",
    )
    assert readings == [[temperature, 456 + i] for i, temperature in enumerate(temperatures)]
    assert library == "21.300002"


def test_a_dht11_is_read_and_a_dht22_in_its_place_is_noticed(desk: Desk) -> None:
    desk.plug(GP15={"dht": [frame(45, 3, 23, 7), frame(20, 0, 5, 0x83), frame(1, 0xC8, 0, 0xD5)]})
    assert desk.run('read(driver("dht11", pin=15), 3)') == [
        [237, 453],
        [-53, 200],
        "ValueError('no DHT11 measures that: is it a DHT22?',)",
    ]


def test_a_wrong_checksum_and_silence_are_told_and_passed(desk: Desk) -> None:
    desk.plug(GP15={"dht": [frame(1, 200, 0, 213), [1, 200, 0, 213, 0], None, frame(1, 201, 0, 214)]})
    assert desk.run('read(driver("dht22", pin="GP15"), 4)') == [
        [213, 456],
        CHECKSUM,
        "OSError('no answer on pin GP15: check its three wires, and the pull-up of 10 kOhm',)",
        [214, 457],
    ]


def test_probes_on_one_wire_are_found_and_read_each_by_its_address(desk: Desk) -> None:
    desk.plug(GP4={"probes": [{"rom": list(WARM), "sixteenths": 401}, {"rom": list(COLD), "sixteenths": -401}]})
    both, warm, cold = desk.run(
        'read(driver("ds18b20", pin="GP4"))',
        f'read(driver("ds18b20", pin="GP4", address="{WARM.hex()}"))',
        f'read(driver("ds18b20", pin="GP4", address="{COLD.hex()}"))',
    )
    assert all(address in both for address in (WARM.hex(), COLD.hex()))
    assert (warm, cold) == ([2506], [-2506])


def test_a_probe_with_a_wrong_checksum_or_none_at_all_is_told(desk: Desk) -> None:
    desk.plug(GP4={"probes": [{"rom": list(WARM), "sixteenths": 401, "flip": 0}]}, GP5={"probes": []})
    broken, absent, named = desk.run(
        'read(driver("ds18b20", pin="GP4"))',
        'read(driver("ds18b20", pin="GP5"))',
        f'read(driver("ds18b20", pin="GP4", address="{COLD.hex()}"))',
    )
    assert broken == CHECKSUM
    assert absent == "OSError('no answer on pin GP5: check the three wires, and the pull-up of 4.7 kOhm',)"
    assert named == f"OSError('the probe {COLD.hex()} does not answer on pin GP4',)"


def test_a_probe_that_has_not_converted_is_no_reading(desk: Desk) -> None:
    desk.plug(GP4={"probes": [{"rom": list(WARM), "sixteenths": 401}]})
    early = desk.run(
        'probe = driver("ds18b20", pin="GP4")',
        "probe.start()",
        "try:",
        '    probe.read(array("i", [0]))',
        "except ValueError as error:",
        "    tell(repr(error))",
    )
    assert "85.00 is what a probe says" in early[-1]


def test_an_analog_input_is_right_to_the_step_of_the_converter(desk: Desk) -> None:
    readings = []
    for millivolts in (0, 825, 1650, 3299):
        desk.plug(GP26={"millivolts": millivolts})
        readings += desk.run('read(driver("analog", pin="GP26", low=3300, high=0))')
    assert [voltage for voltage, _ in readings] == [pytest.approx(mv, abs=1) for mv in (0, 825, 1650, 3299)]
    assert [level for _, level in readings] == [pytest.approx(level, abs=1) for level in (1000, 750, 500, 0)]


@pytest.mark.parametrize(
    "part",
    [
        'driver("dht22", pin="GP15")',
        'driver("dht11", pin="GP14")',
        f'driver("ds18b20", pin="GP4", address="{WARM.hex()}")',
        'driver("analog", pin="GP26")',
    ],
)
def test_reading_takes_nothing_from_the_heap(desk: Desk, part: str) -> None:
    desk.plug(
        GP15={"dht": [frame(1, 200, 0, 213)]},
        GP14={"dht": [frame(45, 3, 23, 7)]},
        GP4={"probes": [{"rom": list(WARM), "sixteenths": 401}]},
        GP26={"millivolts": 1650},
    )
    (taken,) = desk.run(
        f"part = {part}",
        'values = array("i", [0, 0])',
        "def measure():",
        "    before = gc.mem_alloc()",
        "    wait = part.start()",
        "    time.sleep_ms(wait)",
        "    part.read(values)",
        "    return gc.mem_alloc() - before",
        "measure()",
        "gc.collect()",
        "tell(measure())",
    )
    assert taken == 0


def test_a_pin_that_is_none_or_has_no_converter_leaves_the_driver_out(desk: Desk) -> None:
    told = desk.run(
        'for name, pin in (("dht22", "GP99"), ("dht22", 99), ("ds18b20", []), ("analog", "GP15")):',
        "    try:",
        "        driver(name, pin=pin)",
        "    except sensors.Absent as why:",
        "        tell(str(why))",
    )
    assert told == [
        "this board has no pin 'GP99'",
        "this board has no pin 99",
        'it has no pin; say which in config.json, such as "pin": 15',
        "pin GP15 has no analog input",
    ]
