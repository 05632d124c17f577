"""`plotpost monitor` at an emulated Pico W with the agent on it: its log, its REPL, its crash log."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.console import Console, Line
from tests import processes
from tests.emulated.agent import Agent
from tests.emulated.terminal import Terminal

pytestmark = pytest.mark.emulated

AWAIT_S = 120
BEGIN = "I agent patient: 1 channels"
CRASHES = """\
boot 12 (0.1.0) after 86400 s: task stream does not recover: OSError at stream.py:120
boot 13 (0.1.0) watchdog: the loop hung
"""


@pytest.fixture(scope="module")
def agent(flash: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """A Pico W on which the agent runs, without any network."""
    own = Path(shutil.copy(flash, tmp_path_factory.mktemp("monitor")))
    sensor = {"driver": "health", "every": "1s", "channels": {"free_heap_b": {"stream": "s"}}}
    config = {
        "version": 1,
        "board": "pico_w",
        "name": "patient",
        "endpoint": "http://10.0.2.2:9",
        "wifi": ["none"],
        "sensors": [sensor],
    }
    with Agent(own) as patient:
        patient.configure(config, {"version": 1, "wifi": {"none": ""}, "tokens": {"s": "abcdefghij"}})
        patient.board.reset()
        yield patient


def test_ctrl_x_gives_the_repl_and_ctrl_bracket_the_log_of_an_agent_that_begins_anew(agent: Agent) -> None:
    resets = agent.board.stats()["resets"]
    with Terminal("monitor", "--port", agent.board.port) as terminal:
        terminal.wait_for("Ctrl-X goes to its REPL")
        terminal.press(b"\x18")
        terminal.wait_for("this is the REPL")
        terminal.wait_for(">>> ")
        terminal.press(b"print(6 * 7)\r")
        terminal.wait_for("\r\n42\r\n>>> ")
        terminal.press(b"\x1d")
        terminal.wait_for(BEGIN)
        terminal.press(b"\x03")
        assert terminal.end() == 0
    assert agent.board.stats()["resets"] == resets


def test_ctrl_c_ends_the_monitor_and_not_the_agent(agent: Agent) -> None:
    with Terminal("monitor", "--port", agent.board.port) as terminal:
        terminal.wait_for("Ctrl-C ends this")
        terminal.press(b"\x03")
        assert terminal.end() == 0
    with Console(agent.board.port) as console:
        agent.board.reset()
        said = _until(console, BEGIN)
    assert not [line for line in said if "interrupted" in line]


def test_a_reset_is_seen_from_its_first_line(agent: Agent, tmp_path: Path) -> None:
    monitor = processes.start(tmp_path, "monitor", "--port", agent.board.port, "--json", "--for", str(AWAIT_S))
    assert monitor.stdout is not None
    monitor.stdout.readline()
    agent.board.reset()
    try:
        for line in monitor.stdout:
            entry = json.loads(line)
            if entry["module"] == "agent":
                break
        assert (entry["level"], entry["message"].startswith("patient: 1 channels")) == ("I", True)
        assert 0 < entry["uptime"] < 10
    finally:
        monitor.kill()
        monitor.communicate()


def test_the_crash_log_is_shown_and_the_agent_begins_anew(agent: Agent, tmp_path: Path) -> None:
    noted = tmp_path / "crash.log"
    noted.write_text(CRASHES)
    agent.board.mpremote("fs", "cp", str(noted), ":crash.log")
    done = processes.run(tmp_path, "monitor", "--crashes", "--port", agent.board.port)
    assert done.returncode == 0
    assert "interrupting the agent" in done.stdout
    assert re.search(r"12 +0\.1\.0 +86400 s +task stream does not recover: OSError at stream\.py:120 *\n", done.stdout)
    assert re.search(r"13 +0\.1\.0 +watchdog: the loop hung *\n", done.stdout)
    with Console(agent.board.port) as console:
        _until(console, BEGIN)


def _until(console: Console, text: str) -> list[str]:
    said: list[str] = []
    deadline = time.monotonic() + AWAIT_S
    while time.monotonic() < deadline:
        said += [event.text for event in console.read() if isinstance(event, Line)]
        if any(text in line for line in said):
            return said
    raise AssertionError(f"the board did not say {text!r}, but {said}")
