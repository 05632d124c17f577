"""Who asks: the address behind a connection, also when a proxy that the operator trusts passes it on."""

import ipaddress
import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from .head import Headers

logger = logging.getLogger(__name__)

UNTRUSTED = "plotpost-proxy"  # header of an answer that a proxy has passed on which nobody has named
_FOR, _PROTO = "x-forwarded-for", "x-forwarded-proto"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Peer(NamedTuple):
    """Who asks."""

    address: str  # whom limits and locks count
    secure: bool = False  # a proxy says that it was asked by HTTPS
    trusted: bool = False  # a trusted proxy passes the request on, so `Host` is what the proxy serves
    untrusted: bool = False  # a proxy that nobody has named passes it on


def parse_proxy(text: str) -> Network:
    """An address, or a network such as 172.17.0.0/16. Raises ValueError."""
    return ipaddress.ip_network(text, strict=False)


class Proxies:
    """The proxies that may say for whom they ask. Nobody else's word counts."""

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        self._trusted = list(trusted)
        self._told = False

    def trusts(self, address: str) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._trusted)

    def peer(self, address: str, headers: Headers) -> Peer:
        """Who asks by way of a connection from `address`."""
        trusted = bool(self._trusted) and self.trusts(address)
        if not trusted and not _is_loopback(address):
            return Peer(address)
        secure = headers.get(_PROTO) == "https"
        if trusted:
            return Peer(self._origin(address, headers), secure, trusted=True)
        if headers.get(_FOR) is None:
            return Peer(address, secure)  # `secure` changes nothing but the addresses that the asker itself is told
        self._tell(address)
        return Peer(f"a proxy at {address}", secure, untrusted=True)

    def _origin(self, address: str, headers: Headers) -> str:
        """The last address of the chain that no trusted proxy has: what stands before it anybody may have written."""
        chain = [part.strip() for value in headers.all(_FOR) for part in value.split(",")]
        for part in reversed(chain):
            parsed = _parse(part)
            if parsed is None:
                break
            address = str(parsed)
            if not self.trusts(address):
                break
        return address

    def _tell(self, address: str) -> None:
        """Once: who stands behind it cannot be told apart."""
        if not self._told:
            self._told = True
            logger.warning(
                "a proxy at %s passes requests on, and its word for whom is not taken: everybody behind it counts as one."
                " If it is yours, start the endpoint with --trusted-proxy %s",
                address, address,
            )  # fmt: skip


class PassedOn:
    """ASGI middleware: the application sees who asks, not who passes it on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer: Any = scope.get("state", {}).get("peer")
        if peer is not None:
            scope["client"] = (peer.address, 0)
            if peer.secure:
                scope["scheme"] = "wss" if scope["type"] == "websocket" else "https"
        await self._app(scope, receive, send)


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Also as some proxies write it, with a port or in brackets."""
    bare = address.partition("]")[0].removeprefix("[").partition("%")[0]
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


@lru_cache(maxsize=4096)
def _is_loopback(address: str) -> bool:
    parsed = _parse(address)
    return parsed is not None and parsed.is_loopback
