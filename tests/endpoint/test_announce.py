"""What the endpoint announces reaches another program, over real multicast on this machine's loopback."""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from zeroconf import IPVersion, ServiceInfo, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from host_tools import __version__, discover
from host_tools.discover import SERVICE, Found
from host_tools.endpoint import announce, machine, server
from host_tools.endpoint.announce import Ports

LOOPBACK = "127.0.0.1"
MDNS = ("224.0.0.251", 5353)  # RFC 6762 section 3
ELSEWHERE = "198.51.100.7"  # TEST-NET-2, RFC 5737: no address of this machine
PATIENCE_S = 60


class Listener:
    """Another program of the network: what it hears of endpoints."""

    def __init__(self, network: AsyncZeroconf) -> None:
        self._network = network
        self._there: dict[str, bool] = {}
        self._changed = asyncio.Event()

    def hear(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        self._there[name] = state_change is not ServiceStateChange.Removed
        self._changed.set()

    async def endpoint(self, port: int, address: str = LOOPBACK) -> AsyncServiceInfo:
        """What is announced of the one with this port and address, as soon as it is."""
        while True:
            for name in self._there:
                service = AsyncServiceInfo(SERVICE, name)
                known = await service.async_request(self._network.zeroconf, 1000)
                if known and (service.port, service.parsed_addresses()) == (port, [address]):
                    return service
            await self._wait()

    async def end_of(self, service: AsyncServiceInfo) -> None:
        while self._there[service.name]:
            await self._wait()

    async def _wait(self) -> None:
        await self._changed.wait()
        self._changed.clear()


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    async with asyncio.timeout(PATIENCE_S), AsyncZeroconf(interfaces=[LOOPBACK], ip_version=IPVersion.V4Only) as network:
        listener = Listener(network)
        async with AsyncServiceBrowser(network.zeroconf, SERVICE, handlers=[listener.hear]):
            yield listener


@contextlib.asynccontextmanager
async def announced(ports: Ports, address: Callable[[], str | None] = lambda: LOOPBACK) -> AsyncIterator[None]:
    announcing = asyncio.create_task(announce.announce(ports, address))
    try:
        yield
        assert not announcing.done()
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)


@pytest.fixture
def port(free_port: int) -> int:
    """Nobody listens there: it tells this test's endpoint from others."""
    return free_port


@pytest.fixture(autouse=True)
def name(monkeypatch: pytest.MonkeyPatch, port: int) -> str:
    """A name of this machine that no other test run has."""
    monkeypatch.setattr(socket, "gethostname", lambda: f"host-{port}")
    return f"host-{port}"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new address is noticed at once."""
    monkeypatch.setattr(announce, "_LOOK_S", 0.01)


def test_an_endpoint_is_announced_with_all_that_others_must_know_and_taken_back_at_its_end(port: int, name: str) -> None:
    async def run() -> None:
        async with listening() as listener:
            async with announced(Ports(port, 8443)):
                service = await listener.endpoint(port)
            await listener.end_of(service)
        assert service.get_name() == f"plotpost on {name}"
        assert service.server == f"{name}.local."
        assert service.decoded_properties == {"version": __version__, "path": "/", "tls": "8443"}

    asyncio.run(run())


def test_what_is_announced_is_found_with_both_addresses(port: int, name: str) -> None:
    async def run() -> Found:
        async with asyncio.timeout(PATIENCE_S), announced(Ports(port)):
            while True:
                for found in await asyncio.to_thread(discover.endpoints, 1, [LOOPBACK]):
                    if found.url.endswith(f":{port}"):
                        return found

    assert asyncio.run(run()) == Found(f"plotpost on {name}", f"http://{LOOPBACK}:{port}", f"http://{name}.local:{port}")


def test_two_endpoints_of_a_machine_have_two_names(port: int, name: str) -> None:
    async def run() -> set[str]:
        async with listening() as listener, announced(Ports(port)):
            first = await listener.endpoint(port)
            async with announced(Ports(port + 1)):
                return {first.get_name(), (await listener.endpoint(port + 1)).get_name()}

    assert asyncio.run(run()) == {f"plotpost on {name}", f"plotpost on {name}-2"}


def test_a_pico_that_asks_once_from_any_port_is_told_the_address(port: int, name: str) -> None:
    """lwIP's DNS client asks for .local names so (LWIP_DNS_SUPPORT_MDNS_QUERIES; RFC 6762 section 5.1)."""

    async def run() -> bytes:
        async with listening() as listener, announced(Ports(port)):
            await listener.endpoint(port)
            return await asyncio.to_thread(ask_once, f"{name}.local")

    answer = asyncio.run(run())
    assert answer.startswith(b"\x12\x34\x84\x00\x00\x01\x00\x01")  # the query's number, an authoritative answer, one record
    assert struct.pack(">H", 4) + socket.inet_aton(LOOPBACK) in answer


def ask_once(host: str) -> bytes:
    """The answer to a question for an IPv4 address (RFC 1035 section 4)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
    query = struct.pack(">6H", 0x1234, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as board:
        board.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LOOPBACK))
        board.settimeout(PATIENCE_S)
        board.sendto(query, MDNS)
        return board.recv(1500)


def test_a_new_address_is_announced_in_the_place_of_the_old_one(port: int, impatient: None) -> None:
    addresses = [None, "127.0.0.1"]

    async def run() -> None:
        async with listening() as listener, announced(Ports(port), lambda: addresses[0]):
            addresses[0] = "127.0.0.1"
            await listener.endpoint(port)
            addresses[0] = "127.0.0.2"
            await listener.endpoint(port, "127.0.0.2")

    asyncio.run(run())


def test_a_name_that_another_machine_has_is_left_to_it(
    port: int, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "_ASK_MS", PATIENCE_S * 1000)  # it is there, and will answer

    async def run() -> str | None:
        async with listening() as listener, AsyncZeroconf(interfaces=[LOOPBACK], ip_version=IPVersion.V4Only) as other:
            owner = ServiceInfo("_test._tcp.local.", f"{name}._test._tcp.local.", 1, server=f"{name}.local.")
            owner.addresses = [socket.inet_aton(ELSEWHERE)]
            await other.async_register_service(owner)
            async with announced(Ports(port)):
                return (await listener.endpoint(port)).server

    assert asyncio.run(run()) == f"{name}-plotpost.local."
    assert caplog.messages == [
        f"another machine here is called {name}.local: this endpoint is http://{name}-plotpost.local:{port} to boards"
    ]


def test_a_network_without_multicast_costs_one_line_and_nothing_else(
    port: int, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    asked = 0

    def address() -> str:
        nonlocal asked
        asked += 1
        return ELSEWHERE  # no group can be joined there

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_S), announced(Ports(port), address):
            while asked < 5:
                await asyncio.sleep(0.001)

    asyncio.run(run())
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("the network takes no multicast (")


def test_an_endpoint_for_everybody_announces_its_ports_and_takes_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "lan_address", lambda: LOOPBACK)

    async def run() -> None:
        ready: asyncio.Future[server.Endpoint] = asyncio.get_running_loop().create_future()
        endpoint = server.Endpoint(server.EndpointConfig(tmp_path, "0.0.0.0", 0, tls=server.TlsConfig(0)))
        async with listening() as listener, asyncio.TaskGroup() as tasks:
            tasks.create_task(endpoint.run(ready.set_result))
            await ready
            assert endpoint.https
            port, tls_port = (addresses.url.rpartition(":")[2] for addresses in (endpoint.http, endpoint.https))
            service = await listener.endpoint(int(port))
            assert service.decoded_properties["tls"] == tls_port
            endpoint.stop()
            await listener.end_of(service)

    asyncio.run(run())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
def test_an_endpoint_for_this_machine_alone_is_not_announced(host: str) -> None:
    assert server._announced_address(host) is None
