"""A day in the life of a board: the unmodified firmware in simulated time, against the real endpoint over a real socket."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.runtime import Runtime
from host_tools.simulate import Closing, LogLine
from tests.bench import servers
from tests.bench.boards import Bench, board_folder, sensor

_MINUTES = 24 * 60
_SENSORS = [sensor("cpu", "cpu", "1s"), sensor("memory", "free", "5s")]
_HEAP_KIB = 128


@dataclass(frozen=True)
class Day:
    """The heap after collection at the end of each minute, the agent's account, its log, and what the endpoint has stored."""

    heaps: list[int]
    closing: Closing
    log: list[LogLine]
    stored: int


@pytest.fixture(scope="module")
def day(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("soak")
    bench = Bench(runtime, folder)
    bench.build()
    with servers.endpoint(folder) as endpoint:
        printed = bench.run("hours", _MINUTES, config=_board(folder, endpoint), heap_kib=_HEAP_KIB, simulated=True).splitlines()
        with accounts.opened(endpoint.data) as store:
            stored = sum(plot.points for plot in store.plots())
    told = [json.loads(line) for line in printed if line.startswith("{")]
    log = [LogLine.parse(line) for line in printed if not line.startswith("{")]
    closing = Closing.parse(log[-1].message)
    assert closing is not None
    return Day([minute["heap"] for minute in told], closing, log, stored)


def _board(folder: Path, endpoint: ChildEndpoint) -> Path:
    tokens = servers.new_tokens(endpoint, 2)
    servers.new_plot(endpoint, "soak", tokens)
    return board_folder(
        folder,
        servers.port_of(endpoint),
        dict(zip(("cpu", "memory"), tokens, strict=True)),
        _SENSORS,
        spool={"ram": "16KiB"},
        checkpoint={"every": "8m", "records": 1000},  # what takes real time in a simulated day are the answers
    )


def test_after_a_day_the_heap_is_that_of_the_first_minute(day: Day) -> None:
    assert len(day.heaps) == _MINUTES
    assert day.heaps[-1] <= day.heaps[0]


def test_of_a_hundred_thousand_readings_each_is_stored_once(day: Day) -> None:
    assert day.closing.taken > 100_000
    assert (day.closing.dropped, day.closing.skipped) == (0, 0)
    assert day.stored == day.closing.settled == day.closing.taken


def test_a_day_without_trouble_leaves_nothing_but_a_few_lines_in_the_log(day: Day) -> None:
    assert [line for line in day.log if line.level in "WE"] == []
    assert day.closing.reconnects <= 1
