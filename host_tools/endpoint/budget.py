"""Bytes that are kept for those who have not shown a key yet: so many of an address, so many in all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from .attempts import network_of
from .errors import Refusal

OF_ADDRESS = 64 << 20
IN_ALL = 256 << 20
SMALL = 64 << 10  # of one request that is always kept: the limits on connections bound how many there are


class Held:
    """What one request holds."""

    def __init__(self, budget: "Budget", address: str) -> None:
        self._budget = budget
        self._address = address
        self.size = 0

    def grow(self, size: int) -> None:
        """The request holds so many bytes now. Raises Refusal(503) when that is too much."""
        if size <= SMALL:
            return
        self._budget.take(self._address, size - self.size)
        self.size = size


class Budget:
    """Call it in the event loop."""

    def __init__(self, of_address: int = OF_ADDRESS, in_all: int = IN_ALL) -> None:
        self._of_address = of_address
        self._in_all = in_all
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold(self, address: str) -> Iterator[Held]:
        """For one request, as long as it is not known who sends it."""
        held = Held(self, network_of(address))
        try:
            yield held
        finally:
            self.take(held._address, -held.size)

    def take(self, address: str, more: int) -> None:
        """Raises Refusal(503)."""
        if more > 0 and (self._held[address] + more > self._of_address or self._held.total() + more > self._in_all):
            raise Refusal(503, "too much is sent at once by those who have not shown a key yet; try again later")
        self._held[address] += more
        if not self._held[address]:
            del self._held[address]
