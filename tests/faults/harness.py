"""The whole chain in a bad world: boards whose power fails, bad networks, one endpoint that dies; and an account at the end."""

import json
import os
import re
import shutil
import signal
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import Store, User
from host_tools.runtime import Runtime
from host_tools.simulate import LogLine, Simulation
from tests.faults.account import Account, Life, settle
from tests.faults.proxy import Proxy
from tests.network import quiet_port

ENDPOINT_KILLED = "endpoint_killed"
ENDPOINT_STOPPED = "endpoint_stopped"
ENDPOINT_FROZEN = "endpoint_frozen"
POWER_CUT = "power_cut"
BOARD_FROZEN = "board_frozen"

_RECORD_BYTES = 12  # in the board's ring
_SEGMENT_KIB = 4  # a file on the board's flash
_REPLAY_S = 120  # a board comes back after a minute at the latest, and sends what is on its flash
_PART = Path(__file__).with_name("counting_part.py")
_MOST_POINTS = 200_000  # what a trace keeps at most (Plotly's protocol): nothing may be forgotten before it is counted
_LOOK_S = 0.1
_DROPPED = re.compile(r"\bdropped=(\d+)")


class Operator:
    """Does one thing after the other, in a thread that stays: children die with the thread that started them."""

    def __init__(self) -> None:
        self._hands = ThreadPoolExecutor(1, "operator")
        self._jobs: list[Future[Any]] = []

    def do(self, job: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        self._jobs.append(self._hands.submit(job, *arguments))
        return self._jobs[-1]

    @property
    def busy(self) -> bool:
        return any(not job.done() for job in self._jobs)

    def settle(self) -> None:
        """Wait until all is done; raises what went wrong."""
        for job in self._jobs:
            job.result()
        self._jobs.clear()

    def close(self) -> None:
        self._hands.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class Plan:
    """How a board is set up. The token of a single channel goes into the request's head, those of two into each line."""

    channels: tuple[str, ...] = ("even", "odd")
    every: str = "20ms"
    ram: str = "4KiB"
    flash: str = "64KiB"
    checkpoint: dict[str, Any] = field(default_factory=lambda: {"every": "1s", "records": 200})

    @property
    def ring(self) -> int:
        """How many values fit the ring."""
        return _kib(self.ram) * 1024 // _RECORD_BYTES

    @property
    def segments(self) -> int:
        """How many files fit the flash."""
        return _kib(self.flash) // _SEGMENT_KIB

    def config(self, endpoint: str) -> dict[str, Any]:
        """The board's config.json."""
        channels = {name: {"stream": name} for name in self.channels}
        return {
            "version": 1,
            "board": "linux",
            "name": "board",
            "endpoint": endpoint,
            "sensors": [{"driver": "load", "every": self.every, "channels": channels}],
            "spool": {"ram": self.ram, "flash": self.flash},
            "checkpoint": self.checkpoint,
        }

    def values(self, readings: range) -> list[int]:
        """What the part gives in these readings, in the order the board takes it."""
        return [2 * n + (name == "odd") for n in readings for name in ("even", "odd") if name in self.channels]


class Board(Simulation):
    """A simulated board with the part that counts. Its power can be cut; what lies on its flash stays."""

    def _start(self, argv: list[str]) -> "Any":
        self._argv = argv
        shutil.copy(_PART, self.flash / "plotpost" / "sensors" / "load.py")
        return super()._start(argv)

    def cut_power(self) -> None:
        """In the middle of whatever it does."""
        self._process.kill()
        self.wait()

    def power_on(self) -> None:
        """It boots again from the same flash. Call it in a thread that stays."""
        self._output.close()
        self.closing = None
        self.last_line = ""
        self._process = self._start(self._argv)
        assert self._process.stdout is not None
        self._output = self._process.stdout
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def readings(self) -> int:
        """How many its part has given, in all its lives."""
        ledger = self.flash / "ledger"
        return ledger.stat().st_size if ledger.exists() else 0

    @property
    def segments(self) -> int:
        """How many files with readings are on its flash."""
        folder = self.flash / "spool"
        return len(list(folder.iterdir())) if folder.exists() else 0


class Station:
    """One board, its user at the endpoint, and the network between the two. Use it in a `with` block."""

    def __init__(self, plan: Plan, runtime: Runtime, upstream: int, store: Store, user: User, tokens: dict[str, str]) -> None:
        self.plan = plan
        self.proxy = Proxy(quiet_port(), upstream)
        self.log: list[LogLine] = []
        self.lives: list[Life] = []
        self.counters: Counter[str] = Counter()
        self.board: Board
        self._runtime, self._secrets = runtime, {"version": 1, "tokens": tokens}
        self._operator = Operator()
        self._open = ExitStack()
        self._store, self._user = store, user
        self._counted = 0  # readings of the lives that are over

    def __enter__(self) -> "Station":
        with ExitStack() as opening:
            opening.enter_context(self.proxy)
            self.board = self._operator.do(self._build).result()
            opening.push(self.board)
            opening.callback(self._operator.close)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.close()

    def _build(self) -> Board:
        return Board(self._runtime, self.plan.config(self.proxy.url), self._secrets, on_line=self.log.append)

    # Faults of the board: they return at once, and happen one after the other.

    def cut_power(self, seconds: float) -> None:
        """It is dead at any moment, hangs up on nobody, and boots after `seconds`."""
        self._operator.do(self._cut_power, seconds)

    def freeze(self, seconds: float) -> None:
        """Its processor stands still."""
        self._operator.do(self._freeze, seconds)

    def _cut_power(self, seconds: float) -> None:
        self.proxy.silence()
        self.board.cut_power()
        self._end_life()
        time.sleep(seconds)
        self.board.power_on()
        self.counters[POWER_CUT] += 1

    def _freeze(self, seconds: float) -> None:
        _freeze(self.board.pid, seconds)
        self.counters[BOARD_FROZEN] += 1

    # The end

    def heal(self) -> None:
        """Wait until board and network are well again."""
        self._operator.settle()
        self.proxy.heal()

    def stop(self) -> None:
        """Wait until nothing is left on flash, then Ctrl-C: the board sends the rest and gives its own account."""
        deadline = time.monotonic() + _REPLAY_S
        while self.board.segments and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        if self.board.stop() != 0 or self.board.closing is None:
            raise RuntimeError(f"the board of {self._user.name} did not end cleanly: {self.board.last_line}")
        self._end_life()

    def _end_life(self) -> None:
        readings = range(self._counted, self.board.readings)
        self._counted = readings.stop
        full = self.board.segments >= self.plan.segments
        self.lives.append(Life(self.plan.values(readings), self.board.closing, full))

    def _told(self) -> int:
        """How many dropped readings the board told the endpoint of: each of its stream ids counts by itself."""
        texts = [device.device or "" for device in self._store.devices(self._user)]
        return sum(int(match[1]) for text in texts if (match := _DROPPED.search(text)))

    def account(self) -> Account:
        """What became of every value. The board must have been stopped."""
        store = self._store
        traces = [trace for plot in store.plots() if plot.user_id == self._user.id for trace in stored_traces(store, plot.id)]
        missing = sum(device.missing for device in store.devices(self._user))
        return settle(
            self.lives, traces, told=self._told(), missing=missing, together=len(self.plan.channels), ring=self.plan.ring
        )


class World:
    """An endpoint on a data folder, and stations. Use it in a `with` block; nothing of it stays.

    `upstream`: the port that the boards send to, when something stands before the endpoint.
    """

    def __init__(self, runtime: Runtime, plans: list[Plan], folder: Path, upstream: int | None = None) -> None:
        self.data = folder / "data"
        self.endpoint = ChildEndpoint(self.data, quiet_port(), folder / "endpoint.log")
        self.upstream = upstream or self.endpoint.port
        self.stations: list[Station] = []
        self.counters: Counter[str] = Counter()
        self._runtime, self._plans = runtime, plans
        self._store: Store
        self._operator = Operator()
        self._open = ExitStack()

    def __enter__(self) -> "World":
        with ExitStack() as opening:
            opening.callback(self.endpoint.kill)
            opening.callback(self._operator.close)
            self._operator.do(self.endpoint.start).result()
            self._store = opening.enter_context(accounts.opened(self.data))
            for number, plan in enumerate(self._plans):
                store = opening.enter_context(accounts.opened(self.data))
                self.stations.append(opening.enter_context(self._station(store, f"board{number}", plan)))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.close()

    def _station(self, store: Store, name: str, plan: Plan) -> Station:
        """A user of its own for each board: so the endpoint's counters tell the boards apart."""
        key = store.create_user(name)
        user = store.user(name)
        assert user is not None
        tokens = {channel: store.new_token(user, channel) for channel in plan.channels}
        create_plot(self.endpoint.url, name, key, list(tokens.values()))
        return Station(plan, self._runtime, self.upstream, store, user, tokens)

    # Faults of the endpoint: they return at once, and happen one after the other.

    def kill_endpoint(self, seconds: float) -> None:
        """SIGKILL, and a new start on the same data after `seconds`."""
        self._operator.do(self._restart, ENDPOINT_KILLED, self.endpoint.kill, seconds)

    def stop_endpoint(self, seconds: float) -> None:
        """An orderly end, and a new start."""
        self._operator.do(self._restart, ENDPOINT_STOPPED, self.endpoint.stop, seconds)

    def freeze_endpoint(self, seconds: float) -> None:
        """It stands still, with all its connections open."""
        self._operator.do(self._freeze, seconds)

    def _restart(self, what: str, end: Callable[[], None], seconds: float) -> None:
        end()
        time.sleep(seconds)
        self.endpoint.start()
        self.counters[what] += 1

    def _freeze(self, seconds: float) -> None:
        assert self.endpoint.pid is not None
        _freeze(self.endpoint.pid, seconds)
        self.counters[ENDPOINT_FROZEN] += 1

    def stored(self) -> int:
        """How many values of all boards are stored."""
        return sum(plot.points for plot in self._store.plots())

    # The end

    def happened(self) -> Counter[str]:
        """How many faults of each kind there were."""
        total = Counter(self.counters)
        for station in self.stations:
            total += station.counters + station.proxy.struck
        return total

    def finish(self) -> list[Account]:
        """Everything heals and every board is stopped; what became of their readings."""
        self._operator.settle()
        for station in self.stations:
            station.heal()
        with ThreadPoolExecutor(len(self.stations)) as pool:
            list(pool.map(Station.stop, self.stations))
        return [station.account() for station in self.stations]


def _freeze(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def _kib(size: str) -> int:
    return int(size.removesuffix("KiB"))


def create_plot(endpoint: str, user: str, key: str, tokens: list[str]) -> str:
    """A plot with one trace for each token, over REST; gives its URL."""
    traces = [{"x": [], "y": [], "stream": {"token": token, "maxpoints": _MOST_POINTS}} for token in tokens]
    fields = {"un": user, "key": key, "origin": "plot", "args": json.dumps(traces), "kwargs": json.dumps({"filename": "counted"})}
    with urllib.request.urlopen(f"{endpoint}/clientresp", urllib.parse.urlencode(fields).encode(), timeout=60) as answer:
        told = json.load(answer)
    if told["error"]:
        raise RuntimeError(told["error"])
    return str(told["url"])


def stored_traces(store: Store, plot_id: int) -> list[list[int]]:
    """The values of each trace of a plot, in the order they came: its snapshot, and the journal since."""
    loaded = store.load_plot(plot_id)
    assert loaded is not None
    _, snapshot, journal = loaded
    traces = {trace["stream"]["token"]: list(trace.get("y", ())) for trace in orjson.loads(snapshot)["data"]}
    for row in journal:
        traces[row.token] += [orjson.loads(line)["y"] for line in row.lines.splitlines()]
    return list(traces.values())
