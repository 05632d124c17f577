"""firmware/plotpost/sleep.py with the whole agent: a MicroPython process for each life, the flash kept, and a real endpoint."""

import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from host_tools import accounts, resources
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.plots import save_plot
from host_tools.runtime import BOARD_HEAP_KIB, Runtime

HERE = Path(__file__).parent
EVERY_S = 1  # from wake to wake
LIFE_S = 90  # the agent itself sees to it that no life lasts longer than two minutes
DEEP_SLEEP = 4  # machine.DEEPSLEEP_RESET


class Board:
    """Its flash is a folder. The part counts: each reading has a value of its own, and a line in the file `ledger`."""

    def __init__(self, folder: Path, runtime: Runtime, url: str, token: str, port: str) -> None:
        self.flash, self._runtime, self.port = folder, runtime, port
        folder.mkdir()
        resources.copy_firmware(folder)
        shutil.copy(HERE / "faults" / "counting_part.py", folder / "plotpost" / "sensors" / "load.py")
        shutil.copy(HERE / "simulated" / "machine.py", folder)
        for module in ("board_pins.py", "wires.py"):
            shutil.copy(resources.hardware() / module, folder)
        shutil.copy(HERE / "simulated" / "sleeping_board.py", folder)
        self.configure(url, token)
        self.lives: list[str] = []

    def configure(self, url: str, token: str) -> None:
        sensor = {"driver": "load", "every": "10ms", "channels": {"even": {"stream": "s1"}}}
        config = {"version": 1, "board": "linux", "name": "field", "endpoint": url, "sensors": [sensor]}
        config["sleep"] = {"every": f"{EVERY_S}s", "connect_every": 3}
        (self.flash / "config.json").write_text(json.dumps(config))
        (self.flash / "secrets.json").write_text(json.dumps({"version": 1, "tokens": {"s1": token}}))

    def live(self, lives: int = 1) -> None:
        """So many lives, each to its sleep, and the sleep after it."""
        for _ in range(lives):
            done = subprocess.run(
                self._runtime.command("sleeping_board.py", self.port, board_kib=BOARD_HEAP_KIB),
                cwd=self.flash,
                env={**os.environ, "MICROPYPATH": ".frozen"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=LIFE_S,
            )
            self.lives.append(done.stdout)
            told = self.flash / "machine.txt"
            assert told.exists(), done.stdout
            cause, slept = map(int, told.read_text().split())
            assert cause == DEEP_SLEEP, done.stdout
            time.sleep(slept / 1000)

    def lose_power(self) -> None:
        """In its sleep. A chip forgets what ended its last life, and an ESP32 what was in its RTC memory."""
        (self.flash / "machine.txt").unlink()
        (self.flash / "machine.txt.rtc").unlink()

    @property
    def taken(self) -> list[int]:
        """The values of all readings that the part has given."""
        return [2 * n for n in range((self.flash / "ledger").stat().st_size)]

    @property
    def connected(self) -> list[bool]:
        """Of each life: whether it sent something. The log tells how many readings wait when it falls asleep."""
        return [", 0 readings wait" in life for life in self.lives]


@pytest.fixture
def token(tmp_path: Path) -> str:
    with accounts.opened(tmp_path / "data") as store, store.transaction():
        user, _ = accounts.owner(store)
        token = store.new_token(user)
        save_plot(store, user, [{"x": [], "y": [], "stream": {"token": token, "maxpoints": 1000}}], {}, "field", "new", "public")
    return token


@pytest.fixture
def endpoint(token: str, serve: Callable[..., ChildEndpoint], free_port: int) -> ChildEndpoint:
    return serve(port=free_port)


@pytest.fixture(params=["rp2", "esp32"])
def board(request: pytest.FixtureRequest, tmp_path: Path, runtime: Runtime, endpoint: ChildEndpoint, token: str) -> Board:
    return Board(tmp_path / "board", runtime, endpoint.url, token, request.param)


def _stored(endpoint: ChildEndpoint) -> list[tuple[str, int]]:
    """(x, y) of every point, in the order they came."""
    with accounts.opened(endpoint.data) as store:
        [plot] = store.plots()
        loaded = store.load_plot(plot.id)
    assert loaded is not None
    _, snapshot, journal = loaded
    [trace] = orjson.loads(snapshot)["data"]
    points = list(zip(trace.get("x", ()), trace.get("y", ()), strict=True))
    lines = [orjson.loads(line) for row in journal for line in row.lines.splitlines()]
    return points + [(line["x"], line["y"]) for line in lines]


def _values(endpoint: ChildEndpoint) -> list[int]:
    return [value for _, value in _stored(endpoint)]


def _devices(endpoint: ChildEndpoint) -> list[tuple[int, int]]:
    """Of each stream id: the number that comes next, and how many never came."""
    with accounts.opened(endpoint.data) as store:
        user, _ = accounts.owner(store)
        return [(device.next, device.missing) for device in store.devices(user)]


def test_every_reading_arrives_once_under_one_stream_id_though_it_connects_every_third_time(
    board: Board, endpoint: ChildEndpoint
) -> None:
    board.live(7)
    assert board.connected == [True, False, False, True, False, False, True], "\n".join(board.lives)
    assert _values(endpoint) == board.taken == [0, 2, 4, 6, 8, 10, 12]
    assert _devices(endpoint) == [(7, 0)]
    assert not list((board.flash / "spool").iterdir())


def test_readings_wait_on_flash_while_the_endpoint_is_away(
    board: Board, endpoint: ChildEndpoint, serve: Callable[..., ChildEndpoint]
) -> None:
    board.live()
    endpoint.kill()
    board.live(2)
    back = serve(port=endpoint.port, data=endpoint.data)
    board.live(1)
    assert _values(back) == board.taken == [0, 2, 4, 6]
    assert _devices(back) == [(4, 0)]


def test_the_wakes_share_one_file_on_flash(board: Board) -> None:
    board.live(3)
    assert len(list((board.flash / "spool").iterdir())) == 1


def test_the_dates_are_those_of_the_readings_and_not_of_their_arrival(board: Board, endpoint: ChildEndpoint) -> None:
    before = time.time()
    board.live(4)
    times = [_seconds(x) for x, _ in _stored(endpoint)]
    assert times == sorted(times)
    apart = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap > EVERY_S / 2 for gap in apart), apart  # it sleeps a second at least
    assert before - 60 < times[0] < times[-1] < time.time() + 60  # the endpoint's answer may have been under way for long


def _seconds(x: str) -> float:
    return time.mktime(time.strptime(x[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(x[19:-1])


def test_a_power_cut_in_its_sleep_loses_nothing_and_begins_a_new_id(board: Board, endpoint: ChildEndpoint) -> None:
    board.live(3)
    board.lose_power()
    board.live(2)
    assert sorted(_values(endpoint)) == board.taken[:4] == [0, 2, 4, 6]
    assert sorted(_devices(endpoint)) == [(1, 0), (3, 0)]


def test_a_life_that_is_cut_short_never_uses_a_number_twice(board: Board, endpoint: ChildEndpoint) -> None:
    board.live(3)
    state = {"sleep.json", "machine.txt.rtc"} & {path.name for path in board.flash.iterdir()}
    for name in state:
        (board.flash / name).unlink()  # the next life took it away, and hung
    board.live(1)
    assert sorted(_values(endpoint)) == board.taken == [0, 2, 4, 6]


def test_a_wake_is_no_boot(board: Board) -> None:
    board.live(3)
    assert json.loads((board.flash / "boot.json").read_text())["boots"] == 1
    assert "ended by: deep-sleep" in board.lives[-1]
    assert not (board.flash / "crash.log").exists()


def test_an_esp32_keeps_its_state_off_the_flash(board: Board) -> None:
    board.live(2)
    assert (board.flash / "sleep.json").exists() == (board.port == "rp2")
