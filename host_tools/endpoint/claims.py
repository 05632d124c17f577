"""Who streams with a token: the newest stream that stays open wins, and a token that is fought over is told."""

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from .errors import Refusal

GRACE_S = 2.0  # a stream that is open for so long stays open
WINDOW_S = 900.0  # an agent that had to give way comes back after five minutes

_ANOTHER = "another stream with the same token has begun: give every board and program a token of its own"
_FOUGHT = f"{_ANOTHER}; two of them end each other's streams again and again"


class Claimant(Protocol):
    """A stream."""

    tokens: set[str]

    @property
    def has_lines(self) -> bool:
        """Whether lines of it were taken."""

    def displace(self, refusal: Refusal | None) -> None:
        """Another stream has taken over; None: of the same board."""

    def same_device(self, other: "Claimant") -> bool:
        """Whether both are of the same board."""


class _Rivals:
    """Streams with the same token, the newest last."""

    __slots__ = ("staying", "streams", "writer")

    def __init__(self, first: Claimant) -> None:
        self.streams = [first]
        self.writer = first  # whose lines came last
        self.staying: dict[Claimant, asyncio.TimerHandle] = {}


class Claims:
    """Which streams have which token. A short request passes another by; only one that stays open ends the older ones.

    So requests that are whole soon are all stored, however many are under way at a time.
    """

    def __init__(self, fought: Callable[[str], None], grace: float = GRACE_S) -> None:
        """`fought` is called with a token whenever streams have ended each other again."""
        self._fought = fought
        self._grace = grace
        self._newest: dict[str, Claimant] = {}
        self._rivals: dict[str, _Rivals] = {}  # of tokens with more than one stream
        self._displaced: dict[str, tuple[int, float]] = {}  # how many lately, and when the last

    def __contains__(self, token: str | None) -> bool:
        return token in self._newest

    def add(self, token: str, stream: Claimant) -> None:
        """A stream with the token has begun."""
        older = self._newest.get(token)
        if older is not None and stream.same_device(older):
            older.displace(None)
            older = self._newest.get(token)
        self._newest[token] = stream
        if older is not None:
            rivals = self._rivals.setdefault(token, _Rivals(older))
            rivals.streams.append(stream)
            rivals.staying[stream] = asyncio.get_running_loop().call_later(self._grace, self._stays, token, stream)

    def remove(self, token: str, stream: Claimant) -> None:
        """The stream has ended."""
        rivals = self._rivals.get(token)
        if rivals is None:
            if self._newest.get(token) is stream:
                del self._newest[token]
            return
        if stream not in rivals.streams:
            return
        rivals.streams.remove(stream)
        if stream in rivals.staying:
            rivals.staying.pop(stream).cancel()
        self._newest[token] = rivals.streams[-1]
        if len(rivals.streams) == 1:
            for timer in rivals.staying.values():
                timer.cancel()
            del self._rivals[token]

    def _stays(self, token: str, stream: Claimant) -> None:
        rivals = self._rivals[token]
        del rivals.staying[stream]
        for older in rivals.streams[: rivals.streams.index(stream)]:
            self._displace(token, older)

    def wrote(self, stream: Claimant) -> None:
        """Lines of the stream came. One whose lines come between those of another stays open, too: the older of both has to go."""
        if not self._rivals:
            return
        for token in list(stream.tokens):
            rivals = self._rivals.get(token)
            if rivals is None or stream not in rivals.streams:
                continue
            other, rivals.writer = rivals.writer, stream
            if other is not stream and other in rivals.streams and stream.has_lines and other.has_lines:
                self._displace(token, min(stream, other, key=rivals.streams.index))

    def _displace(self, token: str, stream: Claimant) -> None:
        now = asyncio.get_running_loop().time()
        count, last = self._displaced.get(token, (0, -math.inf))
        count = count + 1 if now - last < WINDOW_S else 1
        self._displaced[token] = count, now
        if count > 1:
            self._fought(token)
        stream.displace(Refusal(308, _FOUGHT if count > 1 else _ANOTHER))
