"""Work that may be long, done in pieces, so that nobody waits for it who has nothing to do with it."""

import asyncio
from collections import deque
from collections.abc import Iterator
from time import perf_counter

TURN_S = 0.01  # how long one client's work may hold the event loop


class Piecework:
    """Does one piece of work after another, the first at once. Each is an iterator that pauses where a turn may end."""

    def __init__(self) -> None:
        self._waiting: deque[Iterator[None]] = deque()
        self._under_way = False

    def add(self, work: Iterator[None]) -> None:
        """Do the work, behind all that was added before; what is left after a turn comes in later ones."""
        self._waiting.append(work)
        if not self._under_way:
            self._turn()

    def _turn(self) -> None:
        self._under_way = True
        end = perf_counter() + TURN_S
        try:
            while self._waiting and self._finish(self._waiting.popleft(), end):
                pass
        finally:
            self._under_way = bool(self._waiting)
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._turn)

    def _finish(self, work: Iterator[None], end: float) -> bool:
        """Go on with a piece until it is done or the turn is over; False when there is no time for another."""
        for _ in work:
            if perf_counter() >= end:
                self._waiting.appendleft(work)
                return False
        return perf_counter() < end
