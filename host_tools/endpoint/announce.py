"""Tells the network where the endpoint is: the machine's name in `.local` (RFC 6762), and a service that `plotpost up` finds (RFC 6763)."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from zeroconf import AddressResolverIPv4, Error, IPVersion, ServiceInfo  # type: ignore[attr-defined]  # not in its __all__
from zeroconf.asyncio import AsyncZeroconf

from host_tools import __version__
from host_tools.discover import SERVICE

from . import machine

logger = logging.getLogger(__name__)

_GROUP = "224.0.0.251"  # RFC 6762 section 3
_LOOK_S = 10.0  # how soon a new address is noticed
_ASK_MS = 1000  # how long another machine of the same name may take to answer


@dataclass(frozen=True, slots=True)
class Ports:
    http: int
    https: int | None = None


async def announce(ports: Ports, address: Callable[[], str | None]) -> None:
    """Announce until cancelled, anew whenever the address changes; what was announced is taken back.

    `address` gives the machine's IPv4 address of now, None while it has no network.
    """
    logging.getLogger("zeroconf").addFilter(_without_traceback)
    trouble = ""
    while True:
        at = address()
        try:
            if at is not None:
                async with _announced(ports, at):
                    while address() == at:
                        await asyncio.sleep(_LOOK_S)
                continue
        except (OSError, Error) as error:
            if str(error) != trouble:
                logger.warning("the network takes no multicast (%s): boards must use the address, not the name", error)
            trouble = str(error)
        await asyncio.sleep(_LOOK_S)


@asynccontextmanager
async def _announced(ports: Ports, address: str) -> AsyncIterator[None]:
    """On the network of this address alone: a board there could not reach the others."""
    _join(address)
    network = AsyncZeroconf(interfaces=[address], ip_version=IPVersion.V4Only)
    try:
        host = await _free_name(network, ports, address)
        await network.async_register_service(_service(ports, address, host), allow_name_change=True)
        yield
    finally:
        await network.async_close()


def _join(address: str) -> None:
    """Raises OSError where zeroconf would, too, and would leave a socket open."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        membership = socket.inet_aton(_GROUP) + socket.inet_aton(address)
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)


async def _free_name(network: AsyncZeroconf, ports: Ports, address: str) -> str:
    """This machine's name, or another one if a machine of the network has the same."""
    host = f"{machine.label()}.local"
    other = AddressResolverIPv4(f"{host}.")
    await other.async_request(network.zeroconf, _ASK_MS)
    if all(map(machine.has_address, other.parsed_addresses())):
        return host
    free = f"{machine.label()}-plotpost.local"
    logger.warning("another machine here is called %s: this endpoint is http://%s:%d to boards", host, free, ports.http)
    return free


def _service(ports: Ports, address: str, host: str) -> ServiceInfo:
    told = {"version": __version__, "path": "/"} | ({"tls": str(ports.https)} if ports.https else {})
    name = f"plotpost on {host.removesuffix('.local')[:40]}"
    packed = [socket.inet_aton(address)]
    return ServiceInfo(SERVICE, f"{name}.{SERVICE}", addresses=packed, port=ports.http, properties=told, server=f"{host}.")


def _without_traceback(record: logging.LogRecord) -> bool:
    """zeroconf tells what cannot be sent; where in zeroconf that was helps nobody."""
    record.exc_info = None
    return True
