"""Whose turn it is where few can be served at a time: users before strangers, and among each of them one after the other."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from .errors import Refusal

MOST_WAITING = 16  # of one user, and of all strangers together; those included that are being served
MOST_OF_A_STRANGER = 4


class Asker(NamedTuple):
    """Who asks: a user by name, a stranger by address."""

    name: str
    known: bool


class Turns:
    """So many places; the last one is kept free of strangers. Call it in the event loop."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._inside: Counter[Asker] = Counter()  # waiting or being served
        self._served = {True: 0, False: 0}  # by whether they are known
        self._queues: dict[bool, OrderedDict[str, deque[asyncio.Future[None]]]] = {True: OrderedDict(), False: OrderedDict()}

    @asynccontextmanager
    async def turn(self, asker: Asker) -> AsyncIterator[None]:
        """Wait for a place, and have it within the block. Raises Refusal(429) where too many wait already."""
        strangers = 0 if asker.known else sum(count for each, count in self._inside.items() if not each.known)
        if self._inside[asker] >= (MOST_WAITING if asker.known else MOST_OF_A_STRANGER) or strangers >= MOST_WAITING:
            raise Refusal(429, "too many pictures are being drawn: try again in a minute")
        self._inside[asker] += 1
        try:
            await self._wait(asker)
            try:
                yield
            finally:
                self._leave(asker)
        finally:
            self._inside[asker] -= 1
            if not self._inside[asker]:
                del self._inside[asker]

    async def _wait(self, asker: Asker) -> None:
        place = asyncio.get_running_loop().create_future()
        self._queues[asker.known].setdefault(asker.name, deque()).append(place)
        self._call_next()
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given at the very moment
                self._leave(asker)
            raise

    def _leave(self, asker: Asker) -> None:
        self._served[asker.known] -= 1
        self._call_next()

    def _call_next(self) -> None:
        for known, places in ((True, self._places), (False, self._places - 1)):
            while sum(self._served.values()) < self._places and self._served[known] < places:
                place = self._next_of(self._queues[known])
                if place is None:
                    break
                self._served[known] += 1
                place.set_result(None)

    def _next_of(self, queues: OrderedDict[str, deque[asyncio.Future[None]]]) -> asyncio.Future[None] | None:
        """Of whoever was not served for the longest time."""
        while queues:
            name, queue = queues.popitem(last=False)
            place = queue.popleft()
            if queue:
                queues[name] = queue
            if not place.cancelled():
                return place
        return None
