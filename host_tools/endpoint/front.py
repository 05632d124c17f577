"""The protocol in front of every connection: it serves streams itself and hands every other request to ASGI.

Real streams break the rules that a strict HTTP parser insists on, so `POST /` never reaches one. Each request on a connection is
routed on its own: a stream may follow a page and a page a stream, also within one segment.
"""

import asyncio
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .attempts import network_of
from .body import body_of
from .browsers import Names, foreign
from .errors import Refusal, reason_phrase
from .head import Head, end_of_head, parse_head, skip_blank_lines
from .lines import MAX_LINE, Lines
from .proxies import UNTRUSTED, Peer, Proxies

logger = logging.getLogger(__name__)

_GATHER_S = 0.06
_GATHER_BYTES = 1024  # of one connection: more is an agent's batch, and it writes the next one meanwhile
_TLS_HANDSHAKE = 0x16  # the first byte of a TLS record that opens a connection (RFC 8446 section 5.1)


class Session(Protocol):
    """One stream request, as the rules of streams see it. Exactly one of finish() and abort() is called, once."""

    on_drained: Callable[[], None] | None
    on_known: Callable[[], None] | None  # called when a line has shown a token that may be used

    @property
    def settled(self) -> int | None:
        """Every record below this number is settled; None when the client did not number them."""

    @property
    def outcome(self) -> str:
        """What an answer of success says."""

    @property
    def silent(self) -> bool:
        """This client never reads an answer: close without one."""

    @property
    def congested(self) -> bool:
        """Too much is uncommitted: stop reading until on_drained is called."""

    def lines(self, block: bytes) -> None:
        """Take whole lines, each ended by a line feed; raises Refusal."""

    def finish(self, done: Callable[[Refusal | None], None]) -> None:
        """Commit all that was taken, then call done(None), or done(why not); `settled` is final then."""

    def abort(self) -> None:
        """The connection is gone; what was taken is still committed."""


class Streams(Protocol):
    """The rules of streams."""

    def open(self, head: Head, evict: Callable[[Refusal | None], None]) -> Session:
        """Admit a stream or raise Refusal. evict(refusal) ends it later with that answer, evict(None) without any."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, and all of them together, may take."""

    streams: int = 20_000  # open stream requests
    heads: int = 4000  # connections that have shown no whole request and no token yet; beyond it one of them has to go
    others: int = 8000  # connections that are no streams: those that wait, pages under way, viewers
    of_address: int = 500  # of those that have shown nothing yet, and as many pages and viewers
    line: int = MAX_LINE  # bytes
    first_line: int = 64 * 1024  # bytes, as long as a stream has shown no token
    idle_s: float = 60.0  # a stream without data ends after this time (Plotly's protocol: a minute)
    head_s: float = 60.0  # from the connection, or the last answer, to a whole request head
    drain_s: float = 2.0  # how long a refused client's input is still read, so that the answer reaches it
    drain_bytes: int = 64 * 1024 * 1024  # of that; as long as a body of known length goes on coming the time begins anew
    drain_most_s: float = 60.0  # and how often
    tick_s: float = 1.0  # how coarse the timer is


class Gate:
    """What all connections share: the streams behind it, the limits, whom to believe, the one timer.

    Without `names` pages are served under any.
    """

    def __init__(
        self,
        streams: Streams,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        proxies: Proxies | None = None,
        names: Names | None = None,
    ) -> None:
        self.streams = streams
        self.limits = limits or Limits()
        self.proxies = proxies or Proxies()
        self.names = names
        self.stopping = False
        self.fronts: set[Front] = set()
        self.waiting: dict[Front, None] = {}  # for a request head; the longest wait comes first
        self.unfinished: dict[
            Front, None
        ] = {}  # requests that are still to come, to show a token, or to be thrown away; as above
        self.viewers: set[Front] = set()
        self.pages: Counter[str] = Counter()  # of an address: requests under way, and viewers
        self.serving: set[StreamRequest] = set()
        self._clock = clock
        self._now = clock() + self.limits.tick_s
        self._gathered: deque[Front] = deque()
        self._timer: asyncio.TimerHandle | None = None  # as long as there is something to work off
        self._worked_off = -math.inf  # loop time

    def connect(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "Front":
        """Make the protocol of a new connection. uvicorn.Config(http=...) takes this and calls it as it calls its own classes."""
        return Front(self, config, server_state, app_state)

    def deadline(self, seconds: float) -> float:
        """A time at which at least `seconds` will have passed, however coarse the timer is."""
        return self._now + seconds

    def gather(self, front: "Front") -> None:
        """Have the front work off its input together with others': at once after a pause, else some 60 ms after the last time.

        A thousand boards that send a line each wake the processor a thousand times, and each time it has forgotten what it did.
        """
        self._gathered.append(front)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._worked_off + _GATHER_S, loop.time()), self.work_off)

    def work_off(self) -> None:
        """Have every line that has come taken now."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self._worked_off = asyncio.get_running_loop().time()
        while self._gathered:
            self._gathered.popleft().work_off()

    def sweep(self) -> None:
        """Deal with every connection whose time is up."""
        self.work_off()
        now = self._clock()
        self._now = now + self.limits.tick_s
        for front in [front for front in self.fronts if front.deadline <= now]:
            front.expire()
        for front in [viewer for viewer in self.viewers if viewer.transport.is_closing()]:
            front.forget_page()
        self.thin_out()

    def make_room(self) -> None:
        """Let go who has shown nothing for the longest, if there are too many of them."""
        if len(self.waiting) + len(self.unfinished) > self.limits.heads:
            next(chain(self.unfinished, self.waiting)).let_go()

    def make_room_for_stream(self) -> None:
        """Let go a stream that has shown no token, if there are too many streams. Raises Refusal(503) when there is none."""
        if len(self.serving) < self.limits.streams:
            return
        unknown = next((front for front in self.unfinished if isinstance(front.request, StreamRequest)), None)
        if unknown is None:
            raise Refusal(503, f"all {self.limits.streams} streams that this endpoint allows are open; try again later")
        unknown.let_go()

    def thin_out(self) -> None:
        """Let go those that have shown nothing of each address that has too many of them, except a proxy that speaks for others.

        Not before some time has passed: a thousand boards behind one address may come at once, and show a token each.
        """
        unknown = [*self.unfinished, *self.waiting]
        if len(unknown) <= self.limits.of_address:
            return
        networks = [network_of(front.peer.address) for front in unknown]
        left = Counter(networks)
        for front, network in zip(unknown, networks, strict=True):
            if left[network] > self.limits.of_address and not self.proxies.trusts(front.peer.address):
                left[network] -= 1
                front.let_go()

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(self.limits.tick_s)
            try:
                self.sweep()
            except Exception:
                logger.exception("a connection could not be ended")


class Front(asyncio.Protocol):
    """One connection: reads a request head, gives the request to the part that serves it, and begins again."""

    __slots__ = (
        "_app_state",
        "_config",
        "_counted",
        "_drain_until",
        "_drained",
        "_eof",
        "_input",
        "_leaving",
        "_page_of",
        "_pumping",
        "_server_state",
        "_unread",
        "address",
        "deadline",
        "gate",
        "peer",
        "request",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, gate: Gate, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self.gate = gate
        self.address = ""  # of the other end
        self.peer = Peer("")  # who asks
        self.deadline = math.inf
        self.request: StreamRequest | AsgiRequest | None = None
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._input = b""  # not yet given to a request
        self._pumping = False
        self._eof = False  # the client sends no more
        self._leaving = False  # the last answer is out; what still comes is thrown away
        self._drained = 0
        self._drain_until = math.inf
        self._counted = False  # the request said how long its body is
        self._page_of: str | None = None  # the address whose page or viewer this is
        self._unread = math.inf  # bytes that the client had not taken at the last deadline, if there were any

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.address = _address_of(transport)
        self.peer = Peer(self.address)
        self.gate.fronts.add(self)
        self._server_state.connections.add(cast(Any, self))
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            self.drain(data)
            return
        gathered = bool(self._input)
        self._input += data
        if self.request is None or not self.request.can_wait(self._input):
            self.work_off()
        elif not gathered:
            self.gate.gather(self)

    def eof_received(self) -> bool:
        self.work_off()
        self._eof = True
        if self.request is None:
            return False  # nothing is owed: the transport closes itself
        self.request.eof()
        return self.transport.get_extra_info("sslcontext") is None  # TLS has no half-closed connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        self.forget_page()
        if self.request is not None:
            if self._input and not self.request.complete:
                self.request.feed(self._input)
            self.request.lost(exc)

    def pause_writing(self) -> None:
        if isinstance(self.request, AsgiRequest):
            self.request.pause_writing()
            self.extend()  # from now on the client must read

    def resume_writing(self) -> None:
        self._unread = math.inf
        if isinstance(self.request, AsgiRequest):
            self.request.resume_writing()
            if self.request.complete:
                self.deadline = math.inf

    # Called by uvicorn and by the timer

    def shutdown(self) -> None:
        """The server stops: end what is open, with an answer where one is owed."""
        self.gate.stopping = True
        self.work_off()
        if self.request is not None:
            self.request.shutdown()
        elif not self._leaving:
            self.transport.close()

    def expire(self) -> None:
        """The deadline has passed."""
        if self._leaving:
            self.transport.abort()
        elif self._still_reads():
            self.extend()
        elif self.request is not None:
            self.request.expire()
        elif self._unread < math.inf:
            self.transport.abort()
        else:
            self._give_up_waiting(Refusal(408, f"no whole request head within {self.gate.limits.head_s:g} seconds"))

    # Called by the requests

    def extend(self) -> None:
        """The client has the whole idle time again, unless it was answered already."""
        self.deadline = min(self._drain_until, self.gate.deadline(self.gate.limits.idle_s))

    def next_request(self) -> None:
        """The request is over and the connection stays open."""
        self._await_head()
        self.transport.resume_reading()
        self._pump()

    def answer(self, status: int, message: str, settled: int | None = None, keep_alive: bool = False) -> None:
        """Send the answer to a stream request; without keep-alive the connection closes behind it."""
        keep_alive = keep_alive and not self.gate.stopping
        self.transport.write(_answer(status, message, settled, keep_alive, self.peer.untrusted))
        if keep_alive:
            self.next_request()
        else:
            self.leave()

    def leave(self) -> None:
        """Close so that the answer is not lost: a socket closed with unread input sends a reset, which overtakes it."""
        self.request = None
        self._leaving = True
        self._input = b""
        if self._eof or not self.transport.can_write_eof():  # closing TLS waits for the client's goodbye, and so loses nothing
            self.transport.close()
            return
        self.transport.write_eof()
        self.transport.resume_reading()
        self._has_shown_nothing()
        self._drain_until = self.gate.deadline(self.gate.limits.drain_most_s)
        self.deadline = self.gate.deadline(self.gate.limits.drain_s)

    def drain_request(self) -> None:
        """The answer is out before the request was: throw the rest away, for a while."""
        if self._drain_until == math.inf:
            self._drain_until = self.gate.deadline(self.gate.limits.drain_most_s)
        self.extend()

    def throw_away(self, seconds: float) -> None:
        """Answer nothing; throw away what still comes, for that long."""
        self.request = None
        self._leaving = True
        self._input = b""
        self.deadline = self.gate.deadline(seconds)

    def handed_over(self) -> None:
        """Another protocol, a WebSocket's, has taken the transport."""
        self._forget()
        self.gate.viewers.add(self)
        self.request = None
        self._leaving = True

    def shown(self) -> None:
        """It has shown what it wants and may: it is let go for nobody else."""
        self.gate.waiting.pop(self, None)
        self.gate.unfinished.pop(self, None)

    def count_page(self) -> None:
        """The whole request for it has come."""
        if self._page_of is None:
            self._page_of = network_of(self.peer.address)
            self.gate.pages[self._page_of] += 1

    def forget_page(self) -> None:
        """The page is sent, the viewer gone."""
        self.gate.viewers.discard(self)
        if self._page_of is not None:
            self.gate.pages[self._page_of] -= 1
            if not self.gate.pages[self._page_of]:
                del self.gate.pages[self._page_of]
            self._page_of = None

    def let_go(self) -> None:
        """Others need the place more."""
        refusal = Refusal(503, "too many connections wait here without a request or a token; try again later")
        self.shown()
        if isinstance(self.request, StreamRequest):
            self.request.evict(refusal)
        elif self.request is not None or not self._input:
            self.transport.abort()
        else:
            self.transport.write(_answer(refusal.status, refusal.message, None, False, self.peer.untrusted))
            self.transport.close()

    # Its own

    def _still_reads(self) -> bool:
        """Whether the client has taken some of an answer since the last deadline. It may be slow, but must not stop."""
        before, unread = self._unread, self.transport.get_write_buffer_size()
        self._unread = unread or math.inf
        return 0 < unread < before

    def _forget(self) -> None:
        self.gate.fronts.discard(self)
        self.shown()
        self._server_state.connections.discard(cast(Any, self))

    def _await_head(self) -> None:
        self.request = None
        self.forget_page()
        self.peer = Peer(self.address)
        self._drained, self._drain_until = 0, math.inf
        self.deadline = self.gate.deadline(self.gate.limits.head_s)
        self.gate.waiting[self] = None
        self.gate.make_room()

    def _has_shown_nothing(self) -> None:
        """Its request is still to come, or what it still sends is thrown away: it has to go before others."""
        self.gate.waiting.pop(self, None)
        self.gate.unfinished[self] = None
        self.gate.make_room()

    def _give_up_waiting(self, refusal: Refusal) -> None:
        self.shown()
        if self._input:
            self.answer(refusal.status, refusal.message)
        else:
            self.transport.close()

    def drain(self, data: bytes) -> None:
        """Throw away what the client sends behind its answer, within limits."""
        self._drained += len(data)
        if self._drained > self.gate.limits.drain_bytes:
            self.transport.close()
        elif self._leaving and self._counted:
            self.deadline = min(self._drain_until, self.gate.deadline(self.gate.limits.drain_s))

    def work_off(self) -> None:
        """Make use of what has come."""
        if self.request is not None and not self.request.complete:
            self.extend()
        self._pump()

    def _pump(self) -> None:
        """A loop, because a segment may hold any number of small requests."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._input and not self._over() and self._step():
                pass
        except Exception as error:
            refusal = _as_refusal(error)
            self.answer(refusal.status, refusal.message)
        finally:
            self._pumping = False
        if self._eof and self.request is None and not self._over():
            self.transport.close()

    def _over(self) -> bool:
        return self._leaving or self.transport.is_closing()

    def _step(self) -> bool:
        """Make use of the input; False when more must come, or an answer must be out, first."""
        if self.request is None:
            return self._begin_request()
        if self.request.complete:
            self.transport.pause_reading()
            return False
        data, self._input = self._input, b""
        self._input = self.request.feed(data)
        return True

    def _begin_request(self) -> bool:
        self._input = skip_blank_lines(self._input)
        end = end_of_head(self._input)
        if end < 0:
            if self._input and self._input[0] == _TLS_HANDSHAKE:
                raise Refusal(400, "this port speaks plain HTTP: use http://, not https://")
            return False
        raw, self._input = self._input[:end], self._input[end:]
        self.gate.waiting.pop(self, None)
        self.extend()
        head = parse_head(raw)
        self._counted = head.content_length is not None and not head.chunked
        self.route(head, raw)
        if self.request is not None and not self.request.shown:
            self._has_shown_nothing()
        return True

    def route(self, head: Head, raw: bytes) -> None:
        """Give the request to the part that serves it."""
        self.peer = self.gate.proxies.peer(self.address, head.headers)
        reads = head.method in ("GET", "HEAD")
        if not reads and foreign(head.headers):
            raise Refusal(403, "a page of another site asks this: only this endpoint's own pages, and programs, may")
        if head.path != "/" or reads:
            self._begin_other(head, raw)
        elif head.method != "POST":
            raise Refusal(405, "POST sends a stream here, GET and HEAD read the list of plots; nothing else is allowed")
        else:
            self._begin_stream(head)

    def _begin_other(self, head: Head, raw: bytes) -> None:
        """Pages, REST, viewers."""
        if len(self._server_state.connections) - len(self.gate.serving) > self.gate.limits.others:
            raise Refusal(503, "too many pages are open at this endpoint; try again later")
        if self.gate.pages[network_of(self.peer.address)] >= self.gate.limits.of_address:
            raise Refusal(503, "too many pages are open at this endpoint from your address; close some")
        if not head.host_is_sound:
            raise Refusal(400, "the header Host is neither a name nor an address, with or without a port")
        strange = self.gate.names.refuse(head, self.peer) if self.gate.names is not None else None
        state = {**self._app_state, "peer": self.peer, "strange_host": strange, "shown": self.shown}
        self.request = AsgiRequest(self, head, self._config, self._server_state, state)
        self.request.begin(raw)

    def _begin_stream(self, head: Head) -> None:
        self.gate.work_off()  # what came before on another connection counts before, also when this stream ends that one
        try:
            self.gate.make_room_for_stream()
            self.request = StreamRequest(self, head)
        except Refusal as refusal:
            # There is no session that knows more: what lies before its first number is settled, as the client itself says.
            self.answer(refusal.status, refusal.message, head.records.first if head.records else None)
        else:
            self.request.begin(head)


class StreamRequest:
    """A `POST /`: its body goes to a session line by line, its answer comes when all of it is committed."""

    __slots__ = ("_body", "_front", "_keep_alive", "_lines", "_refusal", "_session", "complete", "shown")

    def __init__(self, front: Front, head: Head) -> None:
        _check_framing(head)
        self.complete = False  # no more of the body is wanted; only the answer is missing
        self.shown = head.token is not None  # a token that may be used; without one in the head a line must have it
        self._front = front
        self._body = body_of(head)
        self._lines = Lines(front.gate.limits.line if self.shown else front.gate.limits.first_line)
        self._keep_alive = head.keep_alive_asked
        self._refusal: Refusal | None = None
        self._session = front.gate.streams.open(head, self.evict)
        if not self.shown:
            self._session.on_known = self._known

    def begin(self, head: Head) -> None:
        self._front.gate.serving.add(self)
        if head.expect_continue:
            self._front.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._body.done:
            self._end(None)

    def can_wait(self, data: bytes) -> bool:
        """Whether the bytes that have come may be taken a little later: they are few, and nobody waits for an answer to them."""
        return not self.complete and len(data) < _GATHER_BYTES and not self._body.ends_with(data)

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the connection, return those that belong to the next request."""
        try:
            self._take(self._lines.feed(self._body.feed(data)))
            self._end_if_over()
        except Exception as error:
            self._end(_as_refusal(error))
        return self._body.surplus

    def eof(self) -> None:
        """The client sends no more."""
        self._body.end()
        self.feed(b"")

    def expire(self) -> None:
        if self._session.congested:  # it is us who do not read
            self._front.extend()
        else:
            self._end(Refusal(408, f"no data for {self._front.gate.limits.idle_s:g} seconds"))

    def shutdown(self) -> None:
        # Of all refusals, 408 is the one after which Plotly's Python SDKs connect again by themselves.
        self._end(Refusal(408, "the endpoint is stopping; connect again"))

    def lost(self, exc: Exception | None) -> None:
        self._front.gate.serving.discard(self)
        if not self.complete:
            self.complete = True
            self._session.abort()

    def _take(self, block: bytes) -> None:
        if not block or self.complete:
            return
        self._session.lines(block)
        if self._session.congested and not self.complete:
            self._session.on_drained = self._drained
            self._front.transport.pause_reading()

    def _known(self) -> None:
        self.shown = True
        self._lines.limit = self._front.gate.limits.line
        self._front.shown()

    def _drained(self) -> None:
        self._session.on_drained = None
        if self._front.request is self and not self.complete:
            self._front.transport.resume_reading()
            self._front.extend()

    def _end_if_over(self) -> None:
        refusal = self._lines.refusal or self._body.refusal
        if refusal is not None:
            raise refusal
        if self._body.done:
            self._take(self._lines.last())
            self._end(None)

    def _end(self, refusal: Refusal | None) -> None:
        """Ask for the commit that the answer waits for."""
        if self.complete:
            return
        self.complete = True
        self._refusal = refusal
        self._front.deadline = math.inf
        try:
            self._session.finish(self._committed)
        except Exception as error:
            self._committed(_as_refusal(error))

    def _committed(self, failure: Refusal | None) -> None:
        """Answer. A failed commit outweighs the refusal of a line: its number must not be taken for that line's."""
        front = self._front
        front.gate.serving.discard(self)
        if front.request is not self or front.transport.is_closing():
            return
        refusal = failure or self._refusal
        if self._session.silent:
            front.leave()
        elif refusal is not None:
            front.answer(refusal.status, refusal.message, self._session.settled)
        else:
            front.answer(200, self._session.outcome, self._session.settled, self._keep_alive)

    def evict(self, refusal: Refusal | None) -> None:
        """End the stream now: with that answer, or without any."""
        if self._front.request is not self:
            return
        if refusal is not None:
            self._end(refusal)
            return
        self._front.transport.abort()
        self.lost(None)


class _Answering:
    """The transport as uvicorn writes an answer to it: closed behind a request that still comes, the answer would be lost."""

    def __init__(self, request: "AsgiRequest", front: Front) -> None:
        self._request = request
        self._front = front
        self.write = front.transport.write
        self.is_closing = front.transport.is_closing

    def close(self) -> None:
        if self._request.complete:
            self._front.transport.close()
        else:
            self._front.leave()


class AsgiRequest(HttpToolsProtocol):
    """uvicorn's own protocol, for one request: the front gives it the bytes of that request and no others."""

    def __init__(
        self, front: Front, head: Head, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._front = front
        self._body = body_of(head)  # only to find the request's end
        self._parsed = False  # uvicorn's parser has found the request's end, too
        self._responded = False

    @property
    def complete(self) -> bool:
        """The whole request has come; only the answer is missing."""
        return self._body.done

    @property
    def shown(self) -> bool:
        return self.complete

    def begin(self, raw_head: bytes) -> None:
        self.connection_made(self._front.transport)
        self.connections.discard(self)  # the front is registered in its place
        self.data_received(raw_head)
        self._go_on()

    def can_wait(self, _data: bytes) -> bool:
        """Pages are served at once."""
        return False

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the connection, return those that belong to the next request."""
        self._body.feed(data)
        if self._responded:
            self._front.drain(data)
        surplus = self._body.surplus
        self.data_received(data[: len(data) - len(surplus)])
        self._go_on()
        return surplus

    def eof(self) -> None:
        """The client sends no more."""
        if not self.complete:
            self.transport.close()

    def expire(self) -> None:
        self.transport.abort()

    def lost(self, exc: Exception | None) -> None:
        self.connection_lost(exc)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.cycle is not None:  # no WebSocket
            self.cycle.transport = cast(asyncio.Transport, _Answering(self, self._front))

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._parsed = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()  # the front's timer watches the connection between requests
        self._responded = True
        self._go_on()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self._front.handed_over()

    def _go_on(self) -> None:
        if self.complete and not self._parsed:  # the two disagree: it would wait for ever
            self.transport.abort()
        if self.complete:
            self._front.deadline = math.inf
            self._front.shown()
            self._front.count_page()
        elif self._responded and self._front.request is self:
            self._front.drain_request()
        if self.complete and self._responded and not self.transport.is_closing():
            self._front.next_request()


def _address_of(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""


def _check_framing(head: Head) -> None:
    """Raises Refusal(411, 415) where no body can follow (RFC 9112 section 6.3), or none that is text."""
    if head.content_length is None and not head.chunked and head.version != "1.0":
        raise Refusal(
            411,
            "the request has no body: send its lines with Content-Length or with Transfer-Encoding: chunked"
            " (curl does that with --data-binary @FILE, and with -T- while they come)",
        )
    encodings = head.headers.words("content-encoding") - {"", "identity"}
    if encodings:
        raise Refusal(415, f"the lines must come as plain text, not with Content-Encoding: {min(encodings)[:20]}")


def _as_refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    logger.error("a stream request failed", exc_info=error)
    return Refusal(500, "the endpoint failed; its log says why")


def _answer(status: int, message: str, settled: int | None, keep_alive: bool, untrusted: bool) -> bytes:
    text = f"{message}\n".encode()
    head = [
        f"HTTP/1.1 {status} {reason_phrase(status)}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(text)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    if settled is not None:
        head += [f"plotpost-next: {settled}", f"plotpost-time: {time.time_ns() // 1_000_000}"]
    if untrusted:
        head.append(f"{UNTRUSTED}: not trusted")  # for `plotpost doctor`
    if status == 405:
        head.append("Allow: GET, HEAD, POST")
    return "\r\n".join([*head, "", ""]).encode("ascii") + text
