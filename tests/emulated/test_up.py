"""plotpost up, from a bare chip to points in an endpoint, and again: the second time it changes nothing on the board."""

import json
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools import boards, pins
from host_tools.child_endpoint import ChildEndpoint
from host_tools.device import Device
from host_tools.provision import wipe
from host_tools.provision.complete import Source
from host_tools.provision.documents import Documents
from host_tools.simulate import LogLine
from host_tools.up import Search, Wanted, find, run, up
from host_tools.up.plot import Plot
from tests import processes
from tests.emulated.agent import LOOPBACK
from tests.emulated.board import Board
from tests.emulated.esp32 import Esp32, Esp32Name
from tests.emulated.firmware import firmware, uf2
from tests.emulated.pico import Pico
from tests.emulated.terminal import Terminal

pytestmark = pytest.mark.emulated

Json = dict[str, Any]

_END_S = 90


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media") / "RPI-RP2"


@pytest.fixture(scope="module")
def board(emulator: None, drive: Path) -> Iterator[Pico]:
    with Pico("pico", bare=True, bootsel=drive) as board:
        yield board


@pytest.fixture
def running(board: Pico, drive: Path) -> Pico:
    """The board with MicroPython, whichever test comes first."""
    if board.stats()["bootsel"]:
        uf2.write(firmware("pico"), drive)
        board.await_usb()
    return board


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
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()

    def result(self) -> Json:
        """The last line, when the plot moves."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(json.loads(line))
            if "plot" in self.lines[-1]:
                return self.lines[-1]
        pytest.fail(f"up ended: {''.join(self._errors)} after {self.lines}")

    def end(self) -> int:
        with self._process as process:  # closes its pipes
            process.send_signal(signal.SIGINT)
            try:
                status = process.wait(_END_S)
                self._reader.join()
                return status
            except subprocess.TimeoutExpired:
                process.kill()
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


def test_a_missing_endpoint_is_told_and_what_was_there_stays(
    running: Pico, serve: Callable[..., ChildEndpoint], tmp_path: Path
) -> None:
    endpoint = serve()
    arguments = ["up", "--port", running.port, "--config", str(_config(endpoint, tmp_path)), "--data", str(endpoint.data)]
    endpoint.kill()
    before = running.stats()
    done = processes.run(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (
        1,
        f"plotpost: no endpoint answers at {endpoint.url}: start it with `plotpost serve`, and run the command again\n",
    )
    assert running.stats()["flash_erases"] == before["flash_erases"]


def test_a_person_at_a_new_board_presses_enter_and_gets_a_plot(running: Pico, free_port: int, tmp_path: Path) -> None:
    """No endpoint runs: one is started, for as long as the command runs."""
    running.reset()
    with Device.open(running.port) as device:
        wipe(device)
    address = f"http://127.0.0.1:{free_port}"
    with Terminal("up", "--port", running.port, "--endpoint", address, HOME=str(tmp_path)) as terminal:
        terminal.answer("Name of the board", "desk")
        terminal.answer("Endpoint", "")
        terminal.answer("Sensor", "")
        terminal.answer("Read health every", "1s")
        terminal.answer("Which of them", "")
        terminal.answer("Another sensor", "")
        terminal.answer("Start one here", "")
        terminal.wait_for(r"The plot: .*(?s:.)*Ctrl-C ends it")
        with urllib.request.urlopen(f"{address}/~me/1.json", timeout=_END_S) as answer:
            assert any(trace["x"] for trace in json.load(answer)["data"])
        terminal.press(b"\x03")
        assert terminal.end() == 0, terminal.shown


def test_a_board_with_wifi_tries_its_way_and_streams(
    pico_w: Pico, serve: Callable[..., ChildEndpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulated one runs 1.26.1, which a real one may not; and knows this machine by another address."""
    monkeypatch.setattr(find, "check_firmware", lambda facts, board: None)
    monkeypatch.setattr("host_tools.deploy.check_firmware", lambda facts, board: None)
    _streams(pico_w, serve(), tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["esp32", "esp32_c3"])  # its port is a UART's, its own USB's
def test_an_esp32_tries_its_way_and_streams(
    emulator: None,
    name: Esp32Name,
    serve: Callable[..., ChildEndpoint],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Esp32(name) as board:
        _streams(board, serve(), tmp_path, monkeypatch)


def _streams(board: Board, endpoint: ChildEndpoint, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a board with MicroPython alone to points in its plot."""
    monkeypatch.setattr(run, "Plot", lambda url, ca: Plot(url.replace(LOOPBACK, "127.0.0.1"), ca))
    config = json.loads(_config(endpoint, folder, board=board.name, wifi=["lab"]).read_text())
    config["endpoint"] = endpoint.url.replace("127.0.0.1", LOOPBACK)
    config["sensors"][1]["pin"] = pins.free(boards.load(board.name), pins.USES["analog"], [], wifi=True)[0]
    wanted = Wanted(
        Documents(config, {"wifi": {"lab": "emulated-key"}}), Source(endpoint.data, endpoint.data), Search(port=board.port)
    )
    told = Told()
    with up(wanted, None, told) as (result, _):
        assert (result.bridged, result.points) == (False, 2)
    assert told.steps["network"].startswith("joined lab: ")
    assert "the board reaches plotpost" in told.steps["network"]


class Told:
    """A `Listener` that keeps what each step said."""

    def __init__(self) -> None:
        self.steps: dict[str, str] = {}

    def begun(self, step: str) -> None: ...
    def said(self, text: str) -> None: ...
    def progressed(self, what: str, done: int, of: int) -> None: ...
    def logged(self, line: LogLine) -> None: ...

    def done(self, step: str, message: str, changed: bool) -> None:
        self.steps[step] = message
