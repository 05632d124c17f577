"""monitor.py and console.py at a real serial port (a pseudo-terminal) whose other end plays the board."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time
import tty
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from host_tools import monitor
from host_tools.cli import commands
from host_tools.console import Back, Console, Gone, Line
from host_tools.device import PortError
from host_tools.frames import Frame, Kind
from host_tools.monitor import Crash, Lives, Sorter
from tests import processes

AWAIT_S = 60
LOG = (
    "0.012 I boot number 7, the one before ended by: power-on",
    "1.250 D link state 2",
    "3.001 W stream connection refused: is the endpoint running there?",
    "86400.000 E config config.json: wifi: is missing",
)


class Board:
    """The far end of a serial port at `port`. `unplug()` takes the port away, `plug()` brings it back, maybe with another number."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "ttyBoard"
        self._master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        self.port.unlink()
        os.close(self._master)
        os.close(self._slave)

    def say(self, *lines: str) -> None:
        self.write("".join(f"{line}\r\n" for line in lines).encode())

    def write(self, data: bytes) -> None:
        os.write(self._master, data)

    def heard(self) -> bytes:
        """What was written to the board so far."""
        ready, _, _ = select.select([self._master], [], [], 0)
        return os.read(self._master, 4096) if ready else b""


class Monitor:
    """`plotpost monitor`, running. `lines` grows as it prints."""

    def __init__(self, folder: Path, port: Path, *arguments: str) -> None:
        self.lines: list[str] = []
        self.process = processes.start(folder, "monitor", "--port", str(port), *arguments, NO_COLOR="1")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def await_line(self, pattern: str) -> str:
        deadline = time.monotonic() + AWAIT_S
        while time.monotonic() < deadline:
            for line in self.lines:
                if re.search(pattern, line):
                    return line
            time.sleep(0.01)
        raise AssertionError(f"no line like {pattern!r}, but {self.lines}")

    def entries(self) -> list[dict[str, Any]]:
        return [entry for entry in map(json.loads, self.lines) if entry["module"] != "monitor"]

    def interrupt(self) -> int:
        """Ctrl-C: its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(AWAIT_S)
        self._reader.join()
        return status

    def close(self) -> None:
        self.process.kill()
        self.wait()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path)
    yield made
    with contextlib.suppress(OSError):
        made.unplug()


@pytest.fixture
def watch(board: Board, tmp_path: Path) -> Iterator[Any]:
    """Starts `plotpost monitor` on the board's port and waits until it listens."""
    started: list[Monitor] = []

    def start(*arguments: str) -> Monitor:
        begun = Monitor(tmp_path, board.port, *arguments)
        started.append(begun)
        begun.await_line("Ctrl-C ends this")
        return begun

    yield start
    for each in started:
        each.close()


def _run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return processes.run(folder, "monitor", *arguments)


def test_the_agents_log_is_shown_with_level_uptime_and_the_time_here(board: Board, watch: Any) -> None:
    monitor = watch()
    board.say(*LOG)
    assert re.fullmatch(r"\d\d:\d\d:\d\d +86400\.000 E config config\.json: wifi: is missing", monitor.await_line("is missing"))
    assert re.fullmatch(r"\d\d:\d\d:\d\d +3\.001 W stream connection refused: .*", monitor.await_line("refused"))


def test_json_is_one_line_each_for_programs(board: Board, watch: Any) -> None:
    began = datetime.now().astimezone().replace(microsecond=0)
    monitor = watch("--json")
    board.say(*LOG)
    monitor.await_line("86400")
    entries = monitor.entries()
    assert [f"{e['uptime']:.3f} {e['level']} {e['module']} {e['message']}" for e in entries] == list(LOG)
    assert all(datetime.fromisoformat(entry["time"]) >= began for entry in entries)


def test_a_board_that_is_unplugged_is_waited_for_under_the_same_name(board: Board, watch: Any) -> None:
    monitor = watch()
    for time_of_day in ("first", "second"):
        board.unplug()
        monitor.await_line("went away; waiting for it")
        board.plug()
        monitor.await_line(f"the board is back at {board.port}")
        board.say(f"0.100 I agent {time_of_day} again")
        monitor.await_line(f"{time_of_day} again")
        monitor.lines.clear()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a line is waited for as long as a test takes."""
    monkeypatch.setattr("host_tools.console._QUIET_S", 3600)


@pytest.mark.usefixtures("patient")
def test_what_came_before_the_cable_was_pulled_is_shown(board: Board) -> None:
    with Console(str(board.port)) as console:
        board.write(b"\r\n5.000 I agent half a li")
        assert console.read() == []
        assert console.read() == []
        board.unplug()
        assert console.read() == [Line("5.000 I agent half a li"), Gone(f"the board at {board.port} went away")]


def test_a_port_that_another_program_took_meanwhile_is_told_once(
    board: Board, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("host_tools.console._GRACE_S", 0)
    with Console(str(board.port)) as console:
        board.unplug()
        assert [type(event) for event in _until_event(console)] == [Gone]
        board.plug()
        with Console(str(board.port)):
            (gone,) = _until_event(console)
            assert isinstance(gone, Gone)
            assert "is in use by" in gone.why
            assert [console.read() for _ in range(5)] == [[]] * 5
        assert _until_event(console) == [Back(str(board.port))]


def _until_event(console: Console) -> list[Any]:
    deadline = time.monotonic() + AWAIT_S
    while time.monotonic() < deadline:
        if events := console.read():
            return events
    raise AssertionError("nothing happened")


def test_a_board_that_is_plugged_in_elsewhere_is_found_by_its_number(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    ports = {Path("/dev/ttyOther"): "other", board.port: "E6614"}
    monkeypatch.setattr(list_ports, "comports", lambda: [_usb_port(*each) for each in ports.items()])
    with Console(str(board.port)) as console:
        board.unplug()
        assert [type(event) for event in _until_event(console)] == [Gone]
        moved = Board(elsewhere)
        ports[moved.port] = ports.pop(board.port)
        assert _until_event(console) == [Back(str(moved.port))]
        moved.say("1.000 I agent here")
        assert _until_event(console) == [Line("1.000 I agent here")]
        moved.unplug()


def _usb_port(device: Path, number: str) -> ListPortInfo:
    found = ListPortInfo(str(device))
    found.serial_number = number
    return found


def test_nothing_is_written_to_the_board_also_not_at_ctrl_c(board: Board, watch: Any) -> None:
    monitor = watch()
    board.say(LOG[0])
    monitor.await_line("power-on")
    assert monitor.interrupt() == 0
    assert board.heard() == b""
    assert monitor.process.stderr.read() == ""


def test_it_ends_after_the_time_that_was_asked_for(board: Board, watch: Any) -> None:
    assert watch("--for", "0.3").wait() == 0


def test_a_line_without_an_end_is_shown_in_the_end(board: Board, watch: Any) -> None:
    monitor = watch()
    board.write(b"\r\n>>> ")
    monitor.await_line("- >>>")


def test_what_a_terminal_would_obey_is_escaped(board: Board, watch: Any) -> None:
    monitor = watch("--json")
    board.write(b"\x1b[0;32mI (31) boot: coloured\x1b[0m\r\nbell \x07 and \x1b]0;title\x07 and \x8f\r\n[bold]1.0[/bold]\r\n")
    monitor.await_line(r"\[bold\]")
    assert [entry["message"] for entry in monitor.entries()] == [
        "I (31) boot: coloured",
        r"bell \x07 and \x1b]0;title\x07 and \x8f",
        "[bold]1.0[/bold]",
    ]


def test_of_the_frames_for_a_bridge_only_the_log_is_shown(board: Board, watch: Any) -> None:
    """A bridge that was killed leaves the board talking to it for a while, and the tokens of its streams are in that."""
    secret = b"POST / HTTP/1.1\r\nplotly-streamtoken: abcdefghij\r\n\r\n"
    data, said = Frame(Kind.DATA, 1, secret).encode(), Frame(Kind.LOG, 2, b"\x80" + LOG[1].encode()).encode()
    monitor = watch("--json")
    board.write(data[9:] + data + said + data[:-9] + b"\r\n" + data + f"{LOG[2]}\r\n".encode() + said[:-1])
    monitor.await_line("refused")
    assert [entry["message"] for entry in monitor.entries()] == ["state 2", "connection refused: is the endpoint running there?"]


@pytest.mark.usefixtures("patient")
def test_what_is_left_of_a_frame_when_the_cable_is_pulled_is_not_shown(board: Board) -> None:
    with Console(str(board.port)) as console:
        board.write(b"plotly-streamtoken: abcdefghij")
        assert console.read() == []
        board.unplug()
        assert [type(event) for event in _until_event(console)] == [Gone]


def test_noise_without_end_is_shown_in_pieces(board: Board) -> None:
    with Console(str(board.port)) as console:
        board.write(b"x" * 3000)
        assert _until_event(console)[0] == Line("x" * 1024)


@pytest.mark.parametrize(
    ("text", "module", "level"),
    [
        ("ets Jul 29 2019 12:21:46", "chip", "I"),
        ("rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", "chip", "I"),
        ("ESP-ROM:esp32s3-20210327", "chip", "I"),
        ("I (31) boot: ESP-IDF v5.4", "chip", "I"),
        ("Brownout detector was triggered", "chip", "E"),
        ("Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.", "chip", "E"),
        ("MicroPython v1.28.0 on 2026-04-06; Raspberry Pi Pico W with RP2040", "micropython", "I"),
        ('Type "help()" for more information.', "micropython", "I"),
        (">>> ", "micropython", "I"),
        ("MPY: soft reboot", "micropython", "I"),
        (r"\x8f\xe2\x10nl\x90", "noise", "W"),
        ("hello from my own boot.py", "output", "I"),
    ],
)
def test_lines_that_are_no_log_say_whose_they_are(text: str, module: str, level: str) -> None:
    line = Sorter().sort(text)
    assert (line.uptime, line.module, line.level, line.message) == (None, module, level, text)


def test_a_traceback_is_one_to_its_last_line() -> None:
    trace = [
        "Traceback (most recent call last):",
        '  File "main.py", line 30, in <module>',
        '  File "main.py", line 25, in main',
        "ImportError: no module named 'plotpost'",
    ]
    sorter = Sorter()
    sorted_lines = [sorter.sort(text) for text in [*trace, "done", *LOG[:1]]]
    assert [line.module for line in sorted_lines] == ["traceback"] * 4 + ["output", "boot"]
    assert [line.level for line in sorted_lines[:4]] == ["E"] * 4


def test_a_port_that_is_not_there_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    done = _run(tmp_path, "--port", str(tmp_path / "ttyNone"))
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"plotpost: there is no port .*ttyNone: plug the board in .*\n", done.stderr)


def test_a_port_in_use_is_one_line_that_names_who_may_hold_it(board: Board, watch: Any, tmp_path: Path) -> None:
    watch()
    done = _run(tmp_path, "--port", str(board.port))
    assert done.returncode == 1
    assert re.fullmatch(r"plotpost: .*ttyBoard is in use by .*: end .*\n", done.stderr)
    with pytest.raises(PortError):
        Console(str(board.port))


class Flash:
    """The files of a board, as far as `lives` looks at them."""

    def __init__(self, **files: bytes) -> None:
        self._files = {f"/{name.replace('_', '.')}": content for name, content in files.items()}

    def read(self, path: str) -> bytes:
        if path not in self._files:
            raise FileNotFoundError(path)
        return self._files[path]


@pytest.mark.parametrize(
    ("flash", "lives"),
    [
        (Flash(), Lives(0, 0, [], [])),
        (Flash(boot_json=b"{", crash_log=b""), Lives(0, 0, [], [])),
        (Flash(boot_json=b'{"boots": 9, "bad": 2, "reason": ""}'), Lives(9, 2, [], [])),
        (
            Flash(crash_log=b"boot 8 (0.1.0) after 61 s: OSError at a.py:1\nboot 9 (0.1.0) watchdog: the loop hung\nbo\xff"),
            Lives(
                0,
                0,
                [Crash(8, "0.1.0", 61, "OSError at a.py:1"), Crash(9, "0.1.0", None, "watchdog: the loop hung")],
                ["bo\\xff"],
            ),
        ),
    ],
    ids=["new", "damaged", "well", "crashed"],
)
def test_the_notes_of_its_lives_are_read_also_when_damaged(flash: Any, lives: Lives) -> None:
    assert monitor.lives(flash) == lives


def test_crashes_are_one_object_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = Lives(9, 2, [Crash(8, "0.1.0", 61, "OSError at a.py:1")], [])
    monkeypatch.setattr(monitor, "crashes", lambda port: lives)
    done = CliRunner().invoke(commands, ["monitor", "--crashes", "--port", "/dev/any", "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, asdict(lives))
