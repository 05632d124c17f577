"""Starts and stops the endpoint: sockets, uvicorn, signals, the data folder."""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from . import machine
from .app import create_app
from .browsers import Names
from .commit import Committer
from .compress import ViewerSocket
from .errors import EndpointError
from .fault import Faults, FaultyGate
from .front import Gate, Limits
from .hub import Hub
from .plots import Plots
from .privacy import keep_private
from .proxies import Network, PassedOn, Proxies
from .store import FIRST_USER, Store
from .streams import Streams
from .tls import LocalAuthority, Pair, Tls, local_names

logger = logging.getLogger(__name__)

_GRACE_S = 5  # how long a stop waits for connections; streams are answered at once, the rest is for their clients to read it
_SPARE_FILES = 256  # descriptors beside those of connections
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # and how this machine reaches itself then
_REFRESH_S = 3600.0  # how often certificate files and this machine's address are looked at
_VIEWER_BYTES = 1024  # of a message that a viewer sends: none has to
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """HTTPS beside HTTP. Without `pair` a local authority makes the certificate, in the data folder."""

    port: int = 8443
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Where to listen and where to keep the data. Port 0 lets the system choose. `faults` strike on purpose.

    Browsers may ask for the machine by `names`, beside those that it has; `proxies` are believed when they say for whom they ask.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8050
    limits: Limits = field(default_factory=Limits)
    faults: Faults | None = None
    tls: TlsConfig | None = None
    names: tuple[str, ...] = ()
    proxies: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class NewUser:
    """The user that the first start makes. The key is kept as a hash only and cannot be shown again."""

    name: str
    api_key: str = field(repr=False)


def serve(config: EndpointConfig, ready: Callable[["Endpoint"], None]) -> None:
    """Run an endpoint until SIGINT or SIGTERM; `ready` is called once it accepts connections. Raises EndpointError."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(Endpoint(config).run(ready))


@dataclass(frozen=True, slots=True)
class Addresses:
    """The URLs of one port: on this machine, and for others by address and by name.

    Those are None when only this machine can reach it, or there is no network.
    """

    url: str
    lan_url: str | None = None
    local_url: str | None = None


class Endpoint:
    """One endpoint. What it can be asked is known as soon as it is ready."""

    def __init__(self, config: EndpointConfig) -> None:
        self.config = config
        self.http = Addresses("")
        self.https: Addresses | None = None
        self.authority: LocalAuthority | None = None  # that clients must trust
        self.new_user: NewUser | None = None
        self._servers: list[_Server] = []
        self._stopping = 0

    @property
    def url(self) -> str:
        return self.http.url

    @property
    def lan_url(self) -> str | None:
        return self.http.lan_url

    async def run(self, ready: Callable[["Endpoint"], None]) -> None:
        """Serve until stop() or a signal; then commit, answer and close what is open. Raises EndpointError."""
        with contextlib.ExitStack() as stack:
            store = stack.enter_context(contextlib.closing(Store.open(self.config.data)))
            listener = stack.enter_context(listening(self.config.host, self.config.port))
            store.claim()
            keep_private(self.config.data)
            self.http = _addresses("http", listener)
            store.tell_address(self.http.url)
            ports: list[tuple[socket.socket, Tls | None]] = [(listener, None)]
            if self.config.tls is not None:
                ports.append(self._listen_for_tls(self.config.tls, stack))
            self.new_user = _first_user(store)
            store.forget_old_devices()
            async with _parts(store) as (app, streams):
                await self._serve(PassedOn(app), self._gate(streams, [tls for _, tls in ports if tls]), ports, ready)

    def stop(self) -> None:
        """Begin to stop; the second call does not wait for clients any longer."""
        self._stopping += 1
        for server in self._servers:
            server.force_exit = self._stopping > 1
            server.should_exit = True

    def _listen_for_tls(self, config: TlsConfig, stack: contextlib.ExitStack) -> tuple[socket.socket, Tls]:
        listener = stack.enter_context(listening(self.config.host, config.port, "--tls-port"))
        self.https = _addresses("https", listener)
        if config.pair is not None:
            pair = config.pair
            return listener, Tls(lambda: pair)
        host = self.config.host

        def names() -> set[str]:
            return local_names(*filter(None, (machine.lan_address(), _name_of(host))))

        authority = self.authority = LocalAuthority(self.config.data, names())
        return listener, Tls(lambda: authority.leaf(names()))

    def _gate(self, streams: Streams, certificates: list[Tls]) -> Gate:
        config = self.config
        names = Names((config.host, *config.names), lambda: set().union(*(each.names for each in certificates)))
        proxies = Proxies(config.proxies)
        if config.faults is None:
            return Gate(streams, config.limits, proxies=proxies, names=names)
        return FaultyGate(streams, config.limits, config.faults, proxies, names)

    async def _serve(
        self, app: ASGIApp, gate: Gate, ports: list[tuple[socket.socket, Tls | None]], ready: Callable[["Endpoint"], None]
    ) -> None:
        _allow_open_files(self.config.limits.streams + self.config.limits.others + _SPARE_FILES)

        def started() -> None:
            if all(server.started for server in self._servers):
                ready(self)

        self._servers = [_Server(_Config(app, gate, tls), started) for _, tls in ports]
        for server in self._servers:
            server.server_state = self._servers[0].server_state  # connections of all ports are counted together
        timers = [asyncio.create_task(gate.run(), name="front")]
        timers += [asyncio.create_task(_keep_fresh(tls), name="tls") for _, tls in ports if tls]
        timers += [asyncio.create_task(_tell_network(*(listener for listener, _ in ports)), name="announce")]
        try:
            with _signals_call(self.stop):
                await asyncio.gather(
                    *(server.serve(sockets=[listener]) for server, (listener, _) in zip(self._servers, ports, strict=True))
                )
        finally:
            for timer in timers:
                timer.cancel()
            await asyncio.gather(*timers, return_exceptions=True)


async def _tell_network(http: socket.socket, https: socket.socket | None = None) -> None:
    """Announce the endpoint for ever, unless only this machine can reach it."""
    host, port = http.getsockname()[:2]
    tls_port = https.getsockname()[1] if https else None
    address = _announced_address(host)
    if address is None:
        return
    from .announce import Ports, announce  # not before: it takes a while to load

    try:
        await announce(Ports(port, tls_port), address)
    except Exception:
        logger.exception("the endpoint is announced no longer")


async def _keep_fresh(tls: Tls) -> None:
    """Take over certificates that were renewed, for ever."""
    while True:
        await asyncio.sleep(_REFRESH_S)
        try:
            tls.refresh()
        except EndpointError as error:
            logger.warning("the certificate stays as it was: %s", error)


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it accepts connections and leaves signals to us."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _parts(store: Store) -> AsyncIterator[tuple[ASGIApp, Streams]]:
    """Wire the parts together, and take them down again so that all that was accepted is on disk."""
    hub = Hub()
    committer = Committer(store)
    plots = Plots(store, committer, hub)
    try:
        await plots.start()
        yield create_app(store, committer, plots, hub), Streams(store, committer, plots)
    finally:
        hub.close()
        await plots.close()
        await committer.close()


class _Config(uvicorn.Config):
    """uvicorn's settings for one port."""

    def __init__(self, app: ASGIApp, gate: Gate, tls: Tls | None) -> None:
        super().__init__(
            cast(Any, app),
            http=cast("type[asyncio.Protocol]", gate.connect),
            lifespan="off",
            proxy_headers=False,  # the front knows whom to believe
            ws_max_size=_VIEWER_BYTES,
            access_log=False,
            log_config=None,
            log_level="error",  # anybody can cause the warnings, with any bytes
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            ws=ViewerSocket,
        )
        self._tls = tls

    def load(self) -> None:
        super().load()
        self.ssl = self._tls.context if self._tls else None


def _first_user(store: Store) -> NewUser | None:
    """Make the user of a new data folder."""
    if store.users():
        return None
    return NewUser(FIRST_USER, store.create_user(FIRST_USER))


@contextlib.contextmanager
def listening(host: str, port: int, option: str = "--port") -> Iterator[socket.socket]:
    """A socket bound to the address, closed at the end. Raises EndpointError that names the trouble and the remedy."""
    family, address = _resolve(host, port, option)
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if os.name == "posix":  # on Windows the option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise EndpointError(_why_not_bound(error, host, port, option)) from None
        yield listener


def _resolve(host: str, port: int, option: str) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    if not 0 <= port <= 65535:
        raise EndpointError(f"{port} is no port: use one from 0 (the system chooses) to 65535 with {option}")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise EndpointError(f"unknown host {host!r}: use 127.0.0.1, 0.0.0.0 or an address of this machine with --host") from None
    found.sort(key=lambda info: info[0] != socket.AF_INET)  # boards speak IPv4
    return found[0][0], found[0][4]


def _why_not_bound(error: OSError, host: str, port: int, option: str = "--port") -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use by another program: end that one, or choose another port with {option}"
        case errno.EACCES:
            return f"port {port} is reserved for the system: choose one from 1024 up with {option}"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine: use 127.0.0.1, 0.0.0.0 or one that it has with --host"
    return f"cannot listen on {host} port {port}: {error.strerror}; choose others with --host and {option}"


def _addresses(scheme: str, listener: socket.socket) -> Addresses:
    host, port = listener.getsockname()[:2]
    url = _url(scheme, _EVERYWHERE.get(host, host), port)
    address = _announced_address(host)
    lan = address() if address else None
    if lan is None:
        return Addresses(url)
    return Addresses(url, _url(scheme, lan, port), _url(scheme, f"{machine.label()}.local", port))


def _announced_address(host: str) -> Callable[[], str | None] | None:
    """What tells at which address others reach an endpoint that listens on `host`; None when they cannot, or it is no IPv4 address."""
    if host in _EVERYWHERE:
        return machine.lan_address
    if ":" in host or host.startswith("127."):
        return None
    return lambda: host


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _name_of(host: str) -> str | None:
    """What clients call an address that is listened on."""
    return None if host in _EVERYWHERE else host


@contextlib.contextmanager
def _signals_call(stop: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM call `stop`, where a loop may handle signals: in the main thread, and not on Windows."""
    loop = asyncio.get_running_loop()
    handled = []
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, stop)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def _allow_open_files(wanted: int) -> None:
    """Raise the limit of open files, often 1024, as far as the system lets us."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return cast(Callable[[], asyncio.AbstractEventLoop], uvloop.new_event_loop)
