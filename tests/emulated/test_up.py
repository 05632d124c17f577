"""plotpost up, from a bare chip to points in an endpoint, and again: the second time it changes nothing on the board."""

import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.child_endpoint import ChildEndpoint
from tests import processes
from tests.emulated.firmware import firmware, uf2
from tests.emulated.pico import Pico

pytestmark = pytest.mark.emulated

Json = dict[str, Any]

_END_S = 30


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media") / "RPI-RP2"


@pytest.fixture(scope="module")
def board(emulator: None, drive: Path) -> Iterator[Pico]:
    with Pico("pico", bare=True, bootsel=drive) as board:
        yield board


def _config(endpoint: ChildEndpoint, folder: Path, **settings: Any) -> Path:
    """Slow sensors: what is read while no bridge is there waits, and would be saved to flash at the next interruption."""
    config = {
        "version": 1,
        "board": "pico",
        "name": "bench",
        "endpoint": endpoint.url,
        "checkpoint": {"every": "1s"},
        "sensors": [
            {"driver": "health", "every": "1h", "channels": {"free_heap_b": {"stream": "heap"}}},
            {"driver": "analog", "pin": "GP26", "every": "1h", "channels": {"voltage": {"stream": "volts"}}},
        ],
        **settings,
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


class Up:
    """`plotpost up --json` as a program of its own: its lines, until it is ended as by Ctrl-C."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.lines: list[Json] = []
        self._process = processes.start(folder, "up", "--json", *arguments, **environment)
        self._errors: list[str] = []
        threading.Thread(target=self._read_errors, daemon=True).start()

    def result(self) -> Json:
        """The last line, when the plot moves."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(json.loads(line))
            if "plot" in self.lines[-1]:
                return self.lines[-1]
        pytest.fail(f"up ended: {''.join(self._errors)} after {self.lines}")

    def end(self) -> int:
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def changed(self) -> dict[str, bool]:
        return {line["step"]: line["changed"] for line in self.lines if "step" in line}

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)


def test_a_bare_chip_comes_to_points_in_the_endpoint_and_the_second_time_nothing_is_written(
    board: Pico, drive: Path, serve: Callable[..., ChildEndpoint], tmp_path: Path
) -> None:
    endpoint = serve()
    image = uf2.write(firmware("pico"), tmp_path)
    arguments = ["--port", board.port, "--config", str(_config(endpoint, tmp_path)), "--data", str(endpoint.data)]

    first = Up(tmp_path, *arguments, "--firmware", str(image), PLOTPOST_DRIVES=str(drive))
    result = first.result()
    assert first.changed() == {"board": True, "agent": True, "settings": True, "network": False, "points": True}
    assert (result["board"], result["changed"], result["points"], result["bridged"]) == ("pico", True, 2, True)
    assert first.end() == 0

    before = board.stats()
    second = Up(tmp_path, *arguments, PLOTPOST_DRIVES=str(drive))
    again = second.result()
    after = board.stats()
    assert second.changed() == {"board": False, "agent": False, "settings": False, "points": True}
    assert (again["changed"], again["plot"], again["points"]) == (False, result["plot"], 4)
    assert second.end() == 0
    assert [after[count] - before[count] for count in ("flash_erases", "flash_programs")] == [0, 0]
