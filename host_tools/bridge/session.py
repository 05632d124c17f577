"""What the bridge and the board say to each other, frame by frame; docs/bridge.md is the description."""

import asyncio
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from plotpost import url

from host_tools.bridge.connection import Address, Connection, Refusal
from host_tools.console import printable
from host_tools.frames import VERSION, Decoder, Frame, Kind, digits, number
from host_tools.monitor import Sorter
from host_tools.simulate import LogLine

_WINDOW = 2048  # of the board's bytes, on their way to the endpoint
_SILENT_S = 5.0
_HELLOS = 10  # without an answer
_ASKING = "bridge"  # the module of the agent whose lines in the log say that it wants one
_FRAME_LOST = "a frame was lost on the cable"
_REASON_BYTES = 100  # with its numbers it fits the board's window


@dataclass
class Counts:
    """`sent` and `received` are bytes of the board's connections. `broken`: frames that were not whole; `missed`: lines of its log."""

    sessions: int = 0
    connections: int = 0
    refused: int = 0
    sent: int = 0
    received: int = 0
    broken: int = 0
    missed: int = 0


class Wire(Protocol):
    def write(self, data: bytes) -> None: ...


@dataclass
class Served:
    """Whom the bridge serves. `endpoint` None: where the board wants to."""

    port: str
    endpoint: Address | None
    on_line: Callable[[LogLine], None]
    say: Callable[[str], None]
    counts: Counts


class Session:
    """At one end of `wire`, for as long as the cable is plugged in. Call `tick` every second."""

    def __init__(self, wire: Wire, served: Served, trusted: ssl.SSLContext) -> None:
        self.up = False
        self._wire = wire
        self._served = served
        self._trusted = trusted
        self._decoder = Decoder()
        self._sorter = Sorter()
        self._first = True  # the port may have been opened in the middle of a line
        self._nonce = digits(secrets.randbits(12), 2)
        self._unanswered = 0  # hellos
        self._next = 0
        self._expected = 0
        self._heard = 0.0
        self._pinged = False
        self._window = 0  # how many bytes the board still takes
        self._connection: Connection | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._told = ""

    def tick(self) -> None:
        if not self.up:
            self._call()
        elif time.monotonic() - self._heard > _SILENT_S:
            self._end("the board does not answer any more")
        elif not self._pinged:
            self._pinged = True
            self._send(Kind.PING)

    async def close(self) -> None:
        if self.up:
            self._send(Kind.BYE, b"plotpost bridge has ended")
        self._hang_up()
        await asyncio.gather(*self._closing)

    def take(self, data: bytes) -> None:
        """What came from the board."""
        for part in self._decoder.feed(data):
            if isinstance(part, Frame):
                self._take_frame(part)
            else:
                self._show(part)
            self._first = False
        self._served.counts.broken += self._decoder.broken
        self._decoder.broken = 0

    def _show(self, text: bytes) -> None:
        line = self._sorter.sort(printable(text))
        if line.module == _ASKING and line.uptime is not None:
            self._unanswered = 0
        if line.message and (line.uptime is not None or not self._first):
            self._served.on_line(line)

    def _take_frame(self, frame: Frame) -> None:
        if frame.kind is Kind.HELLO:
            self._greeted(frame.payload)
        elif frame.kind is Kind.LOG:
            self._log(frame)
        if not self.up or frame.kind is Kind.HELLO:
            return
        if frame.kind is Kind.BYE:
            self._end(printable(frame.payload))
        elif frame.number != self._expected:
            self._send(Kind.BYE, _FRAME_LOST.encode())
            self._end(_FRAME_LOST)
        else:
            self._expected = (self._expected + 1) % 64
            self._heard = time.monotonic()
            self._obey(frame)

    def _log(self, frame: Frame) -> None:
        if missed := number(frame.payload[:1]):
            self._served.counts.missed += missed
            self._served.say(f"{missed} lines of the log were lost: nobody took them")
        self._served.on_line(LogLine.parse(printable(frame.payload[1:])))

    def _obey(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.PING:
                self._pinged = False
            case Kind.OPEN:
                self._open(frame)
            case Kind.CLOSE:
                self._hang_up()
            case Kind.CREDIT:
                self._window += number(frame.payload)
                if self._connection is not None:
                    self._connection.resume()
            case Kind.DATA if self._connection is not None:
                self._served.counts.sent += len(frame.payload)
                self._connection.write(frame.payload)
            case Kind.DATA | Kind.LOG:
                self._grant(len(frame.payload))

    def _call(self) -> None:
        """A board that answers nothing is left in peace: what it does not read fills its buffer, and Ctrl-C behind that is not heard."""
        self._unanswered += 1
        if self._unanswered <= _HELLOS:
            self._hello()
        elif self._unanswered == _HELLOS + 1:
            self._tell(
                f"{self._served.port} does not ask for a bridge: does its agent run, and does its config.json leave out wifi? "
                "The log tells, or `plotpost doctor` does"
            )

    def _hello(self) -> None:
        self._wire.write(Frame(Kind.HELLO, 0, digits(VERSION, 1) + self._nonce + digits(_WINDOW, 2)).encode())

    def _greeted(self, payload: bytes) -> None:
        version = number(payload[:1])
        if version != VERSION:
            self._unanswered = _HELLOS + 1
            self._tell(
                f"the firmware at {self._served.port} speaks version {version} of the tunnel, this is version {VERSION}: "
                "bring it up to date with `plotpost deploy`"
            )
        elif payload[1:3] == self._nonce and not self.up:
            self.up = True
            self._next = self._expected = 0
            self._heard = time.monotonic()
            self._pinged = False
            self._window = number(payload[3:5])
            self._served.counts.sessions += 1

    def _end(self, why: str) -> None:
        """The session, not the cable: another hello begins the next."""
        self.up = False
        self._nonce = digits(secrets.randbits(12), 2)
        self._hang_up()
        self._tell(f"{self._served.port}: {why}")
        self._unanswered = 0
        self._call()

    def _open(self, frame: Frame) -> None:
        self._hang_up()
        try:
            address = self._served.endpoint or Address(*url.parse(frame.payload.decode("ascii", "replace"))[:3])
        except ValueError as error:
            self._refuse(frame.number, Refusal(113, str(error)))
            return
        self._connection = Connection(
            address,
            self._trusted,
            opened=lambda: self._opened(frame.number, address),
            refused=lambda refusal: self._refuse(frame.number, refusal),
            received=self._received,
            ended=self._ended,
            taken=self._grant,
            room=lambda: self._window,
        )

    def _opened(self, opening: int, address: Address) -> None:
        self._served.counts.connections += 1
        self._tell(f"{self._served.port} streams to {address}")
        self._send(Kind.OPENED, digits(opening, 1))

    def _refuse(self, opening: int, refusal: Refusal) -> None:
        self._served.counts.refused += 1
        self._let_go()
        self._tell(refusal.reason)
        reason = refusal.reason.encode("ascii", "replace")[:_REASON_BYTES]
        self._send(Kind.REFUSED, digits(opening, 1) + digits(refusal.number, 2) + reason)

    def _received(self, data: bytes) -> None:
        self._served.counts.received += len(data)
        self._window -= len(data)
        self._send(Kind.DATA, data)

    def _ended(self) -> None:
        self._let_go()
        self._send(Kind.CLOSE)

    def _grant(self, count: int) -> None:
        self._send(Kind.CREDIT, digits(count, 2))

    def _hang_up(self) -> None:
        if connection := self._let_go():
            closing = asyncio.create_task(connection.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _let_go(self) -> Connection | None:
        """What the connection has not sent, it never will: there is room for as much again."""
        connection, self._connection = self._connection, None
        if self.up and connection is not None and connection.untaken:
            self._grant(connection.untaken)
        return connection

    def _send(self, kind: Kind, payload: bytes = b"") -> None:
        self._wire.write(Frame(kind, self._next, payload).encode())
        self._next = (self._next + 1) % 64

    def _tell(self, text: str) -> None:
        """Once, not at each attempt."""
        if text != self._told:
            self._told = text
            self._served.say(text)
