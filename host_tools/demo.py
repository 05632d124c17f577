"""The whole chain on one machine: sensors, the real firmware on MicroPython, the endpoint; then every reading is counted."""

import contextlib
import errno
import socket
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.errors import EndpointError
from host_tools.endpoint.store import FIRST_USER, Store
from host_tools.runtime import Runtime
from host_tools.simulate import Closing, LogLine, Simulation

_SENSORS = (  # driver, how often, its channel
    ("cpu", "200ms", "cpu"),
    ("load", "1s", "load1"),
    ("memory", "1s", "free"),
    ("thermal", "1s", "temperature"),
)
_PLOT = "This machine"
_TICK_S = 0.25
_FLUSH_S = 30  # the agent gives up after 10 s
_ADOPTION_S = 10  # how long an endpoint that holds the port, and is not ours, may take to answer
_PORTS_TO_TRY = 50


class DemoFailed(Exception):
    """The demo could not run to its end: one line that says why."""


@dataclass(frozen=True)
class Progress:
    """How far it is. `link` is "connecting", "streaming" or "broken"."""

    seconds: float
    received: int
    link: str
    restarts: int


@dataclass(frozen=True)
class Account:
    """What became of the readings: `sent` by the agent's own closing line, the rest as counted in the endpoint's store."""

    url: str
    sent: int
    received: int
    lost: int
    duplicated: int
    heap_bytes: int
    runtime: str
    dropped: int
    reconnects: int
    endpoint_restarts: int

    @property
    def complete(self) -> bool:
        """Every reading that was taken is in the store exactly once."""
        return self.sent > 0 and self.lost == self.duplicated == 0


class Listener(Protocol):
    """Who wants to know what happens meanwhile. `logged` is called in another thread."""

    def said(self, message: str) -> None: ...
    def drawn(self, url: str) -> None: ...
    def logged(self, line: LogLine) -> None: ...
    def progressed(self, progress: Progress) -> None: ...


def run(runtime: Runtime, port: int, seconds: float | None, listener: Listener) -> Account:
    """Runs until `seconds` are over or KeyboardInterrupt, then stops the agent and counts.

    Raises DemoFailed, EndpointError and OSError. Nothing stays behind: no process, no file.
    """
    with tempfile.TemporaryDirectory(prefix="plotpost-demo-") as home:
        return _Demo(runtime, free_port(port, listener), Path(home), listener).run(seconds)


def free_port(wanted: int, listener: Listener) -> int:
    """The port, or the next one that nobody listens on. Raises DemoFailed."""
    for port in range(wanted, min(wanted + _PORTS_TO_TRY, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the endpoint: not held up by closed connections
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise DemoFailed(f"cannot use port {port} ({error.strerror}): choose another one with --port") from error
                continue
        if port != wanted:
            listener.said(f"Port {wanted} is in use; taking {port}.")
        return port
    raise DemoFailed(f"ports {wanted} to {port} are all in use: choose another one with --port")


class _Demo:
    def __init__(self, runtime: Runtime, port: int, home: Path, listener: Listener) -> None:
        self._runtime, self._listener = runtime, listener
        self._data = home / "data"
        self._endpoint = ChildEndpoint(self._data, port, home / "endpoint.log")
        self._restarts = 0
        self._adopted = False  # the endpoint that runs was started by somebody else
        self._link = "connecting"
        self._started = time.monotonic()

    def run(self, seconds: float | None) -> Account:
        with accounts.opened(self._data) as store:
            config, secrets = _provision(store, self._endpoint.port)
            with self._endpoint:
                self._listener.said(f"Endpoint: {self._endpoint.url}, process {self._endpoint.pid}, data in {self._data}")
                with Simulation(self._runtime, config, secrets, on_line=self._hear) as board:
                    closing = self._attend(board, store, seconds)
            return self._count(store, closing)

    def _attend(self, board: Simulation, store: Store, seconds: float | None) -> Closing:
        """Looks after endpoint and board until the time is over, then until the board has sent everything."""
        self._started = time.monotonic()
        with contextlib.suppress(KeyboardInterrupt):
            while seconds is None or time.monotonic() - self._started < seconds:
                if board.wait(_TICK_S) is not None:
                    raise DemoFailed(f"the agent ended by itself: {board.last_line}")
                self._tend(store)
        board.interrupt()
        deadline = time.monotonic() + _FLUSH_S
        while board.wait(_TICK_S) is None and time.monotonic() < deadline:
            self._tend(store)
        if board.closing is None:
            raise DemoFailed(f"the agent did not end cleanly: {board.last_line}")
        return board.closing

    def _tend(self, store: Store) -> None:
        """Looks after the endpoint, and says how far everything is."""
        if self._endpoint.pid is None:
            self._revive()
        received = sum(plot.points for plot in store.plots())
        if received and self._link == "connecting":
            self._link = "streaming"
        self._listener.progressed(Progress(time.monotonic() - self._started, received, self._link, self._restarts))

    def _revive(self) -> None:
        """Starts the endpoint again that died, unless somebody else has. Raises EndpointError."""
        if self._is_served():
            if not self._adopted:
                self._adopted = True
                self._tell_revived("started by somebody else")
            return
        self._adopted = False
        try:
            self._endpoint.start()
        except EndpointError:
            if not self._is_served(patience=_ADOPTION_S):
                raise
        else:
            self._tell_revived(f"process {self._endpoint.pid}")

    def _tell_revived(self, which: str) -> None:
        self._restarts += 1
        self._listener.said(f"The endpoint had died; it is up again, {which}.")

    def _is_served(self, patience: float = 0) -> bool:
        """Whether an endpoint answers at the address and knows the demo's plot, within `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(self._url, timeout=5):
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_TICK_S)

    @property
    def _url(self) -> str:
        return f"{self._endpoint.url}/~{FIRST_USER}/1"

    def _hear(self, line: LogLine) -> None:
        if line.module == "plot" and line.message.startswith("drawn"):
            self._listener.drawn(self._url)
        if line.module == "stream" and line.level in "WI":
            self._link = "broken" if line.level == "W" else "streaming"
        self._listener.logged(line)

    def _count(self, store: Store, closing: Closing) -> Account:
        received, duplicated = count(store)
        return Account(
            url=self._url,
            sent=closing.taken,
            received=received,
            lost=max(closing.taken - (received - duplicated), 0),
            duplicated=duplicated,
            heap_bytes=closing.heap,
            runtime=self._runtime.label,
            dropped=closing.dropped,
            reconnects=closing.reconnects,
            endpoint_restarts=self._restarts,
        )


def _provision(store: Store, port: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Makes the user and the tokens; gives config.json and secrets.json of a board that creates its plot itself."""
    user, key = accounts.owner(store)
    sensors = [
        {"driver": driver, "every": every, "channels": {channel: {"stream": driver}}} for driver, every, channel in _SENSORS
    ]
    config = {
        "version": 1,
        "board": "linux",
        "name": "demo",
        "endpoint": f"http://127.0.0.1:{port}",
        "sensors": sensors,
        "spool": {"ram": "8KiB"},
        "plot": {"filename": _PLOT, "title": _PLOT},
    }
    tokens = {driver: store.new_token(user, f"demo: {driver}") for driver, _, _ in _SENSORS}
    return config, {"version": 1, "tokens": tokens, "account": {"user": user.name, "api_key": key}}


def count(store: Store) -> tuple[int, int]:
    """The readings that the store took, and how many of those that it keeps are there twice: same token and same time."""
    received = duplicated = 0
    for plot in store.plots():
        received += plot.points
        loaded = store.load_plot(plot.id)
        assert loaded is not None
        _, snapshot, journal = loaded
        seen: Counter[tuple[str, Any]] = Counter()
        for trace in orjson.loads(snapshot)["data"]:
            seen.update((trace["stream"]["token"], x) for x in trace.get("x", ()))
        for row in journal:
            seen.update((row.token, orjson.loads(line)["x"]) for line in row.lines.splitlines())
        duplicated += seen.total() - len(seen)
    return received, duplicated
