"""Viewers: a snapshot, then deltas, at most 20 a second, bounded queues."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from .errors import EndpointError, Refusal
from .figure import Delta
from .store import now_ms

_INTERVAL_S = 0.05
_QUEUE_LENGTH = 20  # one second of deltas
_DELTA_SIZE = 50_000  # values; beyond it a snapshot is the shorter message


class Message(dict[str, Any]):
    """What viewers are told."""

    @cached_property
    def text(self) -> str:
        """As JSON, made once however many viewers there are."""
        return orjson.dumps(self).decode()


@dataclass(frozen=True, slots=True)
class View:
    """What a new viewer must know of a plot."""

    figure: dict[str, Any]  # {"data": [...], "layout": {...}}, without tokens
    live: bool
    last: int | None  # when the last line came, ms since 1970
    trouble: str | None = None  # why it takes no more readings for now


class Subscription(AsyncIterator[Message]):
    """One viewer's messages. It must be closed; it ends by itself when the plot is deleted or cannot be read."""

    def __init__(self, channel: "_Channel") -> None:
        self._channel = channel
        self._queue: deque[Message] = deque()
        self._ready = asyncio.Event()
        self._lost = True  # has no snapshot that the next delta fits
        self._closed = False

    async def __anext__(self) -> Message:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            if self._lost:
                self._channel.ask_snapshot(self)
            if not self._queue:
                await self._ready.wait()
        return self._queue.popleft()

    def put(self, message: Message) -> None:
        """Queue a message; a viewer that is too slow loses all of them and asks for a snapshot when it comes back."""
        if self._lost:
            return
        if len(self._queue) >= _QUEUE_LENGTH:
            self.lose()
            return
        self._queue.append(message)
        self._ready.set()

    def lose(self) -> None:
        self._queue.clear()
        self._lost = True
        self._ready.set()

    def resume(self, snapshot: Message) -> None:
        self._lost = False
        self.put(snapshot)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._channel.leave(self)
            self._ready.set()


class _Channel:
    """The viewers of one plot, and what they have not been told yet."""

    def __init__(self, plot_id: int, hub: "Hub") -> None:
        self._plot_id = plot_id
        self._hub = hub
        self._viewers: dict[Subscription, None] = {}
        self._asking: dict[Subscription, None] = {}
        self._seq = 0
        self._last: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told = -math.inf  # loop time
        self.delta = Delta()

    def join(self) -> Subscription:
        viewer = Subscription(self)
        self._viewers[viewer] = None
        return viewer

    def leave(self, viewer: Subscription) -> None:
        self._viewers.pop(viewer, None)
        self._asking.pop(viewer, None)
        if not self._viewers:
            if self._timer is not None:
                self._timer.cancel()
            self._hub.forget(self._plot_id)

    def changed(self, last: int | None) -> None:
        self._last = last
        if self.delta.size > _DELTA_SIZE:
            self.lose_all()
        if self._timer is None and (self.delta or self._asking):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._told + self._hub.interval, loop.time()), self._tick)

    def lose_all(self) -> None:
        """Deltas no longer lead to what the figure is now: everybody needs a snapshot."""
        self.delta = Delta()
        for viewer in self._viewers:
            viewer.lose()

    def _tick(self) -> None:
        self._timer = None
        self._told = asyncio.get_running_loop().time()
        if self.delta:
            delta, self.delta = self.delta, Delta()
            self._seq += 1
            told = self._hub.conceal(self._plot_id, delta.message())
            message = Message({"type": "delta", "seq": self._seq, **told, "last": self._last})
            for viewer in self._viewers:
                viewer.put(message)
        self._answer_asking()

    def ask_snapshot(self, viewer: Subscription) -> None:
        """A snapshot must agree with a seq: it is taken when there is nothing that was not told yet."""
        self._asking[viewer] = None
        if not self.delta:
            self._answer_asking()

    def _answer_asking(self) -> None:
        if not self._asking:
            return
        asking, self._asking = self._asking, {}
        try:
            view = self._hub.look(self._plot_id)
        except (Refusal, EndpointError):  # the plot is gone, or cannot be read now
            self.end()
            return
        told = {"seq": self._seq, "figure": view.figure, **_state(view.live, view.last, view.trouble)}
        message = Message({"type": "snapshot", **told})
        for viewer in asking:
            viewer.resume(message)

    def status(self, live: bool, last: int | None, trouble: str | None) -> None:
        message = status_message(live, last, trouble)
        for viewer in self._viewers:
            viewer.put(message)

    def end(self) -> None:
        for viewer in list(self._viewers):
            viewer.close()


def status_message(live: bool, last: int | None, trouble: str | None) -> Message:
    """How a plot's stream is."""
    return Message({"type": "status", **_state(live, last, trouble)})


def _state(live: bool, last: int | None, trouble: str | None) -> dict[str, Any]:
    return {"live": live, "last": last, "now": now_ms(), **({"trouble": trouble} if trouble else {})}


class Hub:
    """All viewers. Call it in the event loop."""

    look: Callable[[int], View]  # set by Plots; raises Refusal when there is no such plot
    conceal: Callable[[int, dict[str, Any]], dict[str, Any]]  # set by Plots: what a plot's viewers may read of that

    def __init__(self, interval: float = _INTERVAL_S) -> None:
        self.interval = interval  # seconds between two deltas
        self._channels: dict[int, _Channel] = {}

    def subscribe(self, plot_id: int) -> Subscription:
        """First a snapshot, then deltas and status; after a gap a snapshot again."""
        channel = self._channels.get(plot_id)
        if channel is None:
            channel = self._channels[plot_id] = _Channel(plot_id, self)
        return channel.join()

    def forget(self, plot_id: int) -> None:
        """Nobody looks at the plot any more."""
        del self._channels[plot_id]

    def watched(self, plot_id: int) -> bool:
        return plot_id in self._channels

    def delta(self, plot_id: int) -> Delta | None:
        """What viewers have not been told yet, to be added to; None when nobody looks."""
        channel = self._channels.get(plot_id)
        return channel.delta if channel else None

    def publish(self, plot_id: int, last: int | None) -> None:
        """Tell viewers what was added to the delta, within the interval."""
        channel = self._channels.get(plot_id)
        if channel:
            channel.changed(last)

    def reload(self, plot_id: int) -> None:
        """The figure was changed by other means than lines: everybody gets a snapshot."""
        channel = self._channels.get(plot_id)
        if channel:
            channel.lose_all()

    def status(self, plot_id: int, live: bool, last: int | None, trouble: str | None = None) -> None:
        """A stream of the plot began or ended, or may write nothing more."""
        channel = self._channels.get(plot_id)
        if channel:
            channel.status(live, last, trouble)

    def close(self) -> None:
        """End all subscriptions."""
        for channel in list(self._channels.values()):
            channel.end()
