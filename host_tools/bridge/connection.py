"""The one connection to the endpoint: bytes both ways, and why it could not be had."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CONNECT_S = 8.0  # the board gives up after 10
_READ_BYTES = 1024


@dataclass(frozen=True)
class Address:
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True)
class Refusal:
    """Why there is no connection. `number` is Linux's errno whatever this system is, 0 for a certificate that is not trusted."""

    number: int
    reason: str


def trusting(authority: Path | None) -> ssl.SSLContext:
    """Trusts this certificate alone (PEM or DER), or this machine's store. Raises ValueError."""
    if authority is None:
        return ssl.create_default_context()
    try:
        content = authority.read_bytes()
        if not content.strip():
            raise ssl.SSLError  # which ssl itself does not: without data it trusts whom this machine trusts
        return ssl.create_default_context(cadata=content if content[:1] == b"\x30" else content.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError):
        raise ValueError(f"{authority} is no certificate, neither PEM nor DER") from None
    except OSError as error:
        raise ValueError(f"{authority}: {error.strerror}") from None


class Connection:
    """To `address`, from the moment it is made until `close`.

    `opened()`, or `refused(Refusal)`; then `received(data)` and at the end `ended()`; `taken(n)` when so many bytes of `write` have
    found room on this side. It reads no more than `room()` allows; call `resume` when that has grown.
    """

    def __init__(
        self,
        address: Address,
        trusted: ssl.SSLContext,
        *,
        opened: Callable[[], None],
        refused: Callable[[Refusal], None],
        received: Callable[[bytes], None],
        ended: Callable[[], None],
        taken: Callable[[int], None],
        room: Callable[[], int],
    ) -> None:
        self._address = address
        self._trusted = trusted
        self._opened, self._refused, self._received, self._ended = opened, refused, received, ended
        self._taken, self._room = taken, room
        self.untaken = 0  # bytes of `write` that have found no room yet
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()  # never more than the window of the board
        self._roomy = asyncio.Event()
        self._work = asyncio.create_task(self._run())

    def write(self, data: bytes) -> None:
        self.untaken += len(data)
        self._outgoing.put_nowait(data)

    def resume(self) -> None:
        self._roomy.set()

    async def close(self) -> None:
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)

    async def _run(self) -> None:
        try:
            reader, writer = await asyncio.wait_for(self._connect(), _CONNECT_S)
        except (OSError, UnicodeError) as error:
            self._refused(_refusal(self._address, error))
            return
        self._opened()
        sending = asyncio.create_task(self._send(writer))
        try:
            await self._receive(reader)
        except OSError:
            pass
        finally:
            sending.cancel()
            writer.close()
        self._ended()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = self._address
        trusted = self._trusted if address.scheme == "https" else None
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=trusted, limit=_READ_BYTES)
        writer.transport.set_write_buffer_limits(high=1, low=0)  # `drain` waits until the system has taken it
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return reader, writer

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while True:
            while not self._room():
                self._roomy.clear()
                await self._roomy.wait()
            data = await reader.read(self._room())
            if not data:
                return
            self._received(data)

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                data = await self._outgoing.get()
                writer.write(data)
                await writer.drain()
                self.untaken -= len(data)
                self._taken(len(data))
        except OSError:
            pass  # the reader sees it too


def _refusal(address: Address, error: Exception) -> Refusal:
    match error:
        case ssl.SSLCertVerificationError():
            return Refusal(0, error.verify_message)
        case ssl.SSLError():
            return Refusal(errno.EIO, f"{address} does not speak TLS, or no version of it that this machine does")
        case TimeoutError():
            return Refusal(110, f"{address} does not answer")
        case ConnectionRefusedError():
            return Refusal(111, f"{address} refuses connections: is the endpoint running there?")
        case socket.gaierror() | UnicodeError():
            return Refusal(113, f"no host is known as {address.host}")
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
            return Refusal(113, f"there is no way to {address}")
    return Refusal(errno.EIO, f"{address} cannot be reached: {error}")
