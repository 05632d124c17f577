"""`plotpost simulate --emulated`: somebody's own board, with its own configuration, on an emulated Pico W."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import FIRST_USER
from host_tools.simulate import Closing
from tests import processes
from tests.faults.harness import create_plot, stored_traces

CONFIG: dict[str, Any] = {
    "version": 1,
    "board": "pico_w",
    "name": "greenhouse",
    "endpoint": "http://127.0.0.1:8050",
    "wifi": ["home"],
    "sensors": [{"driver": "health", "every": "1s", "channels": {"free_heap_b": {"stream": "h"}, "rssi_dbm": {"stream": "r"}}}],
}
SECRETS: dict[str, Any] = {"version": 1, "wifi": {"home": "its password"}, "tokens": {"h": "abcdefghij", "r": "klmnopqrst"}}
Simulate = Callable[..., Any]


@pytest.fixture
def simulate(tmp_path: Path) -> Simulate:
    """Runs the command in a folder with the configuration."""
    home = tmp_path / "home"
    home.mkdir()

    def run(*arguments: str, config: dict[str, Any] = CONFIG, secrets: dict[str, Any] = SECRETS) -> Any:
        for name, content in (("config.json", config), ("secrets.json", secrets)):
            (tmp_path / name).write_text(json.dumps(content))
            (tmp_path / name).chmod(0o600)
        done = processes.run(home, "simulate", "--emulated", "--config", str(tmp_path / "config.json"), *arguments)
        assert processes.left_behind(home) == []
        return done

    return run


@pytest.mark.emulated
@pytest.mark.parametrize("board", ["pico_w", "esp32", "esp32_c3"])
def test_the_board_joins_its_own_network_streams_and_gives_its_account(
    emulator: None, endpoint: ChildEndpoint, simulate: Simulate, board: str
) -> None:
    with accounts.opened(endpoint.data) as store:
        tokens = [store.new_token(accounts.owner(store)[0]) for _ in range(2)]
        assert endpoint.api_key is not None
        create_plot(endpoint.url, FIRST_USER, endpoint.api_key, tokens)
        secrets = {**SECRETS, "tokens": dict(zip("hr", tokens, strict=True))}
        done = simulate("--board", board, "--endpoint", endpoint.url, "--for", "15", "--json", secrets=secrets)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert "joined home" in [line["message"] for line in lines]
        (closing,) = [found for line in lines if (found := Closing.parse(line["message"]))]
        heap, rssi = stored_traces(store, store.plots()[0].id)
    assert closing.taken == closing.settled == len(heap) + len(rssi) > 0
    assert set(rssi) <= {None, -50}
    assert -50 in rssi


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (
            ["--board", "linux"],
            2,
            "there is no emulated linux, but pico_w, esp32, esp32_s2, esp32_s3, esp32_c3, esp32_c6; see --board",
        ),
        (["--heap", "100"], 2, "an emulated board has the heap of its chip"),
        (
            ["--endpoint", "http://192.0.2.1"],
            1,
            "reaches this machine alone, not 192.0.2.1: try --endpoint http://localhost:8050",
        ),
    ],
)
def test_what_cannot_be_emulated_is_said_in_one_line(
    simulate: Simulate, arguments: list[str], status: int, complaint: str
) -> None:
    config = {key: value for key, value in CONFIG.items() if key != "wifi"}
    sensor = {"driver": "health", "every": "1s", "channels": {"free_heap_b": {"stream": "h"}}}
    done = simulate(*arguments, config={**config, "sensors": [sensor]})
    assert done.returncode == status
    assert complaint in done.stderr.splitlines()[-1]


def test_a_plot_must_be_there_before(simulate: Simulate) -> None:
    account = {"account": {"user": "me", "api_key": "key"}}
    done = simulate(config={**CONFIG, "plot": {"filename": "greenhouse"}}, secrets={**SECRETS, **account})
    assert done.returncode == 1
    assert "see 'plotpost plot new'" in done.stderr
