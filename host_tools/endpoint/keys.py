"""API keys as they come with requests: checked one at a time, and not at all after too many wrong ones."""

import asyncio
import hashlib
from weakref import WeakValueDictionary

from .attempts import Attempts, network_of
from .errors import Refusal
from .store import Store, User

MOST_WAITING = 20  # checks of one address
_LONGEST = 256  # characters of a key: ours have ten

_Check = asyncio.Task[User | None]


class Keys:
    """Call it in the event loop.

    A key that was right before costs nothing, so it is looked at first: it waits behind nobody, and no lock keeps it out. Any other
    is slow to check. It counts as wrong from the moment it comes, and each address has one turn at a time.
    """

    def __init__(self, store: Store, attempts: Attempts) -> None:
        self._store = store
        self._attempts = attempts
        self._checking = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._checks: dict[tuple[str, str, bytes], _Check] = {}

    async def check(self, name: str, key: str, address: str) -> User:
        """The user whose key it is. Raises Refusal: 403, and 429 after too many wrong keys from that address."""
        key = key[:_LONGEST]
        known = self._store.known_key(name, key)
        if known is not None:
            self._attempts.succeeded(name, address)
            return known
        network = network_of(address)
        asked = (network, name, hashlib.sha256(key.encode("utf-8", "replace")).digest())
        check = self._checks.get(asked)
        if check is None:
            self._count(name, address)
            check = self._checks[asked] = asyncio.create_task(self._checked(name, key, network))
            check.add_done_callback(lambda _: self._checks.pop(asked, None))
            user = await asyncio.shield(check)
        else:  # many that ask for the same at once ask one question, unless the answer is no
            user = await asyncio.shield(check)
            if user is None:
                self._count(name, address)
        if user is None:
            raise Refusal(403, "there is no user with this name and API key")
        self._attempts.succeeded(name, address)
        return user

    def _count(self, name: str, address: str) -> None:
        """Raises Refusal(429)."""
        wait_s = self._attempts.wait_s(name, address)
        if wait_s > 0:
            raise Refusal(429, f"too many wrong API keys from this address: try again in {wait_s:.0f} s")
        network = network_of(address)
        if sum(network == waiting for waiting, _, _ in self._checks) >= MOST_WAITING:
            raise Refusal(429, "too many API keys from this address wait to be checked: try again in a moment")
        self._attempts.failed(name, address)

    async def _checked(self, name: str, key: str, network: str) -> User | None:
        """Slow on purpose: in a thread, one at a time, and one after another of the addresses that ask."""
        turn = self._turns.setdefault(network, asyncio.Lock())
        async with turn, self._checking:
            return await asyncio.to_thread(self._store.check_key, name, key)
