"""plotpost's tools at an emulated ESP32, over both kinds of serial port: from a bare board to readings that are stored."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import FIRST_USER
from tests import processes
from tests.emulated.agent import LOOPBACK
from tests.emulated.board import Board
from tests.emulated.esp32 import Esp32, Esp32Name
from tests.emulated.lab import AWAIT_S, KEY, SSID
from tests.faults.harness import create_plot, stored_traces

pytestmark = pytest.mark.emulated


@pytest.fixture(params=["esp32", "esp32_c3"])
def board(emulator: None, request: pytest.FixtureRequest) -> Iterator[Board]:
    name: Esp32Name = request.param
    with Esp32(name) as board:
        yield board


def _run(board: Board, folder: Path, command: str, *arguments: str) -> list[dict[str, Any]]:
    """One of plotpost's commands at the board's port; what it tells as JSON."""
    done = processes.run(folder, command, "--port", board.port, *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_bare_board_is_deployed_provisioned_watched_and_examined(board: Board, endpoint: ChildEndpoint, tmp_path: Path) -> None:
    with accounts.opened(endpoint.data) as store:
        token = store.new_token(accounts.owner(store)[0])
        assert endpoint.api_key is not None
        create_plot(endpoint.url, FIRST_USER, endpoint.api_key, [token])
        config = _config(tmp_path, board.name, endpoint.url.replace("127.0.0.1", LOOPBACK), token)
        assert _run(board, tmp_path, "deploy", "--config", str(config))[-1]["board"] == board.name
        _run(board, tmp_path, "provision", "--config", str(config))
        lines = _run(board, tmp_path, "monitor", "--for", "15")
        assert f"joined {SSID}" in [line.get("message") for line in lines]
        deadline = time.monotonic() + AWAIT_S
        while not stored_traces(store, store.plots()[0].id)[0]:
            assert time.monotonic() < deadline, lines
            time.sleep(0.1)
        examined = processes.run(tmp_path, "doctor", "--port", board.port, "--json")
        found = [json.loads(line) for line in examined.stdout.splitlines()]
        assert "ok" in {each["mark"] for each in found} <= {"ok", "warning"}, examined.stdout
        assert KEY not in examined.stdout


def _config(folder: Path, board: str, endpoint: str, token: str) -> Path:
    sensor = {"driver": "health", "every": "1s", "channels": {"free_heap_b": {"stream": "s"}}}
    config = {"version": 1, "board": board, "name": "patient", "endpoint": endpoint, "wifi": [SSID], "sensors": [sensor]}
    secrets = {"version": 1, "wifi": {SSID: KEY}, "tokens": {"s": token}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "secrets.json").write_text(json.dumps(secrets))
    (folder / "secrets.json").chmod(0o600)
    return folder / "config.json"
