"""The front serves streams as real clients need, hands every other request to ASGI, and never loses an answer."""

import asyncio
import inspect
import math
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState
from websockets.asyncio.client import connect as connect_websocket

from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.front import Front, Gate, Limits
from host_tools.endpoint.head import Head
from tests.endpoint.core import PATIENCE_S

LINE = b'{"x":1,"y":2}\n'
HEAD = b"POST / HTTP/1.1\r\nplotly-streamtoken: abcdefghij\r\nTransfer-Encoding: chunked\r\n"
KEEP = HEAD + b"Connection: keep-alive\r\nplotpost-records: 0123456789abcdef/7\r\n\r\n"
START = HEAD + b"\r\n"
END = b"0\r\n\r\n"
LARGE = 32 << 20  # more than any kernel takes off an application's hands
GET = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

pytestmark = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, cast(Any, uvloop.new_event_loop)], ids=["asyncio", "uvloop"]
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class RecordingSession:
    """Keeps what it is given; refuses lines that begin with "bad"; commits at once, or when the test says so."""

    def __init__(self, streams: "RecordingStreams", head: Head, evict: Callable[[Refusal | None], None]) -> None:
        self.streams = streams
        self.head = head
        self.evict = evict
        self.settled = head.records.first if head.records else None
        self.silent = streams.silent
        self.outcome = "all of it is stored"
        self.congested = False
        self.on_drained: Callable[[], None] | None = None
        self.on_known: Callable[[], None] | None = None
        self.received = b""
        self.done: Callable[[Refusal | None], None] | None = None
        self.aborted = False

    def lines(self, block: bytes) -> None:
        assert block.endswith(b"\n")
        assert self.done is None
        assert not self.aborted
        for line in block.splitlines(keepends=True):
            if line.startswith(b"bad"):
                raise Refusal(422, "this line is not JSON")
            if line.startswith(b"bug"):
                raise ZeroDivisionError("a defect")
            self.received += line
            if self.settled is not None and line != b"\n":
                self.settled += 1
        self.congested = self.streams.congested

    def finish(self, done: Callable[[Refusal | None], None]) -> None:
        assert self.done is None
        assert not self.aborted
        self.done = done
        if self.streams.commit == "at once":
            done(None)
        elif self.streams.commit == "soon":
            asyncio.get_running_loop().call_later(0.001, done, None)

    def abort(self) -> None:
        assert self.done is None
        assert not self.aborted
        self.aborted = True


class RecordingStreams:
    def __init__(self) -> None:
        self.sessions: list[RecordingSession] = []
        self.refusal: Exception | None = None
        self.commit = "soon"
        self.silent = False
        self.congested = False

    def open(self, head: Head, evict: Callable[[Refusal | None], None]) -> RecordingSession:
        if self.refusal:
            raise self.refusal
        self.sessions.append(RecordingSession(self, head, evict))
        return self.sessions[-1]


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Answers what it was asked; echoes over a WebSocket; /slow waits for the test; /early answers before the body has come."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    body, more = b"", scope["path"] != "/early"
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/slow":
        await scope["state"]["go"].wait()
    if scope["path"] == "/large":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % LARGE)]})
        await send({"type": "http.response.body", "body": bytes(LARGE)})
        return
    text = b"%s %s %d" % (scope["method"].encode(), scope["path"].encode(), len(body))
    headers = [(b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


class Client:
    """A client that sends bytes and reads answers; no HTTP library in between."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_for_ever(self) -> None:
        while True:
            await self.send(b"x" * 10_000)

    async def answer(self) -> tuple[int, dict[str, str], str]:
        """The next answer: status, headers, text."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        status_line, *lines = raw.decode().strip().split("\r\n")
        assert status_line.startswith("HTTP/1.1 ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        text = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(status_line.split()[1]), headers, text.decode()

    async def status(self) -> int:
        return (await self.answer())[0]

    async def rest(self) -> bytes:
        """All that comes until the endpoint closes."""
        return await self.reader.read()

    def reset(self) -> None:
        """Break the connection: the other side gets a RST, not an end (SO_LINGER with 0 seconds, socket(7))."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Harness:
    """An endpoint on a real port with a recorder behind it, and a clock that only the test moves."""

    def __init__(self, limits: Limits) -> None:
        self.time = 1000.0
        self.streams = RecordingStreams()
        self.gate = Gate(self.streams, limits, clock=lambda: self.time)
        self.go = asyncio.Event()
        config = uvicorn.Config(
            cast(Any, app), http=cast(Any, self._accept), lifespan="off", log_config=None, timeout_graceful_shutdown=PATIENCE_S
        )
        self.server = uvicorn.Server(config)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self._clients: list[Client] = []
        self._accepted = 0

    def _accept(self, **arguments: Any) -> Front:
        self._accepted += 1
        return self.gate.connect(**arguments)

    async def start(self) -> None:
        self.server.config.load()
        self.server.lifespan = self.server.config.lifespan_class(self.server.config)
        self.server.lifespan.state["go"] = self.go
        await self.server.startup(sockets=[self.listener])

    async def stop(self) -> None:
        for client in self._clients:
            client.writer.transport.abort()
        await self.server.shutdown(sockets=[self.listener])
        assert not self.gate.fronts
        assert not self.gate.waiting
        assert not self.gate.serving

    async def connect(self) -> Client:
        before = self._accepted
        self._clients.append(Client(*await asyncio.open_connection(*self.address)))
        await until(lambda: self._accepted > before)
        return self._clients[-1]

    async def session(self, number: int = 0) -> RecordingSession:
        """The session of the nth stream request, as soon as there is one."""
        await until(lambda: len(self.streams.sessions) > number)
        return self.streams.sessions[number]

    async def received(self, data: bytes, number: int = 0) -> RecordingSession:
        session = await self.session(number)
        await until(lambda: session.received == data)
        return session

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        self.gate.sweep()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens on the other side of a socket; the scenario's own limit ends a vain wait."""
    while not condition():
        await asyncio.sleep(0.001)


@asynccontextmanager
async def harness(limits: Limits) -> AsyncIterator[Harness]:
    endpoint = Harness(limits)
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.stop()


def scenario(limits: Limits | None = None) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """Turn `async def test(endpoint, ...)` into a test that runs on either event loop."""

    def decorate(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        async def play(arguments: dict[str, Any]) -> None:
            async with asyncio.timeout(PATIENCE_S), harness(limits or Limits(tick_s=0)) as endpoint:
                await test(endpoint, **arguments)

        def run(loop_factory: Callable[[], asyncio.AbstractEventLoop], **arguments: Any) -> None:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(play(arguments))

        own = list(inspect.signature(test).parameters.values())[1:]
        first = inspect.Parameter("loop_factory", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        run.__signature__ = inspect.Signature([first, *own])  # type: ignore[attr-defined]
        run.__module__ = __name__
        if hasattr(test, "pytestmark"):
            run.pytestmark = test.pytestmark  # type: ignore[attr-defined]
        return run

    return decorate


# A stream and its answer


@scenario()
async def test_a_stream_is_answered_when_it_ends_and_the_connection_closes(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(START + chunk(LINE) + chunk(b"\n"))
    session = await endpoint.received(LINE + b"\n")
    assert session.done is None
    await client.send(chunk(LINE[:-1]) + END)
    status, headers, text = await client.answer()
    assert (status, headers["connection"], text.count("\n")) == (200, "close", 1)
    assert headers["content-type"].startswith("text/plain")
    assert "plotpost-next" not in headers
    assert await client.rest() == b""
    assert session.received == LINE + b"\n" + LINE
    assert session.head.token == "abcdefghij"


@scenario()
async def test_the_answer_waits_for_the_commit(endpoint: Harness) -> None:
    endpoint.streams.commit = "never"
    client = await endpoint.connect()
    await client.send(START + chunk(LINE) + END)
    session = await endpoint.session()
    await until(lambda: session.done is not None)
    endpoint.pass_time(1000)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), 0.02)
    assert session.done is not None
    session.done(None)
    assert await client.status() == 200


@scenario()
async def test_a_failed_commit_is_told_and_outweighs_a_bad_line(endpoint: Harness) -> None:
    endpoint.streams.commit = "never"
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE + b"bad\n"))
    session = await endpoint.session()
    await until(lambda: session.done is not None)
    session.settled = 7
    assert session.done is not None
    session.done(Refusal(500, "the disk is full"))
    status, headers, text = await client.answer()
    assert (status, headers["plotpost-next"], text) == (500, "7", "the disk is full\n")


@scenario()
async def test_keep_alive_that_was_asked_for_serves_request_after_request(endpoint: Harness) -> None:
    client = await endpoint.connect()
    for number in range(3):
        await client.send(KEEP + chunk(LINE) + END)
        status, headers, _ = await client.answer()
        assert (status, headers["connection"], headers["plotpost-next"]) == (200, "keep-alive", "8")
        assert (await endpoint.session(number)).received == LINE


@scenario()
async def test_a_refused_request_closes_even_when_keep_alive_was_asked_for(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE + b"bad\n" + LINE))
    status, headers, text = await client.answer()
    assert (status, headers["connection"], headers["plotpost-next"], text) == (422, "close", "8", "this line is not JSON\n")
    assert await client.rest() == b""
    assert (await endpoint.session()).received == LINE


@scenario()
async def test_nothing_behind_a_bad_line_is_taken_for_a_request(endpoint: Harness) -> None:
    endpoint.streams.commit = "at once"
    client = await endpoint.connect()
    await client.send(KEEP + chunk(b"bad\n") + END + KEEP + END)
    assert await client.status() == 422
    assert await client.rest() == b""
    assert len(endpoint.streams.sessions) == 1


@scenario()
@pytest.mark.parametrize(
    ("head", "body", "end"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 28\r\n\r\n", LINE + LINE, b""),
        (b"POST / HTTP/1.1\r\nContent-Length: 28\r\n\r\n", LINE + LINE, b"\r\n"),
        (b"POST / HTTP/1.0\r\nContent-Length: 28\r\n\r\n", LINE + LINE, b""),
        (b"\r\nPOST / HTTP/1.1\nTRANSFER-ENCODING:Chunked\n\n", b"d\n" + LINE + b"\nE\n" + LINE + b"\n", b"0\n\n"),
    ],
    ids=["Content-Length", "stray CRLF", "HTTP/1.0", "line feeds"],
)
async def test_other_framings_serve_as_well(endpoint: Harness, head: bytes, body: bytes, end: bytes) -> None:
    client = await endpoint.connect()
    await client.send(head + body + end)
    assert await client.status() == 200
    assert (await endpoint.session()).received == LINE + LINE


@scenario()
async def test_http_1_0_without_a_length_ends_with_the_clients_half_close(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"POST / HTTP/1.0\r\n\r\n" + LINE + LINE[:-1])
    await endpoint.received(LINE)
    client.writer.write_eof()
    assert await client.status() == 200
    assert (await endpoint.session()).received == LINE + LINE


@scenario()
async def test_a_post_without_a_length_is_told_how_and_never_that_it_is_stored(endpoint: Harness) -> None:
    for head in (b"", b"Transfer-Encoding: identity\r\n", b"plotpost-records: 0123456789abcdef/7\r\n"):
        client = await endpoint.connect()
        await client.send(b"POST / HTTP/1.1\r\n" + head + b"\r\n" + LINE)
        status, headers, text = await client.answer()
        assert (status, headers.get("plotpost-next")) == (411, "7" if b"records" in head else None)
        assert "Content-Length" in text
        assert "--data-binary" in text
    assert not endpoint.streams.sessions


@scenario()
async def test_a_body_that_says_it_is_compressed_is_told_to_come_as_text(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(HEAD + b"Content-Encoding: gzip\r\n\r\n")
    status, _, text = await client.answer()
    assert (status, "plain text" in text, "gzip" in text) == (415, True, True)
    client = await endpoint.connect()
    await client.send(HEAD + b"Content-Encoding: identity\r\n\r\n" + END)
    assert await client.status() == 200


@scenario()
async def test_expect_100_continue_is_answered_once_the_stream_is_admitted(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(HEAD + b"Expect: 100-continue\r\n\r\n")
    assert await client.status() == 100
    await client.send(chunk(LINE) + END)
    assert await client.status() == 200


@scenario()
async def test_expect_100_continue_of_a_refused_stream_gets_the_refusal_alone(endpoint: Harness) -> None:
    endpoint.streams.refusal = Refusal(404, "this token is not registered")
    client = await endpoint.connect()
    await client.send(HEAD + b"Expect: 100-continue\r\n\r\n")
    assert await client.status() == 404


# Recorded clients, cut at every position


class MemoryTransport(asyncio.Transport):
    """Only for cutting streams at every byte, which a real socket cannot be made to do. Everything else uses sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


SPLIT_LINES = '{"x":1,"text":"Grüße"}\n{"x":2,"y":null}\n'.encode()
ARDUINO_LINE = b'{"x": 6, "y": 10.00, "streamtoken": "abcdefghij"}\n'
RECORDED = {
    "Python SDK": (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"
        b"Host: stream.plot.ly\r\nplotly-streamtoken: abcdefghij\r\n\r\n" + chunk(LINE) + chunk(b"\n") + b"\r\n0\r\n\r\n",
        LINE + b"\n",
    ),
    "Node": (
        b"POST / HTTP/1.1\r\nplotly-streamtoken: abcdefghij\r\nHost: localhost:8050\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + chunk(SPLIT_LINES[:18]) + chunk(SPLIT_LINES[18:]) + END,
        SPLIT_LINES,
    ),
    "Arduino": (
        b"POST / HTTP/1.1\r\nHost: arduino.plot.ly\r\nUser-Agent: Arduino\r\nTransfer-Encoding: chunked\r\n"
        b'Connection: close\r\nplotly-convertTimestamp: "America/Montreal"\r\n\r\n'
        + b"%X\r\n%s\r\n" % (len(ARDUINO_LINE), ARDUINO_LINE)
        + b"%X\r\n%s\r\n" % (len(ARDUINO_LINE) - 1, ARDUINO_LINE)  # the float was rounded up to one digit more
        + END,
        ARDUINO_LINE * 2,
    ),
    "our agent": (KEEP + chunk(LINE * 3) + chunk(LINE) + END, LINE * 4),
    "curl": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 28\r\nContent-Type: application/json\r\n\r\n" + LINE * 2, LINE * 2),
    "nginx": (b"POST / HTTP/1.0\r\nHost: x\r\nConnection: close\r\nContent-Length: 28\r\n\r\n" + LINE * 2, LINE * 2),
}


class EagerGate(Gate):
    """Gathers nothing: every segment is taken by itself."""

    def gather(self, front: Front) -> None:
        front.work_off()


def connected(gate: Gate) -> tuple[Front, MemoryTransport]:
    front, transport = gate.connect(uvicorn.Config(cast(Any, app)), ServerState(), {}), MemoryTransport()
    front.connection_made(transport)
    return front, transport


def play_to_front(segments: list[bytes]) -> tuple[list[RecordingSession], bytes]:
    """What the sessions received, and what was answered."""
    streams = RecordingStreams()
    streams.commit = "at once"
    front, transport = connected(EagerGate(streams))
    for segment in segments:
        front.data_received(segment)
    return streams.sessions, transport.written


@pytest.mark.parametrize("client", RECORDED)
def test_a_recorded_client_gives_the_same_lines_at_every_split(client: str, loop_factory: object) -> None:
    wire, lines = RECORDED[client]
    splits = [[wire[:cut], wire[cut:]] for cut in range(1, len(wire))]
    for segments in [[wire], [wire[i : i + 1] for i in range(len(wire))], *splits]:
        sessions, answered = play_to_front(segments)
        assert [session.received for session in sessions] == [lines]
        assert answered.startswith(b"HTTP/1.1 200 OK\r\n")


def test_two_requests_give_two_answers_at_every_split(loop_factory: object) -> None:
    wire = KEEP + chunk(LINE) + END + b"\r\n" + KEEP + chunk(LINE + LINE) + END
    for cut in range(1, len(wire)):
        sessions, answered = play_to_front([wire[:cut], wire[cut:]])
        assert [session.received for session in sessions] == [LINE, LINE + LINE]
        assert answered.count(b"HTTP/1.1 200 OK\r\n") == 2


def gathering(test: Callable[[Gate, RecordingStreams], Awaitable[None]]) -> Callable[[LoopFactory], None]:
    """Runs a test in a loop, with a gate that has just worked off what was gathered, and so waits before it does again."""

    async def run() -> None:
        streams = RecordingStreams()
        gate = Gate(streams)
        gate.gather(connected(gate)[0])
        gate.work_off()
        await test(gate, streams)

    def wrapper(loop_factory: LoopFactory) -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(run())

    return wrapper


@gathering
async def test_lines_of_many_boards_are_gathered_and_taken_together(gate: Gate, streams: RecordingStreams) -> None:
    fronts = [connected(gate)[0] for _ in range(3)]
    for front in fronts:
        front.data_received(START)
        front.data_received(chunk(LINE))
        front.data_received(chunk(LINE))
    assert [session.received for session in streams.sessions[:2]] == [LINE * 2, LINE * 2]  # the last to begin has its turn first
    assert streams.sessions[2].received == b""
    async with asyncio.timeout(PATIENCE_S):
        while streams.sessions[2].received != LINE * 2:
            await asyncio.sleep(0.001)


@gathering
async def test_after_a_pause_a_line_is_taken_at_once(gate: Gate, streams: RecordingStreams) -> None:
    gate._worked_off = -math.inf
    front, _ = connected(gate)
    front.data_received(START + chunk(b"\n"))
    front.data_received(chunk(LINE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert streams.sessions[0].received == b"\n" + LINE


@pytest.mark.parametrize("headers", [b"Transfer-Encoding: chunked\r\n", b"Content-Length: 14\r\n"])
def test_nobody_who_waits_for_an_answer_waits_for_other_boards(headers: bytes, loop_factory: LoopFactory) -> None:
    @gathering
    async def test(gate: Gate, streams: RecordingStreams) -> None:
        front, transport = connected(gate)
        front.data_received(b"POST / HTTP/1.1\r\nplotly-streamtoken: abcdefghij\r\n" + headers + b"\r\n")
        streams.commit = "at once"
        wire = LINE if b"Length" in headers else chunk(LINE) + END
        front.data_received(wire[:3])
        assert transport.written == b""
        front.data_received(wire[3:])
        assert transport.written.startswith(b"HTTP/1.1 200 OK\r\n")

    test(loop_factory)


@gathering
async def test_much_input_is_taken_at_once(gate: Gate, streams: RecordingStreams) -> None:
    front, _ = connected(gate)
    front.data_received(START)
    for _ in range(2000):
        front.data_received(chunk(LINE))
    assert len(streams.sessions[0].received) > 1000 * len(LINE)


@pytest.mark.parametrize("end", ["connection_lost", "eof_received", "shutdown", "sweep"])
def test_what_was_gathered_counts_when_a_connection_ends(end: str, loop_factory: LoopFactory) -> None:
    @gathering
    async def test(gate: Gate, streams: RecordingStreams) -> None:
        front, transport = connected(gate)
        front.data_received(START)
        front.data_received(chunk(LINE))
        match end:
            case "connection_lost":
                transport.close()
                front.connection_lost(None)
                assert streams.sessions[0].aborted
            case "eof_received":
                front.eof_received()
            case "shutdown":
                front.shutdown()
            case "sweep":
                gate.sweep()
        assert streams.sessions[0].received == LINE

    test(loop_factory)


def test_thousands_of_requests_in_one_segment_are_all_answered(loop_factory: object) -> None:
    wire = (b"POST / HTTP/1.1\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n\n") * 3000
    sessions, answered = play_to_front([wire])
    assert len(sessions) == 3000
    assert answered.count(b"HTTP/1.1 200 OK\r\n") == 3000


# Refusals reach their client


@scenario()
async def test_a_refused_stream_is_told_the_status_the_reason_and_why(endpoint: Harness) -> None:
    endpoint.streams.refusal = Refusal(449, "the plot has changed")
    client = await endpoint.connect()
    await client.send(START)
    raw = await client.rest()
    assert raw.startswith(b"HTTP/1.1 449 Retry With\r\n")
    assert raw.endswith(b"\r\n\r\nthe plot has changed\n")


@scenario()
async def test_a_stream_that_is_refused_before_it_begins_is_told_that_nothing_of_it_is_settled(endpoint: Harness) -> None:
    endpoint.streams.refusal = Refusal(404, "this token is not registered")
    client = await endpoint.connect()
    await client.send(KEEP)
    status, headers, _ = await client.answer()
    assert (status, headers["plotpost-next"]) == (404, "7")
    assert abs(int(headers["plotpost-time"]) / 1000 - time.time()) < 60


@scenario()
async def test_an_early_answer_is_not_lost_on_a_client_that_still_writes(endpoint: Harness) -> None:
    endpoint.streams.refusal = Refusal(404, "this token is not registered")

    def write_then_read() -> bytes:
        with socket.create_connection(endpoint.address) as client:
            client.sendall(START)
            for _ in range(50):
                client.sendall(chunk(LINE * 200))
            return client.makefile("rb").read()

    answered = await asyncio.to_thread(write_then_read)
    assert answered.startswith(b"HTTP/1.1 404 Not Found\r\n")


@scenario(Limits(tick_s=0, drain_bytes=100_000))
async def test_a_refused_client_that_never_stops_writing_is_cut_off(endpoint: Harness) -> None:
    endpoint.streams.refusal = Refusal(404, "this token is not registered")
    client = await endpoint.connect()
    await client.send(START)
    with pytest.raises(ConnectionError):
        await client.send_for_ever()


@scenario()
async def test_a_refused_client_that_never_closes_is_cut_off_after_a_while(endpoint: Harness) -> None:
    endpoint.streams.refusal = Refusal(404, "this token is not registered")
    client = await endpoint.connect()
    await client.send(START)
    assert await client.status() == 404
    assert await client.rest() == b""
    endpoint.pass_time(1.9)
    await asyncio.sleep(0.01)
    assert endpoint.gate.fronts
    endpoint.pass_time(0.2)
    await until(lambda: not endpoint.gate.fronts)


LATE = b" HTTP/1.1\r\nHost: x\r\nplotly-streamtoken: abcdefghij\r\nContent-Length: 8000000\r\n"


@scenario()
@pytest.mark.parametrize("request_line", [b"POST /", b"POST /early"])
@pytest.mark.parametrize("more", [b"\r\n", b"Connection: close\r\n\r\n"])
async def test_a_refusal_reaches_a_client_that_sends_megabytes_before_it_reads(
    endpoint: Harness, request_line: bytes, more: bytes
) -> None:
    endpoint.streams.refusal = Refusal(403, "this token feeds no plot")

    def write_then_read() -> bytes:
        with socket.create_connection(endpoint.address) as client:
            client.sendall(request_line + LATE + more)
            for _ in range(800):
                client.sendall(bytes(10_000))
            return client.recv(15)

    assert await asyncio.to_thread(write_then_read) == (b"HTTP/1.1 403 Fo" if request_line == b"POST /" else b"HTTP/1.1 200 OK")


@scenario(Limits(tick_s=0, drain_bytes=100_000))
async def test_a_client_that_never_stops_writing_behind_its_answer_is_cut_off(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"POST /early HTTP/1.1\r\nContent-Length: 80000000\r\n\r\n")
    assert await client.status() == 200
    with pytest.raises(ConnectionError):
        await client.send_for_ever()


@scenario()
@pytest.mark.parametrize("more", [b"\r\n", b"Connection: close\r\n\r\n"])
async def test_a_client_that_drips_behind_its_answer_is_cut_off_after_a_minute(endpoint: Harness, more: bytes) -> None:
    client = await endpoint.connect()
    await client.send(b"POST /early HTTP/1.1\r\nContent-Length: 80000000\r\n" + more)
    assert await client.status() == 200
    [front] = endpoint.gate.fronts
    for second in range(60):
        assert endpoint.gate.fronts, second
        drained = front._drained
        await client.send(b"x")
        await until(lambda before=drained: front._drained > before)  # type: ignore[misc]
        endpoint.pass_time(1)
    await until(lambda: not endpoint.gate.fronts)


@scenario()
async def test_a_connection_goes_on_when_the_rest_of_its_request_has_come_behind_the_answer(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"POST /early HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
    assert await client.status() == 200
    await client.send(bytes(100) + b"POST /early HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    assert (await client.answer())[2].endswith("POST /early 0")


@scenario()
async def test_a_malformed_chunk_size_is_shown_to_the_client_after_what_came_before_it(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE) + b"zebra\r\n")
    status, headers, text = await client.answer()
    assert (status, headers["plotpost-next"]) == (400, "8")
    assert "'zebra'" in text


@scenario(Limits(tick_s=0, line=100))
async def test_a_line_that_is_too_long_is_refused_by_its_number(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE + b"x" * 101))
    status, headers, text = await client.answer()
    assert (status, headers["plotpost-next"]) == (422, "8")
    assert "longer than 100 bytes" in text


@scenario()
@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
async def test_another_method_on_the_stream_address_is_told_what_is_allowed(endpoint: Harness, method: str) -> None:
    client = await endpoint.connect()
    await client.send(f"{method} / HTTP/1.1\r\n\r\n".encode())
    status, headers, text = await client.answer()
    assert (status, headers["allow"]) == (405, "GET, HEAD, POST")
    assert "POST" in text


@scenario()
@pytest.mark.parametrize(
    ("sent", "status", "named"),
    [
        (b"hello\r\n\r\n", 400, "hello"),
        (b"POST / HTTP/1.1\r\nplotpost-records: 12/0\r\n\r\n", 400, "plotpost-records"),
        (b"POST / HTTP/1.1\r\nx: " + b"y" * 20_000, 431, "16 KiB"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "http://"),
    ],
    ids=["not HTTP", "records", "too long", "TLS"],
)
async def test_a_bad_head_is_answered_by_name(endpoint: Harness, sent: bytes, status: int, named: str) -> None:
    client = await endpoint.connect()
    await client.send(sent)
    got, headers, text = await client.answer()
    assert (got, headers["connection"]) == (status, "close")
    assert named in text
    assert await client.rest() == b""


@scenario()
@pytest.mark.parametrize("where", ["open", "lines"])
async def test_a_defect_is_logged_and_answered_with_500_and_no_detail(
    endpoint: Harness, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    if where == "open":
        endpoint.streams.refusal = ZeroDivisionError("a defect")
    client = await endpoint.connect()
    await client.send(START + chunk(b"bug\n"))
    status, _, text = await client.answer()
    assert status == 500
    assert "defect" not in text
    assert [record.levelname for record in caplog.records if record.name.startswith("host_tools")] == ["ERROR"]
    caplog.clear()


@scenario()
async def test_a_client_that_reads_no_answer_gets_none(endpoint: Harness) -> None:
    endpoint.streams.silent = True
    for ending in (END, b"zebra\r\n", chunk(b"bad\n")):
        client = await endpoint.connect()
        await client.send(START + chunk(LINE) + ending)
        assert await client.rest() == b""
    assert [session.received for session in endpoint.streams.sessions] == [LINE] * 3


@scenario(Limits(tick_s=0, streams=1))
async def test_streams_beyond_the_limit_are_refused_until_one_ends(endpoint: Harness) -> None:
    first, second, third = [await endpoint.connect() for _ in range(3)]
    await first.send(START)
    await endpoint.session()
    await second.send(START)
    status, _, text = await second.answer()
    assert status == 503
    assert "all 1 streams" in text
    await first.send(END)
    assert await first.status() == 200
    await third.send(START + END)
    assert await third.status() == 200


@scenario(Limits(tick_s=0, streams=1))
async def test_clients_that_are_refused_take_no_slot(endpoint: Harness) -> None:
    endpoint.streams.refusal = Refusal(404, "this token is not registered")
    for _ in range(5):
        refused = await endpoint.connect()
        await refused.send(START)
        assert await refused.status() == 404
    endpoint.streams.refusal = None
    client = await endpoint.connect()
    await client.send(START + END)
    assert await client.status() == 200


@scenario(Limits(tick_s=0, heads=3))
async def test_the_connection_that_waits_longest_without_a_request_makes_room(endpoint: Harness) -> None:
    streaming = await endpoint.connect()
    await streaming.send(START)
    await endpoint.session()
    first, second, *_ = [await endpoint.connect() for _ in range(3)]
    await second.send(b"POST / HT")
    await until(lambda: any(front._input for front in endpoint.gate.fronts))
    await endpoint.connect()
    assert await first.rest() == b""
    await endpoint.connect()
    assert await second.status() == 503
    await streaming.send(END)
    assert await streaming.status() == 200


@scenario(Limits(tick_s=0, others=3))
async def test_pages_beyond_the_limit_are_refused_and_streams_are_not(endpoint: Harness) -> None:
    host, port = endpoint.address
    viewer = await connect_websocket(f"ws://{host}:{port}/live", proxy=None)
    waiting = [await endpoint.connect() for _ in range(2)]
    beyond = await endpoint.connect()
    await beyond.send(GET)
    status, _, text = await beyond.answer()
    assert status == 503
    assert "too many pages" in text
    stream = await endpoint.connect()
    await stream.send(START + END)
    assert await stream.status() == 200
    await viewer.close()
    for client in (beyond, stream):
        client.writer.close()
    await until(lambda: len(endpoint.server.server_state.connections) == len(waiting))
    await waiting[0].send(GET)
    assert await waiting[0].status() == 200


@scenario(Limits(tick_s=0, heads=3, others=6))
async def test_who_drips_behind_a_refusal_makes_room_for_pages(endpoint: Harness) -> None:
    endpoint.streams.refusal = Refusal(404, "this token is not registered")
    for _ in range(8):
        client = await endpoint.connect()
        await client.send(b"POST / HTTP/1.1\r\nplotly-streamtoken: zzzzzzzzzz\r\nContent-Length: 1000000\r\n\r\nx")
        assert await client.status() == 404
    await until(lambda: len(endpoint.gate.fronts) <= 3)
    client = await endpoint.connect()
    await client.send(GET)
    assert await client.status() == 200


PAGE_BODY = b"POST /page HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe"
ANONYMOUS = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@scenario(Limits(tick_s=0, heads=3))
@pytest.mark.parametrize("dripping", [PAGE_BODY, ANONYMOUS])
async def test_who_drips_a_request_makes_room_for_pages_and_streams(endpoint: Harness, dripping: bytes) -> None:
    strangers = [await endpoint.connect() for _ in range(3)]
    for stranger in strangers:
        await stranger.send(dripping)
    await until(lambda: len(endpoint.gate.unfinished) == 3)
    client = await endpoint.connect()
    await client.send(GET + START + END)
    assert [await client.status(), await client.status()] == [200, 200]
    if dripping is ANONYMOUS:
        assert await strangers[0].status() == 503
    assert await strangers[0].rest() == b""


@scenario(Limits(tick_s=0, streams=2))
async def test_streams_that_have_shown_no_token_make_room_for_those_that_have(endpoint: Harness) -> None:
    strangers = [await endpoint.connect() for _ in range(2)]
    for stranger in strangers:
        await stranger.send(ANONYMOUS)
    await endpoint.session(1)
    known = [await endpoint.connect() for _ in range(3)]
    for number, client in enumerate(known[:2]):
        await client.send(START)
        await endpoint.session(2 + number)
    assert [await stranger.status() for stranger in strangers] == [503, 503]
    await known[2].send(START)
    assert await known[2].status() == 503


@scenario(Limits(tick_s=0, of_address=3))
async def test_an_address_that_has_too_many_who_show_nothing_loses_the_oldest_and_no_stream(endpoint: Harness) -> None:
    streams = [await endpoint.connect() for _ in range(5)]
    for number, stream in enumerate(streams):
        await stream.send(START)
        await endpoint.session(number)
    strangers = [await endpoint.connect() for _ in range(5)]
    assert len(endpoint.gate.waiting) == 5
    endpoint.pass_time(0)
    assert [await stranger.rest() for stranger in strangers[:2]] == [b"", b""]
    assert len(endpoint.gate.waiting) == 3
    await strangers[4].send(GET)
    assert await strangers[4].status() == 200
    for stream in streams:
        await stream.send(END)
        assert await stream.status() == 200


@scenario(Limits(tick_s=0, of_address=2))
async def test_an_address_has_so_many_pages_and_viewers_at_once_and_as_many_streams_as_it_likes(endpoint: Harness) -> None:
    host, port = endpoint.address
    viewer = await connect_websocket(f"ws://{host}:{port}/live", proxy=None)
    slow, beyond = await endpoint.connect(), await endpoint.connect()
    await slow.send(GET.replace(b"/page", b"/slow"))
    await until(lambda: endpoint.gate.pages.total() == 2)
    await beyond.send(GET)
    status, _, text = await beyond.answer()
    assert status == 503
    assert "from your address" in text
    stream = await endpoint.connect()
    await stream.send(START + END)
    assert await stream.status() == 200
    await viewer.close()
    await until(lambda: all(front.transport.is_closing() for front in endpoint.gate.viewers))
    endpoint.pass_time(0)
    again = await endpoint.connect()
    await again.send(GET)
    assert await again.status() == 200
    endpoint.go.set()
    assert await slow.status() == 200
    await until(lambda: not endpoint.gate.pages)


@scenario(Limits(tick_s=0, first_line=100))
async def test_a_stream_may_send_long_lines_when_it_has_shown_a_token(endpoint: Harness) -> None:
    client, known = await endpoint.connect(), await endpoint.connect()
    await client.send(ANONYMOUS + chunk(b"x" * 101))
    status, _, text = await client.answer()
    assert (status, "longer than 100 bytes" in text) == (422, True)
    await known.send(ANONYMOUS + chunk(LINE))
    session = await endpoint.received(LINE, 1)
    assert session.on_known is not None
    unknown = len(endpoint.gate.unfinished)
    session.on_known()
    assert len(endpoint.gate.unfinished) == unknown - 1
    await known.send(chunk(b"x" * 101 + b"\n") + END)
    assert await known.status() == 200


# Time


@scenario()
async def test_a_minute_without_data_ends_a_stream_with_408(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE))
    await endpoint.received(LINE)
    endpoint.pass_time(59)
    await client.send(chunk(b"\n"))
    session = await endpoint.received(LINE + b"\n")
    endpoint.pass_time(59)
    assert session.done is None
    endpoint.pass_time(1)
    status, headers, text = await client.answer()
    assert (status, headers["plotpost-next"], headers["connection"]) == (408, "8", "close")
    assert "60 seconds" in text


@scenario(Limits(tick_s=1))
async def test_the_coarse_timer_never_ends_a_stream_early(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(START)
    session = await endpoint.session()
    endpoint.pass_time(0)
    endpoint.time += 0.9
    await client.send(chunk(LINE))
    await endpoint.received(LINE)
    endpoint.pass_time(59.9)
    assert session.done is None
    endpoint.pass_time(1.1)
    assert await client.status() == 408


@scenario()
async def test_a_slow_head_is_ended_however_busily_it_trickles(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"POST / HTTP/1.1\r\n")
    await until(lambda: any(front._input for front in endpoint.gate.fronts))
    endpoint.pass_time(59)
    await client.send(b"x: y\r\n")
    await until(lambda: any(b"x: y" in front._input for front in endpoint.gate.fronts))
    endpoint.pass_time(1)
    assert await client.status() == 408


@scenario()
async def test_a_connection_without_a_request_is_closed_without_a_word(endpoint: Harness) -> None:
    client = await endpoint.connect()
    endpoint.pass_time(60)
    assert await client.rest() == b""


@scenario()
async def test_a_client_that_is_not_read_because_of_us_is_not_called_idle(endpoint: Harness) -> None:
    endpoint.streams.congested = True
    client = await endpoint.connect()
    await client.send(START + chunk(LINE))
    session = await endpoint.received(LINE)
    endpoint.pass_time(300)
    assert session.done is None
    session.congested = endpoint.streams.congested = False
    assert session.on_drained is not None
    session.on_drained()
    await client.send(chunk(LINE) + END)
    assert await client.status() == 200


@scenario()
async def test_reading_stops_while_too_much_is_uncommitted_and_goes_on_after(endpoint: Harness) -> None:
    endpoint.streams.congested = True
    client = await endpoint.connect()
    await client.send(START + chunk(LINE))
    session = await endpoint.received(LINE)
    await client.send(chunk(LINE) + END)
    await asyncio.sleep(0.02)
    assert session.received == LINE
    session.congested = endpoint.streams.congested = False
    assert session.on_drained is not None
    session.on_drained()
    assert await client.status() == 200
    assert session.received == LINE + LINE


# The connection breaks, or another takes its place


@scenario()
async def test_a_broken_connection_aborts_its_session(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(START + chunk(LINE))
    session = await endpoint.received(LINE)
    client.reset()
    await until(lambda: session.aborted)


@scenario()
async def test_a_client_that_leaves_inside_its_body_has_what_came_committed(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(START + chunk(LINE))
    session = await endpoint.received(LINE)
    client.writer.close()
    await until(lambda: session.done is not None and not endpoint.gate.fronts)
    assert not session.aborted


@scenario()
async def test_a_connection_that_breaks_while_the_commit_runs_is_neither_aborted_nor_answered(endpoint: Harness) -> None:
    endpoint.streams.commit = "never"
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE) + END)
    session = await endpoint.session()
    await until(lambda: session.done is not None)
    client.reset()
    await until(lambda: not endpoint.gate.fronts)
    assert session.done is not None
    session.done(None)
    assert not session.aborted


@scenario()
async def test_half_close_inside_the_body_is_answered_with_what_is_settled(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE + b"{"))
    await endpoint.received(LINE)
    client.writer.write_eof()
    status, headers, text = await client.answer()
    assert (status, headers["plotpost-next"]) == (400, "8")
    assert "last chunk" in text
    assert (await endpoint.session()).received == LINE


@scenario()
async def test_half_close_behind_a_whole_request_still_gets_its_answer(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE) + END + GET)
    client.writer.write_eof()
    assert await client.status() == 200
    assert (await client.answer())[2] == "GET /page 0"
    assert await client.rest() == b""


@scenario()
async def test_half_close_before_a_request_just_closes(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"\r\n")
    client.writer.write_eof()
    assert await client.rest() == b""


@scenario()
async def test_an_evicted_stream_is_answered_with_what_is_settled(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE))
    session = await endpoint.received(LINE)
    session.evict(Refusal(308, "a newer stream uses this token"))
    status, headers, _ = await client.answer()
    assert (status, headers["plotpost-next"], headers["connection"]) == (308, "8", "close")
    assert await client.rest() == b""


@scenario()
async def test_the_twin_of_a_half_open_connection_is_closed_without_an_answer(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE))
    session = await endpoint.received(LINE)
    session.evict(None)
    assert session.aborted
    assert await client.rest() == b""


@scenario()
async def test_an_eviction_that_comes_too_late_does_not_touch_the_next_request(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(KEEP + END)
    assert await client.status() == 200
    old = await endpoint.session()
    await client.send(KEEP + chunk(LINE))
    await endpoint.received(LINE, number=1)
    old.evict(None)
    old.evict(Refusal(308, "late"))
    await client.send(END)
    assert await client.status() == 200


# Pages and streams on one connection


@scenario()
async def test_pages_and_streams_take_turns_on_one_connection(endpoint: Harness) -> None:
    client = await endpoint.connect()
    for _ in range(2):
        await client.send(GET)
        assert (await client.answer())[2] == "GET /page 0"
        await client.send(KEEP + chunk(LINE))
        await client.send(END)
        assert await client.status() == 200
        await client.send(b"POST /clientresp HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello\r\n")
        assert (await client.answer())[2] == "POST /clientresp 5"
    assert [session.received for session in endpoint.streams.sessions] == [LINE, LINE]


@scenario()
async def test_requests_of_both_kinds_in_one_segment_are_answered_in_order(endpoint: Harness) -> None:
    client = await endpoint.connect()
    rest = b"POST /clientresp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"hello") + END
    await client.send(GET + KEEP + chunk(LINE) + END + rest + KEEP + END + GET)
    answers = [await client.answer() for _ in range(5)]
    assert [status for status, _, _ in answers] == [200] * 5
    assert [text for _, _, text in answers[::2]] == ["GET /page 0", "POST /clientresp 5", "GET /page 0"]
    assert [headers.get("plotpost-next") for _, headers, _ in answers[1::2]] == ["8", "7"]


@scenario()
async def test_a_request_line_split_over_segments_is_routed_as_a_whole(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(GET)
    assert await client.status() == 200
    for byte in KEEP + chunk(LINE) + END:
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert await client.status() == 200
    for byte in GET:
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await client.answer())[2] == "GET /page 0"


@scenario()
async def test_a_stream_behind_a_page_outlives_the_pages_keep_alive(endpoint: Harness) -> None:
    endpoint.server.config.timeout_keep_alive = 0
    client = await endpoint.connect()
    await client.send(GET)
    assert await client.status() == 200
    await client.send(KEEP + chunk(LINE))
    session = await endpoint.received(LINE)
    await asyncio.sleep(0.05)
    assert not session.aborted
    await client.send(END)
    assert await client.status() == 200


@scenario()
async def test_a_request_that_comes_while_a_page_is_made_waits_for_its_turn(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"GET /slow HTTP/1.1\r\n\r\n")
    await client.send(KEEP + chunk(LINE) + END)
    await until(lambda: any(not front.transport.is_reading() for front in endpoint.gate.fronts))
    assert not endpoint.streams.sessions
    endpoint.pass_time(1000)
    endpoint.go.set()
    assert (await client.answer())[2] == "GET /slow 0"
    assert await client.status() == 200


@scenario()
async def test_a_client_that_half_closes_still_gets_its_page(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"GET /slow HTTP/1.1\r\n\r\n")
    client.writer.write_eof()
    await asyncio.sleep(0.02)
    endpoint.go.set()
    assert (await client.answer())[2] == "GET /slow 0"
    assert await client.rest() == b""


@scenario()
async def test_a_client_that_stops_reading_its_page_is_cut_off(endpoint: Harness) -> None:
    client = await endpoint.connect()
    client.reader._transport.pause_reading()  # type: ignore[attr-defined]
    await client.send(GET.replace(b"/page", b"/large"))
    await until(lambda: any(front.transport.get_write_buffer_size() for front in endpoint.gate.fronts))
    endpoint.pass_time(60)
    assert endpoint.gate.fronts
    endpoint.pass_time(60)
    await until(lambda: not endpoint.gate.fronts)


@scenario()
async def test_a_client_that_reads_its_page_slowly_gets_all_of_it(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(GET.replace(b"/page", b"/large"))
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    left = LARGE
    while left:
        left -= len(await client.reader.readexactly(min(left, 4 << 20)))
        endpoint.pass_time(60)


@scenario()
async def test_a_page_request_that_stalls_inside_its_body_is_closed(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"POST /clientresp HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe")
    await until(lambda: not endpoint.gate.waiting)
    endpoint.pass_time(60)
    assert await client.rest() == b""


@scenario()
async def test_the_list_of_plots_is_a_page_like_any_other(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"GET /?sort=name HTTP/1.1\r\n\r\n")
    assert (await client.answer())[2] == "GET / 0"


@scenario()
async def test_what_asgi_finds_malformed_is_refused_by_it(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"POST /clientresp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert await client.status() == 400
    assert await client.rest() == b""


@scenario()
async def test_a_websocket_passes_and_the_front_lets_go_of_it(endpoint: Harness) -> None:
    host, port = endpoint.address
    async with connect_websocket(f"ws://{host}:{port}/live", proxy=None) as websocket:
        assert not endpoint.gate.fronts
        endpoint.pass_time(1000)
        await websocket.send("hello")
        assert await websocket.recv() == "hello"


# Shutdown


@scenario()
async def test_a_shutdown_lets_a_refusal_that_is_on_its_way_arrive(endpoint: Harness) -> None:
    endpoint.streams.refusal = Refusal(404, "this token is not registered")
    client = await endpoint.connect()
    await client.send(START)
    assert await client.status() == 404
    [front] = endpoint.gate.fronts
    front.shutdown()
    assert not front.transport.is_closing()


@scenario()
async def test_a_graceful_shutdown_commits_answers_and_closes_streams(endpoint: Harness) -> None:
    client, between, waiting = [await endpoint.connect() for _ in range(3)]
    await between.send(KEEP + END)
    assert await between.status() == 200
    await client.send(KEEP + chunk(LINE))
    session = await endpoint.received(LINE, number=1)
    stopping = asyncio.create_task(endpoint.server.shutdown(sockets=[endpoint.listener]))
    status, headers, text = await client.answer()
    assert (status, headers["plotpost-next"], headers["connection"]) == (408, "8", "close")
    assert "stopping" in text
    assert session.done is not None
    assert [await other.rest() for other in (client, between, waiting)] == [b""] * 3
    client.writer.close()
    await stopping


@scenario()
async def test_a_shutdown_answers_a_stream_that_follows_a_page_on_its_connection(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(GET)
    assert await client.status() == 200
    await client.send(KEEP + chunk(LINE))
    await endpoint.received(LINE)
    stopping = asyncio.create_task(endpoint.server.shutdown(sockets=[endpoint.listener]))
    assert await client.status() == 408
    client.writer.close()
    await stopping


@scenario()
async def test_a_request_that_ends_during_the_shutdown_is_still_answered_with_200(endpoint: Harness) -> None:
    endpoint.streams.commit = "never"
    client = await endpoint.connect()
    await client.send(KEEP + chunk(LINE) + END)
    session = await endpoint.session()
    await until(lambda: session.done is not None)
    stopping = asyncio.create_task(endpoint.server.shutdown(sockets=[endpoint.listener]))
    await until(lambda: endpoint.gate.stopping)
    assert session.done is not None
    session.done(None)
    status, headers, _ = await client.answer()
    assert (status, headers["connection"], headers["plotpost-next"]) == (200, "close", "8")
    client.writer.close()
    await stopping


@scenario()
async def test_a_page_that_is_made_during_the_shutdown_is_still_sent(endpoint: Harness) -> None:
    client = await endpoint.connect()
    await client.send(b"GET /slow HTTP/1.1\r\n\r\n")
    await until(lambda: not endpoint.gate.waiting)
    stopping = asyncio.create_task(endpoint.server.shutdown(sockets=[endpoint.listener]))
    await until(lambda: endpoint.gate.stopping)
    endpoint.go.set()
    assert (await client.answer())[2] == "GET /slow 0"
    assert await client.rest() == b""
    await stopping
