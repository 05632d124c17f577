"""`plotpost simulate` of a board with parts at its pins: the unmodified firmware over simulated hardware, against a real endpoint."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.plots import save_plot
from host_tools.runtime import Runtime
from host_tools.simulate import LogLine, Simulation
from tests.faults.harness import stored_traces

_WAIT_S = 60
_PLAUSIBLE = {"temperature": (19, 24), "humidity": (40, 56), "water": (16, 20), "voltage": (1.1, 2.1), "level": (33, 64)}


def _entry(driver: str, pin: str, every: str, **streams: str) -> dict[str, Any]:
    channels = {channel: {"stream": stream} for channel, stream in streams.items()}
    return {"driver": driver, "pin": pin, "every": every, "channels": channels}


def _sensors(air: str, pins: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [
        _entry(air, pins[0], "2s", temperature="temperature", humidity="humidity"),
        _entry("ds18b20", pins[1], "1s", temperature="water"),
        _entry("analog", pins[2], "500ms", voltage="voltage", level="level"),
    ]


@pytest.mark.parametrize(
    ("board", "sensors"),
    [("pico_w", _sensors("dht22", ("GP15", "GP4", "GP26"))), ("esp32", _sensors("dht11", ("GPIO16", "GPIO4", "GPIO34")))],
)
def test_the_parts_of_a_board_are_simulated_with_values_that_move(
    board: str, sensors: list[dict[str, Any]], runtime: Runtime, tmp_path: Path, serve: Callable[..., ChildEndpoint]
) -> None:
    with accounts.opened(tmp_path / "data") as store, store.transaction():
        user, _ = accounts.owner(store)
        tokens = {stream: store.new_token(user) for stream in _PLAUSIBLE}
        data = [{"x": [], "y": [], "stream": {"token": token, "maxpoints": 1000}} for token in tokens.values()]
        save_plot(store, user, data, {}, board, "new", "public")
    endpoint = serve()
    config = {"version": 1, "board": board, "name": board, "endpoint": endpoint.url, "wifi": ["lab"], "sensors": sensors}
    lines: list[LogLine] = []
    with Simulation(runtime, config, {"version": 1, "wifi": {"lab": ""}, "tokens": tokens}, on_line=lines.append) as simulation:
        deadline = time.monotonic() + _WAIT_S
        while min(map(len, _drawn(endpoint.data))) < 2:
            assert time.monotonic() < deadline, lines
            time.sleep(0.1)
        assert simulation.stop() == 0
    assert [line for line in lines if line.level not in "ID"] == []
    for (stream, (low, high)), values in zip(_PLAUSIBLE.items(), _drawn(endpoint.data), strict=True):
        assert low <= min(values), stream
        assert max(values) <= high, stream
    assert len(set(_drawn(endpoint.data)[3])) > 1


def _drawn(data: Path) -> list[list[float]]:
    """The values of each trace, in the order of _PLAUSIBLE."""
    with accounts.opened(data) as store:
        (plot,) = store.plots()
        return [list(trace) for trace in stored_traces(store, plot.id)]
