"""What is refused to browsers: what a page of another site asks, and a Host that is no name of this endpoint.

A page of another site can have its visitor's browser send requests into their network. And it can have its own name resolved to an
address in there (DNS rebinding): then the browser takes this endpoint for a part of that site, and `Host` alone tells.
"""

import ipaddress
import logging
import re
from collections.abc import Callable, Iterable

from . import machine
from .errors import Refusal
from .head import Head, Headers
from .proxies import Peer

logger = logging.getLogger(__name__)

# Programs ask here, by whatever name; each is asked for a key, or without one answered under a known name only.
_FOR_PROGRAMS = re.compile(r"/(v2/|apigetfile/|apigenimage/?$|clientresp/?$)")
_STATIC = "/static/"  # the same for everybody, and nothing of it is anybody's
_MOST_TOLD = 10  # names in the log: anybody can ask for any


def foreign(headers: Headers) -> bool:
    """Whether a page of another site makes a browser ask this. Browsers say so in headers that no page can change."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site.lower() in ("cross-site", "same-site")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != (headers.get("host") or "").lower()


class Names:
    """The names that browsers may know this endpoint by, beside every address, localhost, and what the machine is called."""

    def __init__(self, given: Iterable[str] = (), certified: Callable[[], Iterable[str]] = tuple) -> None:
        self._given = {_bare(name) for name in given}
        self._certified = certified
        self._told: set[str] = set()

    def __contains__(self, name: str) -> bool:
        """Whether a host's name, without a port, is one of them."""
        name = _bare(name)
        return (
            name in ("", "localhost")  # no browser leaves the header away
            or _is_address(name)
            or name in self._given
            or name in map(_bare, machine.names())
            or any(_matches(_bare(pattern), name) for pattern in self._certified())
        )

    def refuse(self, head: Head, peer: Peer) -> Refusal | None:
        """Why no page or data is served under the name in `Host`; None when it is. Raises the Refusal unless a program may ask."""
        if peer.trusted or head.host_name in self or head.path.startswith(_STATIC):
            return None
        name = _bare(head.host_name)
        refusal = Refusal(421, f"this endpoint does not serve pages as {name}: {_remedy(name, peer)}")
        if _FOR_PROGRAMS.match(head.path) and head.headers.get("origin") is None:
            return refusal
        self._tell(name, peer)
        raise refusal

    def _tell(self, name: str, peer: Peer) -> None:
        if "." in name and name not in self._told and len(self._told) < _MOST_TOLD:  # one of a router or of the internet
            self._told.add(name)
            logger.warning("a browser asked for %s and was refused: %s", name, _remedy(name, peer))


def _remedy(name: str, peer: Peer) -> str:
    if peer.untrusted:
        proxy = peer.address.rpartition(" ")[2]
        return f"start it with --trusted-proxy {proxy} if a proxy of yours passes it on, else with --name {name} if it is yours"
    return f"start it with --name {name} if that name is yours"


def _matches(pattern: str, name: str) -> bool:
    """`*.example.com` is each name right below (RFC 6125 section 6.4.3)."""
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def _bare(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
