"""The firmware's tests, which pytest runs on CPython, once more: on 32-bit MicroPython with the heap of a board."""

import functools
import os
import re
import subprocess
from pathlib import Path

import pytest

from host_tools.runtime import BOARD_HEAP_KIB, Runtime
from tests.firmware_tests import firmware_tests

HERE = Path(__file__).parent
FIRMWARE = HERE.parent / "firmware"


@functools.cache
def _output(module: str, argv: tuple[str, ...], folder: Path) -> str:
    """What the runner prints for a file, which is run once for all of its tests."""
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**os.environ, "MICROPYPATH": f"{FIRMWARE}:.frozen"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return f"{done.stdout}(exit status {done.returncode})\n"


@pytest.mark.parametrize(("module", "test"), firmware_tests())
def test_firmware(runtime: Runtime, module: str, test: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    argv = runtime.command(str(HERE / "micropython_runner.py"), str(HERE / "firmware"), module, board_kib=BOARD_HEAP_KIB)
    output = _output(module, tuple(argv), tmp_path_factory.getbasetemp())
    if f"PASS {test}\n" not in output:
        before, _, _ = output.partition(f"FAIL {test}\n")
        own = re.split(r"^(?:PASS|FAIL) test_\w+\n", before, flags=re.MULTILINE)[-1]
        pytest.fail(own, pytrace=False)
