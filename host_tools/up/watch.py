"""Waits until readings of a started board have arrived, with an ear on what it logs meanwhile."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from host_tools.bridge import Counts, bridge
from host_tools.console import Console, Line
from host_tools.device import DeviceError, await_port
from host_tools.monitor import Sorter
from host_tools.simulate import LogLine
from host_tools.up.errors import UpError
from host_tools.up.plot import Plot, State

Hear = Callable[[LogLine], None]

_REBOOT_S = 30.0
_TURN_S = 0.1
_LOOK_S = 0.5  # how often the plot is looked at
_ARRIVE_S = 120.0  # WiFi, an address, a name, the first sample of a slow sensor
_TROUBLE_S = 60.0  # how long the same trouble may last: a second network is tried, an endpoint starts again
_CALM_S = 30.0  # where no plot can be looked at: how long nothing may go wrong
_DRAWN = "drawn at "  # firmware/plotpost/agent.py


class Ear(Protocol):
    """What hears a board, in a `with` block."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def turn(self) -> None:
        """Hears for a tenth of a second. Raises DeviceError."""

    def settle(self, seconds: float) -> None:
        """Waits until the board knows that its readings have arrived, where that can be heard, but not for longer."""


class Serial:
    """Listens at the board's port."""

    def __init__(self, port: str, hear: Hear) -> None:
        self._port, self._hear, self._sorter = port, hear, Sorter()

    def __enter__(self) -> Self:
        await_port(self._port, _REBOOT_S)
        self._console = Console(self._port)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._console.close()

    def turn(self) -> None:
        for event in self._console.read():
            if isinstance(event, Line):
                self._hear(self._sorter.sort(event.text))

    def settle(self, seconds: float) -> None:
        """What the plot shows is on the endpoint's disk; a board that is reset before it knows sends it again, and it counts once."""


class Bridge:
    """Lets a board stream through its cable, in a thread of its own, and hears it there."""

    def __init__(self, port: str, hear: Hear, say: Callable[[str], None], authority: Path | None) -> None:
        self._port, self._hear, self._say, self._authority = port, hear, say, authority
        self._counts = Counts()
        self._stop = threading.Event()
        self._failure: DeviceError | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        await_port(self._port, _REBOOT_S)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def turn(self) -> None:
        time.sleep(_TURN_S)
        if self._failure is not None:
            raise self._failure

    def settle(self, seconds: float) -> None:
        """An answer has come to the board, and it has begun its next request."""
        deadline = time.monotonic() + seconds
        for count in ("received", "sent"):
            before = getattr(self._counts, count)
            while getattr(self._counts, count) == before and time.monotonic() < deadline:
                self.turn()

    def _serve(self) -> None:
        try:
            bridge(self._port, None, self._hear, self._stop, say=self._say, authority=self._authority, counts=self._counts)
        except DeviceError as error:
            self._failure = error


class Watch:
    """Hears a board's log for `await_points`, and hands it on to `hear`."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self.drawn: str | None = None  # the URL of the plot that the board has made
        self.trouble: str | None = None  # the last warning or error since something went right
        self._since = 0.0

    def lasts(self) -> float:
        """How many seconds there has been trouble."""
        return time.monotonic() - self._since if self.trouble else 0.0

    def heard(self, line: LogLine) -> None:
        if line.module == "plot" and line.message.startswith(_DRAWN):
            self.drawn = line.message.removeprefix(_DRAWN)
        if line.level in "WE" and line.uptime is not None:
            self._since = self._since if self.trouble else time.monotonic()
            self.trouble = f"{line.module}: {line.message}"
        elif line.level == "I" and line.module in ("stream", "wifi"):
            self.trouble = None
        self._hear(line)


def await_points(ear: Ear, watch: Watch, plot: Plot | None, before: State | None) -> tuple[Plot | None, State | None]:
    """Waits until the plot is not as it was `before`; gives it. Raises UpError with what the board says, DeviceError.

    Where no plot is known, it is the one that the board draws; and where it draws none, it is enough that nothing goes wrong for a while.
    """
    began = time.monotonic()
    look_at = 0.0
    while (now := time.monotonic()) < began + _ARRIVE_S and watch.lasts() < _TROUBLE_S:
        ear.turn()
        plot = plot or (Plot(watch.drawn) if watch.drawn else None)
        if plot is None and now > began + _CALM_S and watch.trouble is None:
            return None, None
        if plot is not None and now >= look_at:
            look_at = now + _LOOK_S
            if (state := plot.state()) is not None and state.points and state != before:
                return plot, state
    said = f"the board says: {watch.trouble}" if watch.trouble else "the board says nothing of trouble"
    raise UpError(f"no reading has arrived in {time.monotonic() - began:.0f} s; {said}; plotpost doctor finds out more")
