"""Wrong API keys, counted for each user and address, in bounded memory."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

LIMIT = 10
WINDOW_S = 60.0
MOST = 4096
_NAME_LENGTH = 64
_IPV6_NETWORK = 64  # bits: whoever has one address of such a network has all of them (RFC 6177)


class Attempts:
    """Tells how long a user has to wait at an address after too many wrong keys there."""

    def __init__(self, now: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._now = now
        self._most = most
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def wait_s(self, user: str, address: str) -> float:
        """Seconds until the next key is looked at; 0 when at once."""
        count, since = self._entry(_key(user, address))
        return since + WINDOW_S - self._now() if count >= LIMIT else 0.0

    def failed(self, user: str, address: str) -> None:
        """Count a key as wrong; succeeded() takes it back."""
        key = _key(user, address)
        count, since = self._entry(key)
        self._failures[key] = (count + 1, since)
        self._failures.move_to_end(key)
        if len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        self._failures.pop(_key(user, address), None)

    def _entry(self, key: tuple[str, str]) -> tuple[int, float]:
        count, since = self._failures.get(key, (0, self._now()))
        return (count, since) if self._now() < since + WINDOW_S else (0, self._now())


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Whom limits count as one: an IPv4 address, or the network that an IPv6 address is in."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))


def _key(user: str, address: str) -> tuple[str, str]:
    return user[:_NAME_LENGTH], network_of(address)
