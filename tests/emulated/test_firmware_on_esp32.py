"""The firmware's own tests, which pytest runs on CPython and on the unix port, once more: on MicroPython's esp32 port."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.runtime import Runtime
from host_tools.runtime.bytecode import compile_firmware
from tests.emulated.esp32 import Esp32, Files
from tests.firmware_tests import firmware_tests

ROOT = Path(__file__).parents[2]
_COPIED = ("tests/firmware", "tests/simulated", "tests/micropython_runner.py", "host_tools/hardware", "docs/board-life.md")
# Files that cannot run on a chip, and where else it is shown that what they test works there.
_ELSEWHERE = {
    "test_ds18b20": "its wire is simulated below the module _onewire, which is C on a chip",
    "test_client": "both ends of its sockets are in one program, and the chip has no loopback",
    "test_plot": "its server is a thread, and _thread is not built: see test_esp32_agent.py",
    "test_sensors": "half of its drivers read Linux's own files",
    "test_start": "it simulates the module network, which is C on a chip: see test_esp32_agent.py",
    "test_stream": "both ends of its sockets are in one program, and the chip has no loopback: see test_esp32_agent.py",
    "test_tunnel": "both ends of its sockets are in one program, and the chip has no loopback",
    "test_wifi": "it simulates the module network, which is C on a chip: see test_esp32_agent.py",
}
_FILES = ("test_crash", "test_flash", "test_retained")  # what the agent keeps in files
_APART = {"test_reading_allocates_nothing"}  # of the health driver: esp32.idf_heap_info makes a list
_CHIP = "import os, sys; os.mkdir('/tmp'); print(sys.implementation._mpy & 255, '%d.%d.%d' % sys.implementation[1][:3])"
_COPY_S = 300.0
_RUN_S = 300.0


class Bench:
    """A board with firmware and tests on its flash. The tests of a file run together, when the first of them is asked for."""

    def __init__(self, board: Esp32) -> None:
        self._board = board
        self._printed: dict[str, str] = {}

    def install(self, folder: Path) -> None:
        """Copy the tree, the firmware as bytecode, by way of `folder`."""
        bytecode, version = self._board.run(_CHIP).split()
        compile_firmware(folder, Runtime([], 32, version, int(bytecode), "esp32"))
        for name in _COPIED:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        shutil.rmtree(folder / "tests" / "firmware" / "__pycache__", ignore_errors=True)
        self._board.mpremote("fs", "cp", "-r", *(str(path) for path in sorted(folder.iterdir())), ":", timeout=_COPY_S)

    def printed(self, module: str) -> str:
        """Return what the runner prints for a file of tests."""
        if module not in self._printed:
            code = f"import sys; sys.argv.extend(['', '/tests/firmware', {module!r}]); exec(open('/tests/micropython_runner.py').read())"
            self._printed[module] = self._board.run(code, timeout=_RUN_S).replace("\r\n", "\n")
        return self._printed[module]


def _bench(folder: Path, files: Files) -> Iterator[Bench]:
    with Esp32("esp32_c3", files=files) as board:
        bench = Bench(board)
        bench.install(folder)
        yield bench


@pytest.fixture(scope="module")
def bench(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from _bench(tmp_path_factory.mktemp("tree"), "littlefs")


@pytest.fixture(scope="module")
def bench_on_fat(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from _bench(tmp_path_factory.mktemp("tree"), "fat")


def _check(printed: str, test: str) -> None:
    if f"PASS {test}\n" not in printed:
        before, _, _ = printed.partition(f"FAIL {test}\n")
        pytest.fail(re.split(r"^(?:PASS|FAIL) test_\w+\n", before, flags=re.MULTILINE)[-1], pytrace=False)


@pytest.mark.emulated
@pytest.mark.parametrize(
    ("module", "test"), [(module, test) for module, test in firmware_tests() if module not in _ELSEWHERE and test not in _APART]
)
def test_firmware(bench: Bench, module: str, test: str) -> None:
    _check(bench.printed(module), test)


@pytest.mark.emulated
@pytest.mark.parametrize(("module", "test"), [(module, test) for module, test in firmware_tests() if module in _FILES])
def test_firmware_on_fat(bench_on_fat: Bench, module: str, test: str) -> None:
    _check(bench_on_fat.printed(module), test)
