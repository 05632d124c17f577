"""Faults on purpose, for people who test a board on their desk: `plotpost serve --fault`. docs/faults.md explains them.

They strike stream requests only; pages and REST stay well.
"""

import asyncio
import math
import random
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

import uvicorn
from uvicorn.server import ServerState

from .browsers import Names
from .errors import Refusal, reason_phrase
from .front import Front, Gate, Limits, StreamRequest, Streams
from .head import Head
from .proxies import Proxies

STALL = "stall"
RESET = "reset"
HALF_OPEN = "half-open"
SLOW = "slow"
ASK = "ask"  # no fault by itself, only those that are typed
STATUSES = (308, 400, 403, 404, 405, 406, 408, 422, 423, 449, 500, 503, 520)  # of Plotly's streaming API, without 200
KINDS = (STALL, RESET, HALF_OPEN, SLOW, *map(str, STATUSES))

_WITHIN_S = 5.0  # a fault strikes at a random moment of a request's first seconds
_SLOW_RATE = 200  # bytes a second
_PATIENCE_S = 600.0  # how long a stalled or half-open connection is kept: longer than any client waits
_CLOSE_BY_RESET = struct.pack("ii", 1, 0)  # SO_LINGER (socket(7))


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault, and which stream requests it strikes: every n-th, or each with a probability."""

    kind: str
    every: int = 1
    probability: float = 1.0


def parse(text: str) -> Fault:
    """`KIND`, `KIND:N` for every N-th request, `KIND:0.1` for a probability. Raises ValueError that says what is allowed."""
    kind, colon, often = text.partition(":")
    if kind not in KINDS and text != ASK:
        raise ValueError(f"{kind!r} is no fault; known are {', '.join((*KINDS, ASK))}")
    if not colon:
        return Fault(kind, 0 if kind == ASK else 1)
    if often.isascii() and often.isdigit() and int(often):
        return Fault(kind, int(often))
    try:
        probability = float(often)
    except ValueError:
        probability = math.nan
    if not 0 < probability < 1:
        raise ValueError(f"{often!r} is not how often; use {kind}:3 for every third stream, {kind}:0.1 for one in ten at random")
    return Fault(kind, 1, probability)


class Faults:
    """Decides which stream request is struck, by what and when, and takes what is typed. Call it in the event loop.

    `say` is told of every fault that strikes, in one line.
    """

    def __init__(
        self, faults: list[Fault], say: Callable[[str], None] = lambda line: None, dice: random.Random | None = None
    ) -> None:
        self._faults = faults
        self._say = say
        self._dice = dice or random.Random()
        self._requests = 0
        self._off = False
        self._next: list[str] = []
        self._open: set[FaultyFront] = set()

    def began(self, front: "FaultyFront") -> None:
        """A stream request begins."""
        self._open.add(front)
        self._requests += 1
        if self._next:
            self.strike(front, self._next.pop(0))
            return
        kind = self._choose()
        if kind is not None:
            front.strike_later(kind, self._dice.uniform(0, _WITHIN_S))

    def ended(self, front: "FaultyFront") -> None:
        """The connection is gone."""
        self._open.discard(front)

    def strike(self, front: "FaultyFront", kind: str) -> None:
        if front.strike(kind):
            self._say(f"fault: {kind}")

    def command(self, line: str) -> None:
        """What was typed: a kind strikes the streams that are open now, or else the next one; `off` ends the faults."""
        word = line.strip().lower()
        if word == "off":
            self._off, self._next = True, []
            self._say("fault: off, streams are served well from now on")
        elif word in KINDS:
            self._strike_now(word)
        elif word:
            self._say(f"fault: {word!r} is none; type off, or one of {', '.join(KINDS)}")

    def _strike_now(self, kind: str) -> None:
        streaming = [front for front in self._open if front.stream is not None]
        for front in streaming:
            self.strike(front, kind)
        if not streaming:
            self._next.append(kind)
            self._say(f"fault: {kind} for the next stream")

    def _choose(self) -> str | None:
        if self._off:
            return None
        for fault in self._faults:
            if fault.every and self._requests % fault.every == 0 and self._dice.random() < fault.probability:
                return fault.kind
        return None

    def listen(self, typed: TextIO) -> None:
        """Take commands from `typed`, one a line, in a thread of its own."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            for line in typed:
                loop.call_soon_threadsafe(self.command, line)

        threading.Thread(target=read, daemon=True, name="faults").start()


class FaultyGate(Gate):
    """A gate whose connections suffer `faults`."""

    def __init__(self, streams: Streams, limits: Limits, faults: Faults, proxies: Proxies, names: Names) -> None:
        super().__init__(streams, limits, proxies=proxies, names=names)
        self.faults = faults

    def connect(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "FaultyFront":
        return FaultyFront(self, config, server_state, app_state)


class FaultyFront(Front):
    """A connection whose stream requests may be struck."""

    __slots__ = ("_faults", "_silent", "_slow", "_timer")

    def __init__(self, gate: FaultyGate, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(gate, config, server_state, app_state)
        self._faults = gate.faults
        self._silent = False
        self._slow = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def stream(self) -> StreamRequest | None:
        """The stream request that is under way."""
        request = self.request
        return request if isinstance(request, StreamRequest) and not request.complete else None

    def route(self, head: Head, raw: bytes) -> None:
        super().route(head, raw)
        if self.stream is not None:
            self._faults.began(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._slow and not self.transport.is_closing():
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(len(data) / _SLOW_RATE, self._read_on)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._faults.ended(self)
        if self._timer is not None:
            self._timer.cancel()

    def shutdown(self) -> None:
        if self._silent:
            self.transport.abort()
        else:
            super().shutdown()

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def strike_later(self, kind: str, seconds: float) -> None:
        """Strike the request that has just begun, if it still runs then."""
        request = self.request

        def strike() -> None:
            if self.request is request:
                self._faults.strike(self, kind)

        self._timer = asyncio.get_running_loop().call_later(seconds, strike)

    def strike(self, kind: str) -> bool:
        """False when there is no stream to strike."""
        stream = self.stream
        if stream is None:
            return False
        if kind == SLOW:
            self._slow = True
        elif kind == RESET:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_BY_RESET)
            stream.evict(None)
        elif kind in (STALL, HALF_OPEN):
            self._fall_silent(stream, deaf=kind == STALL)
        else:
            stream.evict(Refusal(int(kind), f"a fault on purpose: {reason_phrase(int(kind))}"))
        return True

    def _fall_silent(self, stream: StreamRequest, deaf: bool) -> None:
        """Never answer again, and take no more bytes if `deaf`. What was taken is committed, as if the connection had broken."""
        stream.lost(None)
        self._silent = True
        self.throw_away(_PATIENCE_S)
        if deaf:
            self.transport.pause_reading()
