"""simulate.py: the firmware as a board runs it, against a real endpoint, and the command around it."""

import json
import re
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.plots import save_plot
from host_tools.runtime import Runtime
from host_tools.simulate import Closing, LogLine, Simulation
from tests import processes

CLOSING = "stopped taken=60 settled=59 dropped=1 skipped=2 reconnects=3 heap_used=81234 heap=163840"
Files = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture
def token(tmp_path: Path) -> str:
    """A stream token that feeds a plot, in the data folder of the endpoint that starts afterwards."""
    with accounts.opened(tmp_path / "data") as store, store.transaction():
        user, _ = accounts.owner(store)
        token = store.new_token(user)
        save_plot(store, user, [{"x": [], "y": [], "stream": {"token": token, "maxpoints": 1000}}], {}, "load", "new", "public")
    return token


@pytest.fixture
def endpoint(token: str, serve: Callable[..., ChildEndpoint]) -> ChildEndpoint:
    return serve()


@pytest.fixture
def files(endpoint: ChildEndpoint, token: str) -> Files:
    """config.json and secrets.json of a board that sends this machine's load ten times a second."""
    return _files(endpoint.url, token)


def _files(url: str, token: str) -> Files:
    sensor = {"driver": "load", "every": "100ms", "channels": {"load1": {"stream": "s1"}}}
    config = {"version": 1, "board": "linux", "name": "test", "endpoint": url, "sensors": [sensor]}
    return config, {"version": 1, "tokens": {"s1": token}}


def _write(folder: Path, files: Files) -> Path:
    for name, content in zip(("config.json", "secrets.json"), files, strict=True):
        (folder / name).write_text(json.dumps(content))
        (folder / name).chmod(0o600)
    return folder / "config.json"


def _received(data: Path) -> int:
    with accounts.opened(data) as store:
        return sum(plot.points for plot in store.plots())


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)


def test_a_log_line_is_taken_apart() -> None:
    assert LogLine.parse("12.345 W stream the network is away") == LogLine(12.345, "W", "stream", "the network is away")


def test_output_that_is_no_log_line_is_an_error_of_micropython() -> None:
    assert LogLine.parse("Traceback (most recent call last):") == LogLine(
        None, "E", "micropython", "Traceback (most recent call last):"
    )


def test_the_closing_line_is_read_and_no_other() -> None:
    assert Closing.parse(CLOSING) == Closing(60, 59, 1, 2, 3, 81234, 163840)
    assert Closing.parse("interrupted: sending what is left") is None


def test_a_board_sends_its_readings_and_accounts_for_them(runtime: Runtime, endpoint: ChildEndpoint, files: Files) -> None:
    with Simulation(runtime, *files) as board:
        _wait_until(lambda: _received(endpoint.data) >= 5)
        assert board.stop() == 0
    assert board.closing is not None
    assert board.closing.taken == board.closing.settled == _received(endpoint.data)
    assert board.closing.heap <= 160 * 1024


def test_the_secrets_are_for_the_owners_eyes_and_gone_at_the_end(runtime: Runtime, files: Files) -> None:
    with Simulation(runtime, *files) as board:
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (board.flash, board.flash / "secrets.json")]
        arguments = Path(f"/proc/{board.pid}/cmdline").read_bytes()
    assert modes == [0o700, 0o600]
    assert files[1]["tokens"]["s1"].encode() not in arguments
    assert not board.flash.exists()


def test_the_command_runs_a_board_for_a_time_and_ends_with_its_account(runtime: Runtime, files: Files, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = processes.run(home, "simulate", "--config", str(_write(tmp_path, files)), "--for", "2", "--json")
    assert done.returncode == 0, done.stderr
    closing = Closing.parse(processes.last_json(done.stdout)["message"])
    assert closing is not None
    assert closing.taken == closing.settled > 0
    assert files[1]["tokens"]["s1"] not in done.stdout + done.stderr
    assert processes.left_behind(home) == []


def test_readings_that_end_with_the_simulated_flash_are_told(runtime: Runtime, free_port: int, tmp_path: Path) -> None:
    """The board itself says that they stay on its flash."""
    home = tmp_path / "home"
    home.mkdir()
    config = _write(tmp_path, _files(f"http://127.0.0.1:{free_port}", "abcdefghij"))
    done = processes.run(home, "simulate", "--config", str(config), "--for", "2")
    assert done.returncode == 0, done.stderr
    assert "they stay on flash" in done.stdout
    [told] = re.findall(r"(\d+) readings were not confirmed, and are gone", done.stderr)
    assert int(told) > 0
    assert processes.left_behind(home) == []


def test_a_second_interrupt_ends_a_board_that_cannot_send(runtime: Runtime, free_port: int, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    config = _write(tmp_path, _files(f"http://127.0.0.1:{free_port}", "abcdefghij"))
    board = processes.start(home, "simulate", "--config", str(config), "--json")
    assert board.stdout is not None
    logged: list[str] = []
    for pattern in ("refused", "interrupted"):  # the first interrupt comes when it knows that nobody is there
        for line in board.stdout:
            logged.append(line)
            if pattern in line:
                break
        board.send_signal(signal.SIGINT)
    _, err = board.communicate()
    assert board.returncode == 1, logged
    assert "Traceback" not in err
    assert processes.left_behind(home) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--board", "lunix"), "lunix"),
        (("--endpoint", "ftp://x"), "endpoint"),
        (("--config", "missing.json"), "missing.json"),
    ],
)
def test_bad_settings_are_named_before_anything_starts(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    config = _write(tmp_path, _files("http://127.0.0.1:1", "abcdefghij"))
    done = processes.run(tmp_path, "simulate", "--config", str(config), *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("plotpost: ")
    assert done.stderr.count("\n") == 1
    assert complaint in done.stderr
    assert done.stdout == ""
    assert "abcdefghij" not in done.stderr
