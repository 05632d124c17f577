"""A board at the end of a cable, the bridge, and an endpoint: what is stored, and the account at the end."""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import orjson

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import FIRST_USER, Store
from tests.emulated.parts.load import BOOT
from tests.faults.harness import create_plot, stored_traces
from tests.usb import Bridge, Json, await_that


class Interruptible(Protocol):
    def interrupt(self) -> None: ...


AnyBoard = TypeVar("AnyBoard", bound=Interruptible)


def configured(store: Store, endpoint: ChildEndpoint, every: str, **settings: Any) -> tuple[Json, Json]:
    """config.json and secrets.json of a Pico that counts its readings, and a plot for them."""
    token = store.new_token(accounts.owner(store)[0])
    assert endpoint.api_key is not None
    create_plot(endpoint.url, FIRST_USER, endpoint.api_key, [token])
    config = {
        "version": 1,
        "board": "pico",
        "name": "desk",
        "endpoint": endpoint.url,
        "sensors": [{"driver": "load", "every": every, "channels": {"count": {"stream": "s"}}}],
        "checkpoint": {"every": "1s"},
        **settings,
    }
    return config, {"version": 1, "tokens": {"s": token}}


@dataclass
class Desk(Generic[AnyBoard]):
    """A board without a network at this machine, and an endpoint."""

    board: AnyBoard
    bridge: Bridge
    endpoint: ChildEndpoint
    store: Store

    def stored(self) -> list[int]:
        """The values of all readings that are stored, in the order they came."""
        (plot,) = self.store.plots()
        (values,) = stored_traces(self.store, plot.id)
        return values

    def stamps(self) -> list[str]:
        """Their dates."""
        (plot,) = self.store.plots()
        loaded = self.store.load_plot(plot.id)
        assert loaded is not None
        return [orjson.loads(line)["x"] for row in loaded[2] for line in row.lines.splitlines()]

    def await_stored(self, more: int = 10) -> int:
        """Waits for so many more readings; returns how many there are."""
        enough = len(self.stored()) + more
        await_that(lambda: len(self.stored()) >= enough, lambda: (self.bridge.log, self.bridge.notes))
        return len(self.stored())

    def settle(self, boots: int = 1) -> None:
        """Ends the agent. Each reading that it took since the last boot is stored once, in the order it was taken."""
        self.board.interrupt()
        await_that(lambda: self.bridge.closing is not None, lambda: (self.bridge.log, self.bridge.notes))
        closing = self.bridge.closing
        assert closing is not None
        assert (closing.settled, closing.dropped, closing.skipped) == (closing.taken, 0, 0), (self.bridge.log, self.bridge.notes)
        values = self.stored()
        last = [value - BOOT * (boots - 1) for value in values if value >= BOOT * (boots - 1)]
        assert last == list(range(closing.taken))
        assert values == sorted(set(values))
