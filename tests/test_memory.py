"""The memory of the agent on 32-bit MicroPython, from compiled files: what it needs, and that it never grows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.boards import AGENT_HEAP_KIB
from host_tools.runtime import Runtime
from tests.bench import board_side, servers
from tests.bench.boards import Bench, Failed

_LOCKED_READINGS = 5000
_CORE_OF_TODAY = 26_700  # bytes; the goal is 12 KiB
_SLACK = 1.2


@pytest.fixture(scope="module")
def bench(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = Bench(runtime, tmp_path_factory.mktemp("bench"))
    bench.build()
    return bench


@pytest.fixture
def whole_board(tmp_path: Path) -> Iterator[Path]:
    with servers.endpoint(tmp_path) as endpoint:
        yield board_side.whole_board(tmp_path, endpoint)


def test_nothing_is_allocated_from_sampler_to_socket(bench: Bench, tmp_path: Path) -> None:
    assert board_side.locked(bench, tmp_path, _LOCKED_READINGS) == 0


def test_a_locked_heap_shows_what_allocates(bench: Bench, tmp_path: Path) -> None:
    """The test above can fail: here each turn reads a driver whose file must be opened again."""
    driver = bench.firmware / "plotpost/sensors/memory.mpy"
    compiled = driver.read_bytes()
    source = "class Driver:\n CHANNELS = (('free', '', 0),)\n OPTIONS = ()\n MIN_EVERY_MS = 10\n"
    source += " def __init__(self, options): pass\n def start(self): return 0\n def read(self, values): values[0] = len([0])\n"
    driver.with_suffix(".py").write_text(source)
    driver.unlink()
    try:
        with pytest.raises(Failed, match="heap is locked"):
            board_side.locked(bench, tmp_path, _LOCKED_READINGS)
    finally:
        driver.write_bytes(compiled)
        driver.with_suffix(".py").unlink()


def test_the_agent_runs_in_a_small_heap(bench: Bench, whole_board: Path) -> None:
    bench.run("hours", 10, config=whole_board, heap_kib=AGENT_HEAP_KIB, simulated=True)


@pytest.fixture
def at_work(bench: Bench, whole_board: Path) -> dict[str, Any]:
    """What a board holds when it has read its settings, made its parts, looked for readings on flash and created its plot."""
    printed = bench.run("modules", config=whole_board, simulated=True)
    (told,) = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return dict(told)


def test_what_is_needed_once_is_not_kept(at_work: dict[str, Any]) -> None:
    once = ("config", "units", "url", "start", "boots", "retained", "assembly", "recovery", "plot")
    assert {"plotpost.agent", "plotpost.flash"} <= set(at_work["modules"])
    assert not {"requests", *(f"plotpost.{name}" for name in once)} & set(at_work["modules"])


def test_only_a_full_heap_is_collected_while_the_agent_works(at_work: dict[str, Any]) -> None:
    assert at_work["threshold"] == -1


def test_the_streaming_core_is_small(bench: Bench) -> None:
    assert bench.tell("imports", *board_side.CORE)["heap"] < _CORE_OF_TODAY * _SLACK
