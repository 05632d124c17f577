"""Endpoints that announce themselves in this machine's networks (RFC 6763), for `plotpost up` to propose."""

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from zeroconf import Error, InterfaceChoice, IPVersion, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

SERVICE = "_plotpost._tcp.local."

_ANSWER_MS = 1000
_HOST = re.compile(r"[A-Za-z0-9-]{1,63}\.local")

Interfaces = Sequence[str] | InterfaceChoice


@dataclass(frozen=True, slots=True)
class Found:
    """One endpoint. `url` holds its address, `local_url` its machine's name, which stays when the address changes."""

    name: str
    url: str
    local_url: str


def endpoints(timeout_s: float = 2.0, interfaces: Interfaces = InterfaceChoice.All) -> list[Found]:
    """Listen for so long; gives what was heard, by name. A machine that may not use multicast hears nothing."""
    logging.getLogger("zeroconf").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(_listen(timeout_s, interfaces))
    except OSError:
        return []


async def _listen(timeout_s: float, interfaces: Interfaces) -> list[Found]:
    names: set[str] = set()

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: object) -> None:
        names.add(name)

    async with AsyncZeroconf(interfaces=_plain(interfaces), ip_version=IPVersion.V4Only) as network:
        async with AsyncServiceBrowser(network.zeroconf, SERVICE, handlers=[changed]):
            await asyncio.sleep(timeout_s)
        found = await asyncio.gather(*(_ask(network, name) for name in sorted(names)))
    return [endpoint for endpoint in found if endpoint]


async def _ask(network: AsyncZeroconf, name: str) -> Found | None:
    try:
        service = AsyncServiceInfo(SERVICE, name)
    except Error:  # no name is like that
        return None
    return _found(service) if await service.async_request(network.zeroconf, _ANSWER_MS) else None


def _plain(interfaces: Interfaces) -> list[str] | InterfaceChoice:
    return interfaces if isinstance(interfaces, InterfaceChoice) else list(interfaces)


def _found(service: AsyncServiceInfo) -> Found | None:
    """None for what no endpoint of ours would say. Anybody in the network may say anything."""
    addresses = service.parsed_addresses(IPVersion.V4Only)
    host = (service.server or "").rstrip(".")
    if not addresses or not service.port or not _HOST.fullmatch(host):
        return None
    name = "".join(character if character.isprintable() else "?" for character in service.get_name())
    return Found(name, f"http://{addresses[0]}:{service.port}", f"http://{host}:{service.port}")
