"""What runs on an emulated Pico is found out: idle, busy, with the agent; and what runs there runs on."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import serial
from plotpost import __version__

from host_tools import ports, running
from host_tools.running import Running
from tests import processes
from tests.emulated.pico import Pico

pytestmark = pytest.mark.emulated

FIRMWARE = Path(__file__).parents[2] / "firmware" / "plotpost" / "__init__.py"
COUNTS = """\
import time
n = 0
while True:
    print(f"{n}.000 I agent reading")
    time.sleep_ms(200)
    n += 1
"""
SILENT = """\
import time
open("/started", "w").close()
while True:
    time.sleep_ms(100)
"""


def _main_is(pico: Pico, program: str, folder: Path) -> None:
    """Puts main.py there, and starts it as a power-on does."""
    (folder / "main.py").write_text(program)
    pico.mpremote("fs", "cp", str(folder / "main.py"), ":main.py")
    resets = pico.stats()["resets"]
    pico.mpremote("reset")
    pico.await_usb(resets + 1)


def _eventually(hear: Callable[[], Running | None], wanted: Running) -> None:
    for _ in range(60):
        heard = hear()
        if heard == wanted:
            return
        time.sleep(0.2)
    pytest.fail(f"last heard: {heard}")


def test_an_idle_board_says_its_version_and_which_it_is(pico: Pico) -> None:
    _eventually(lambda: running.listen(pico.port), Running("MicroPython 1.26.1, idle", "pico", idle=True))


def test_an_idle_board_can_be_asked_and_stays_idle(pico: Pico) -> None:
    assert running.ask(pico.port) == Running("MicroPython 1.26.1, no plotpost", "pico")
    _eventually(lambda: running.listen(pico.port), Running("MicroPython 1.26.1, idle", "pico", idle=True))


def test_a_running_agent_is_heard_and_runs_on(pico: Pico, tmp_path: Path) -> None:
    _main_is(pico, COUNTS, tmp_path)
    resets = pico.stats()["resets"]
    _eventually(lambda: running.listen(pico.port), Running("the plotpost agent"))
    first = _uptime(pico)
    _eventually(lambda: running.listen(pico.port), Running("the plotpost agent"))
    assert _uptime(pico) > first
    assert pico.stats()["resets"] == resets


def test_an_agent_that_is_asked_tells_version_and_name_and_starts_again(pico: Pico, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"name": "greenhouse"}))
    pico.mpremote("fs", "mkdir", ":plotpost")
    pico.mpremote("fs", "cp", str(FIRMWARE), ":plotpost/__init__.py")
    pico.mpremote("fs", "cp", str(tmp_path / "config.json"), ":config.json")
    _main_is(pico, COUNTS, tmp_path)
    resets = pico.stats()["resets"]
    done = processes.run(tmp_path, "ports", "--ask", "--json", pico.port)
    asked = json.loads(done.stdout)
    assert (asked["board"], asked["running"]) == ("pico", f"MicroPython 1.26.1, plotpost {__version__}, greenhouse")
    _eventually(lambda: running.listen(pico.port), Running("the plotpost agent"))
    assert pico.stats()["resets"] == resets


def test_a_program_that_says_nothing_is_left_alone(pico: Pico, tmp_path: Path) -> None:
    _main_is(pico, SILENT, tmp_path)
    assert running.listen(pico.port) is None
    assert running.ask(pico.port).board == "pico"
    assert running.listen(pico.port) is None


def test_a_bare_board_is_listed_by_its_drive(emulator: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    monkeypatch.setenv("PLOTPOST_DRIVES", str(drive))
    with Pico("pico", bootsel=drive, bare=True):
        (found,) = ports.waiting()
    assert (found.port, found.product, found.may_be) == (str(drive), "RP2040 in BOOTSEL mode", ("pico", "pico_w"))


def _uptime(pico: Pico) -> int:
    """The number in a line that the board's program says now."""
    with serial.Serial(pico.port, timeout=60) as port:
        port.reset_input_buffer()
        port.readline()
        return int(port.readline().split(b".")[0])
