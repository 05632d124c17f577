"""API keys as they come with requests: checked one at a time, and not at all after too many wrong ones."""

import asyncio

from .attempts import Attempts
from .errors import Refusal
from .store import Store, User


class Keys:
    """Call it in the event loop."""

    def __init__(self, store: Store, attempts: Attempts) -> None:
        self._store = store
        self._attempts = attempts
        self._checking = asyncio.Lock()

    async def check(self, name: str, key: str, address: str) -> User:
        """The user whose key it is. Raises Refusal: 403, and 429 after too many wrong keys from that address."""
        wait_s = self._attempts.wait_s(name, address)
        if wait_s > 0:
            raise Refusal(429, f"too many wrong API keys from this address: try again in {wait_s:.0f} s")
        async with self._checking:  # slow on purpose: in a thread, and one at a time
            user = await asyncio.to_thread(self._store.check_key, name, key)
        if user is None:
            self._attempts.failed(name, address)
            raise Refusal(403, "there is no user with this name and API key")
        self._attempts.succeeded(name, address)
        return user
