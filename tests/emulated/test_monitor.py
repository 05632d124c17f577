"""`plotpost monitor` at an emulated Pico W with the agent on it: its log, its REPL, its crash log."""

import contextlib
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.console import Console, Line
from tests import processes
from tests.emulated.agent import Agent, install

pytestmark = pytest.mark.emulated

AWAIT_S = 60
BEGIN = rb"I agent patient: 1 channels"
CRASHES = """\
boot 12 (0.1.0) after 86400 s: task stream does not recover: OSError at stream.py:120
boot 13 (0.1.0) watchdog: the loop hung
"""


@pytest.fixture(scope="module")
def board(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """A Pico W on which the agent runs, without any network."""
    flash = tmp_path_factory.mktemp("monitor") / "flash.bin"
    install(flash)
    sensor = {"driver": "health", "every": "1s", "channels": {"free_heap_b": {"stream": "s"}}}
    config = {
        "version": 1,
        "board": "pico_w",
        "name": "patient",
        "endpoint": "http://10.0.2.2:9",
        "wifi": ["none"],
        "sensors": [sensor],
    }
    with Agent(flash) as agent:
        agent.configure(config, {"version": 1, "wifi": {"none": ""}, "tokens": {"s": "abcdefghij"}})
        agent.pico.reset()
        yield agent


class Terminal:
    """A program on a terminal, and what it shows there."""

    def __init__(self, *arguments: str) -> None:
        self.shown = b""
        self._master, slave = pty.openpty()
        command = [sys.executable, "-m", "host_tools.cli", *arguments]
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "dumb"},
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def await_shown(self, pattern: bytes) -> None:
        """Waits until it shows that, after what was waited for before."""
        deadline = time.monotonic() + AWAIT_S
        while (found := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < deadline, f"no {pattern!r}, but {self.shown!r}"
            self._read()
        self.shown = self.shown[found.end() :]

    def wait(self) -> int:
        deadline = time.monotonic() + AWAIT_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on: {self.shown!r}"
            self._read()
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self) -> None:
        if select.select([self._master], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):  # its last user has gone
                self.shown += os.read(self._master, 4096)


def _take_terminal() -> None:
    """Its own session's terminal is standard input, so that Ctrl-C comes as a signal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_ctrl_x_gives_the_repl_and_ctrl_bracket_the_log_of_an_agent_that_begins_anew(board: Agent) -> None:
    resets = board.pico.stats()["resets"]
    terminal = Terminal("monitor", "--port", board.pico.port)
    try:
        terminal.await_shown(rb"Ctrl-X goes to its REPL")
        terminal.press(b"\x18")
        terminal.await_shown(rb"this is the REPL")
        terminal.await_shown(rb">>> ")
        terminal.press(b"print(6 * 7)\r")
        terminal.await_shown(rb"\r\n42\r\n>>> ")
        terminal.press(b"\x1d")
        terminal.await_shown(BEGIN)
        terminal.press(b"\x03")
        assert terminal.wait() == 0
    finally:
        terminal.close()
    assert board.pico.stats()["resets"] == resets


def test_ctrl_c_ends_the_monitor_and_not_the_agent(board: Agent) -> None:
    terminal = Terminal("monitor", "--port", board.pico.port)
    try:
        terminal.await_shown(rb"Ctrl-C ends this")
        terminal.press(b"\x03")
        assert terminal.wait() == 0
    finally:
        terminal.close()
    with Console(board.pico.port) as console:
        board.pico.reset()
        said = _until(console, BEGIN.decode())
    assert not [line for line in said if "interrupted" in line]


def test_a_reset_is_seen_from_its_first_line(board: Agent, tmp_path: Path) -> None:
    monitor = processes.start(tmp_path, "monitor", "--port", board.pico.port, "--json", "--for", "20")
    assert monitor.stdout is not None
    monitor.stdout.readline()
    board.pico.reset()
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


def test_the_crash_log_is_shown_and_the_agent_begins_anew(board: Agent, tmp_path: Path) -> None:
    noted = tmp_path / "crash.log"
    noted.write_text(CRASHES)
    board.pico.mpremote("fs", "cp", str(noted), ":crash.log")
    done = processes.run(tmp_path, "monitor", "--crashes", "--port", board.pico.port)
    assert done.returncode == 0
    assert "interrupting the agent" in done.stdout
    assert re.search(r"12 +0\.1\.0 +86400 s +task stream does not recover: OSError at stream\.py:120 *\n", done.stdout)
    assert re.search(r"13 +0\.1\.0 +watchdog: the loop hung *\n", done.stdout)
    with Console(board.pico.port) as console:
        _until(console, BEGIN.decode())


def _until(console: Console, text: str) -> list[str]:
    said: list[str] = []
    deadline = time.monotonic() + AWAIT_S
    while time.monotonic() < deadline:
        said += [event.text for event in console.read() if isinstance(event, Line)]
        if any(text in line for line in said):
            return said
    raise AssertionError(f"the board did not say {text!r}, but {said}")
