"""The emulated Pico behaves as a board on the desk does: serial port, file system, resets, power."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulated.errors import BoardError
from tests.emulated.pico import Pico
from tests.processes import left_running

pytestmark = pytest.mark.emulated

ROOT = Path(__file__).parents[2]
STOCK_FREE_HEAP = 241_968  # bytes, after boot; a real Pico shows the same


def write(board: Pico, path: str, text: str) -> None:
    board.run(f"with open({path!r}, 'w') as file: file.write({text!r})")


def read(board: Pico, path: str) -> str:
    return board.mpremote("fs", "cat", f":{path}")


def test_stock_micropython_answers_through_mpremote(pico: Pico) -> None:
    assert pico.run("import os, sys; print(os.uname().machine, sys.implementation.version[:3])") == (
        "Raspberry Pi Pico with RP2040 (1, 26, 1)\n"
    )


def test_the_heap_is_as_large_as_a_real_boards(pico: Pico) -> None:
    free = int(pico.run("import gc; gc.collect(); print(gc.mem_free())"))
    print(f"free heap: {free} bytes")
    assert abs(free - STOCK_FREE_HEAP) < 512


def test_an_exception_reaches_the_caller(pico: Pico) -> None:
    with pytest.raises(BoardError, match="ZeroDivisionError"):
        pico.run("1 / 0")


def test_random_bytes_differ_after_each_reset(pico: Pico) -> None:
    drawn = set()
    for _ in range(3):
        pico.reset()
        drawn.add(pico.run("import os, random; print(os.urandom(8), random.getrandbits(30))"))
    assert len(drawn) == 3


def test_files_travel_to_the_board_and_back(pico: Pico, tmp_path: Path) -> None:
    sent, returned = tmp_path / "sent.bin", tmp_path / "returned.bin"
    sent.write_bytes(bytes(range(256)) * 40)
    pico.mpremote("fs", "cp", str(sent), ":travels.bin")
    pico.mpremote("fs", "cp", ":travels.bin", str(returned))
    assert returned.read_bytes() == sent.read_bytes()


def test_files_outlast_a_reset(pico: Pico) -> None:
    write(pico, "reset.txt", "still here")
    pico.reset()
    assert read(pico, "reset.txt") == "still here"


def test_files_outlast_a_power_cut(pico: Pico) -> None:
    write(pico, "cut.txt", "still here")
    pico.power_cut()
    assert not pico.stats()["powered"]
    pico.power_on()
    assert read(pico, "cut.txt") == "still here"


@pytest.mark.parametrize("operation", [1, 2, 3, 5, 8])
def test_power_cut_within_a_flash_operation_leaves_the_old_file_or_the_new(pico: Pico, operation: int) -> None:
    write(pico, "torn.txt", "old" * 500)
    pico.control(cut_after=operation)
    pico.mpremote("exec", "--no-follow", "while True:\n with open('torn.txt', 'w') as file: file.write('new' * 500)")
    pico.await_status(powered=False)
    pico.power_on()
    assert read(pico, "torn.txt") in ("old" * 500, "new" * 500)


def test_the_flash_image_outlasts_the_emulator(emulator: None, tmp_path: Path) -> None:
    image = tmp_path / "flash.bin"
    with Pico("pico", flash=image) as board:
        write(board, "kept.txt", "still here")
    with Pico("pico", flash=image) as board:
        assert read(board, "kept.txt") == "still here"


def test_main_py_runs_at_power_on(pico: Pico) -> None:
    write(pico, "main.py", "with open('ran.txt', 'a') as file: file.write('x')\n")
    pico.power_cut()
    pico.power_on()
    assert read(pico, "ran.txt") == "x"
    pico.mpremote("fs", "rm", ":main.py")


def test_a_watchdog_that_is_not_fed_resets_the_board(pico: Pico) -> None:
    before = pico.stats()["resets"]
    pico.run("import machine; machine.WDT(timeout=100)")
    pico.await_usb(resets=before + 1)
    assert pico.run("import machine; print(machine.reset_cause() == machine.WDT_RESET)") == "True\n"


def test_machine_reset_resets_the_board(pico: Pico) -> None:
    before = pico.stats()["resets"]
    pico.mpremote("exec", "--no-follow", "import machine; machine.reset()")
    pico.await_usb(resets=before + 1)
    assert pico.run("print(1 + 1)") == "2\n"


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "exp", "log", "sqrt", "atan"])
def test_the_boot_roms_functions_are_right_to_single_precision(pico: Pico, name: str) -> None:
    expected = getattr(math, name)(0.7)
    assert float(pico.run(f"import math; print(math.{name}(0.7))")) == pytest.approx(expected, rel=1e-6)


def test_floats_are_single_precision_as_on_the_chip(pico: Pico) -> None:
    assert pico.run("print(float(16777217), 7 / 2, int(-2.5), 1 / 3 == 0.33333334)") == "16777216.0 3.5 -2 True\n"


def test_the_emulator_ends_with_the_program_that_started_it(emulator: None, tmp_path: Path) -> None:
    program = (
        "import os, signal\nfrom tests.emulated.pico import Pico\n"
        "with Pico('pico'):\n    print('started', flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.stdout == "started\n"
    assert left_running(tmp_path) == []


def test_output_that_nobody_reads_does_not_stop_the_board(pico: Pico) -> None:
    before = pico.stats()["resets"]
    pico.mpremote("exec", "--no-follow", "for line in range(4000): print('x' * 60)\nimport machine; machine.reset()")
    pico.await_usb(resets=before + 1)
