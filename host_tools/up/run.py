"""The steps of `up`, in order; what each finds right already it leaves as it is."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from plotpost import units, url

from host_tools import deploy, provision
from host_tools.config import Json
from host_tools.device import Device, DeviceError
from host_tools.provision import complete as completing
from host_tools.provision import nearby
from host_tools.provision.complete import Attached, Complete, Source, authority_of
from host_tools.provision.documents import Documents
from host_tools.simulate import LogLine
from host_tools.up.errors import UpError
from host_tools.up.find import Chooser, Found, Search, find
from host_tools.up.plot import Plot
from host_tools.up.reach import reach
from host_tools.up.watch import Bridge, Ear, Serial, Watch, await_points

_ANSWER_S = 20.0
_LOOPBACK = "127.0.0.1"


class Person(completing.Person, Chooser, Protocol):
    """Somebody who can be asked. `device`: the board, once it is found."""

    device: Device | None

    def start_endpoint(self, endpoint: str) -> bool:
        """Offers to start one there, on this machine; True when it runs."""


class Listener(Protocol):
    """Who wants to know how far it is. `said` and `logged` may be called in another thread."""

    def begun(self, step: str) -> None: ...
    def said(self, text: str) -> None: ...
    def progressed(self, what: str, done: int, of: int) -> None: ...
    def done(self, step: str, message: str, changed: bool) -> None: ...
    def logged(self, line: LogLine) -> None: ...


@dataclass(frozen=True)
class Wanted:
    """What the user gave. `endpoint`: another one than config.json names."""

    given: Documents
    source: Source
    search: Search
    endpoint: str | None = None


@dataclass(frozen=True)
class Result:
    """`plot`: its URL, and `points` that it has, None where they are not known. `changed`: something was written to the board."""

    port: str
    board: str
    changed: bool
    plot: str | None
    points: int | None
    bridged: bool


@contextlib.contextmanager
def up(wanted: Wanted, person: Person | None, listener: Listener) -> Iterator[tuple[Result, Ear]]:
    """Everything, until the first readings have arrived. Raises UpError, DeviceError.

    A board without a network is bridged within the `with` block: give it its `turn()` for as long as it is to stream.
    """
    run = _Up(wanted, person, listener)
    started = run.start()
    with run.ear(started) as ear:
        yield run.arrive(started, ear), ear


@dataclass(frozen=True)
class _Started:
    """A board whose agent begins."""

    port: str
    board: str
    whole: Complete
    changed: bool

    @property
    def authority(self) -> Path | None:
        """The certificate to trust, where this machine has it."""
        ca = self.whole.secrets.get("ca")
        return Path(ca) if isinstance(ca, str) and Path(ca).is_absolute() else None

    @property
    def bridged(self) -> bool:
        return "wifi" not in self.whole.config


class _Up:
    def __init__(self, wanted: Wanted, person: Person | None, listener: Listener) -> None:
        self._wanted, self._person, self._listener = wanted, person, listener
        self._watch = Watch(listener.logged)

    def start(self) -> _Started:
        """From the bare board to an agent that runs."""
        found = self._find()
        device = found.device
        try:
            whole = self._complete(found)
            check_endpoint(whole, self._person)
            changed = self._deploy(found, whole)
            changed = self._provision(found, whole) or changed
            if changed:
                self._reach(found, whole)
        except BaseException:
            with contextlib.suppress(DeviceError):
                device.resume()  # what ran before goes on
            raise
        started = _Started(device.port, found.board.name, whole, changed or found.flashed is not None)
        self._before = self._plot(started).state() if whole.plot else None
        device.resume()  # not reset: an rp2 would take that for its watchdog's
        return started

    def ear(self, started: _Started) -> Ear:
        if started.bridged:
            return Bridge(started.port, self._watch.heard, self._listener.said, started.authority)
        return Serial(started.port, self._watch.heard)

    def arrive(self, started: _Started, ear: Ear) -> Result:
        self._listener.begun("points")
        plot, state = await_points(ear, self._watch, self._plot(started) if started.whole.plot else None, self._before)
        ear.settle(_checkpoint_s(started.whole.config) + _ANSWER_S)
        url, points = plot.url if plot else None, state.points if state else None
        message = f"{points} points in the plot" if state else f"it streams to {started.whole.config['endpoint']}"
        self._listener.done("points", message, True)
        return Result(started.port, started.board, started.changed, url, points, started.bridged)

    def _find(self) -> Found:
        self._listener.begun("board")
        found = find(self._wanted.search, self._listener.said, self._listener.progressed)
        release = found.device.facts.release
        self._listener.done(
            "board",
            f"{found.board.product} at {found.device.port}, MicroPython {release}" + (" put on it" if found.flashed else ""),
            found.flashed is not None,
        )
        if self._person is not None:
            self._person.device = found.device
        return found

    def _complete(self, found: Found) -> Complete:
        """A board that was told before is not asked again: `plotpost provision` changes what it was told."""
        self._listener.begun("settings")
        given, endpoint = self._wanted.given, self._wanted.endpoint
        known = provision.read_back(found.device)
        config = given.config or (known[0] if known else None)
        if endpoint is not None and config is not None:
            config = {**config, "endpoint": endpoint}
        elif endpoint is not None and self._person is not None:
            known = {"endpoint": endpoint}, {}  # the default of the question
        attached = Attached(found.board, found.device.facts.unique_id, known)
        return completing.complete(replace(given, config=config), attached, self._wanted.source, self._person)

    def _deploy(self, found: Found, whole: Complete) -> bool:
        self._listener.begun("agent")
        drivers = deploy.drivers_of(whole.config)
        done = deploy.deploy(
            found.device,
            found.board,
            drivers,
            self._listener.progressed,
            packages=deploy.packages_of(whole.config),
        )
        count = f"{len(done.written)} files written, {len(done.removed)} removed" if done.changed else "is up to date"
        self._listener.done("agent", count + (", it leaves safe mode" if done.left_safe_mode else ""), done.changed)
        return done.changed or done.left_safe_mode

    def _provision(self, found: Found, whole: Complete) -> bool:
        written = provision.provision(found.device, found.board, whole.config, whole.secrets).written
        names = " and ".join(path.lstrip("/") for path in written)
        if whole.new_key:
            self._listener.said(
                f"Made a user at the endpoint; the API key is {whole.new_key}, write it down, it is not shown again"
            )
        self._listener.done("settings", f"{names} written" if written else "are as they should be", bool(written))
        return bool(written)

    def _reach(self, found: Found, whole: Complete) -> None:
        self._listener.begun("network")
        known = provision.read_back(found.device)
        assert known is not None, "it was provisioned"
        self._listener.done("network", reach(found.device, found.board, *known, self._listener.said), False)

    def _plot(self, started: _Started) -> Plot:
        assert started.whole.plot is not None
        return Plot(started.whole.plot, authority_of(started.whole.secrets))


def _checkpoint_s(config: Json) -> float:
    """After how long the board asks whether its readings have arrived."""
    return float(units.milliseconds(config.get("checkpoint", {}).get("every", "10s"))) / 1000


def check_endpoint(whole: Complete, person: Person | None) -> None:
    """An endpoint on this machine has to run; another one the board looks for itself. Raises UpError."""
    endpoint = whole.config["endpoint"]
    if not nearby.is_here(endpoint) or nearby.is_plotpost(endpoint, authority_of(whole.secrets)):
        return
    _, host, port, _ = url.parse(endpoint)
    if host != _LOOPBACK and nearby.is_plotpost(f"http://{_LOOPBACK}:{port}"):
        raise UpError(
            "the endpoint on this machine serves nobody else: end it, and start it with `plotpost serve --host 0.0.0.0`"
        )
    if person is None or not person.start_endpoint(endpoint):
        everybody = " --host 0.0.0.0" if "wifi" in whole.config else ""
        raise UpError(f"no endpoint answers at {endpoint}: start it with `plotpost serve{everybody}`, and run the command again")
