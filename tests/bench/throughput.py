"""Lines a second through our endpoint, committed and with one live viewer, and through mosquitto with one subscriber."""

import asyncio
import secrets
import time
from pathlib import Path

from websockets.asyncio.client import connect

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from tests.bench import servers

_CONNECTIONS = 8
_LINES = 12_000  # of each connection
_LINES_A_WRITE = 16
_LINE = b'{"x":"2026-11-24T%02d:%02d:%02d.%03dZ","y":21.37}\n'
_TIMEOUT_S = 60
_CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04bnc%d"  # MQTT 3.1.1, clean session, a client id of 4 characters
_SUBSCRIBE = b"\x82\x06\x00\x01\x00\x01t\x00"  # to the topic t, with QoS 0


def endpoint(server: ChildEndpoint, name: str) -> float:
    """Lines a second until the last is committed and answered. Raises RuntimeError unless each is stored exactly once."""
    tokens = servers.new_tokens(server, _CONNECTIONS)
    plot = servers.new_plot(server, name, tokens)
    rate = asyncio.run(asyncio.wait_for(_stream(server, plot, tokens), _TIMEOUT_S))
    with accounts.opened(server.data) as store:
        points = next(row.points for row in store.plots() if row.filename == name)
    if points != _CONNECTIONS * _LINES:
        raise RuntimeError(f"{points} of {_CONNECTIONS * _LINES} lines were stored")
    return rate


async def _stream(server: ChildEndpoint, plot: str, tokens: list[str]) -> float:
    blocks = _blocks()
    chunks = [b"%x\r\n%b\r\n" % (len(block), block) for block in blocks]
    async with connect(f"ws{plot.removeprefix('http')}/ws", max_size=None) as viewer:
        watching = asyncio.create_task(_drain(viewer.recv))
        start = time.monotonic()
        await asyncio.gather(*(_post(server, token, chunks) for token in tokens))
        passed = time.monotonic() - start
        watching.cancel()
    return _CONNECTIONS * _LINES / passed


async def _drain(receive: object) -> None:
    assert callable(receive)
    while True:
        await receive()


async def _post(server: ChildEndpoint, token: str, chunks: list[bytes]) -> None:
    """One request with numbered records, as a board sends it; a line that came twice would not be stored."""
    reader, writer = await asyncio.open_connection("127.0.0.1", servers.port_of(server))
    head = "POST / HTTP/1.1\r\nHost: bench\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n"
    writer.write(f"{head}plotly-streamtoken: {token}\r\nplotpost-records: {secrets.token_hex(8)}/0\r\n\r\n".encode())
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200") or b"plotpost-next: %d\r\n" % _LINES not in answer.lower():
        raise RuntimeError(f"the endpoint answered {answer!r}")


def _blocks() -> list[bytes]:
    lines = [_LINE % (n // 3600000, n // 60000 % 60, n // 1000 % 60, n % 1000) for n in range(_LINES)]
    return [b"".join(lines[i : i + _LINES_A_WRITE]) for i in range(0, _LINES, _LINES_A_WRITE)]


def mosquitto(port: int) -> float:
    """Lines a second, published with QoS 0, until the subscriber has the last of them."""
    return asyncio.run(asyncio.wait_for(_publish(port), _TIMEOUT_S))


async def _publish(port: int) -> float:
    writes = [b"".join(map(_packet, block.splitlines(keepends=True))) for block in _blocks()]
    reader, subscriber = await _session(port, 0)
    subscriber.write(_SUBSCRIBE)
    await reader.readexactly(5)
    publishers = [await _session(port, n + 1) for n in range(_CONNECTIONS)]
    start = time.monotonic()
    sending = asyncio.gather(*(_send(writer, writes) for _, writer in publishers))
    await _receive(reader, _CONNECTIONS * sum(map(len, writes)))
    passed = time.monotonic() - start
    await sending
    for writer in [subscriber, *(writer for _, writer in publishers)]:
        writer.close()
    return _CONNECTIONS * _LINES / passed


async def _session(port: int, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(_CONNECT % number)
    await reader.readexactly(4)
    return reader, writer


def _packet(line: bytes) -> bytes:
    body = b"\x00\x01t" + line
    return b"\x30%c%b" % (len(body), body)


async def _send(writer: asyncio.StreamWriter, writes: list[bytes]) -> None:
    for data in writes:
        writer.write(data)
        await writer.drain()


async def _receive(reader: asyncio.StreamReader, wanted: int) -> None:
    while wanted > 0:
        data = await reader.read(1 << 20)
        if not data:
            raise RuntimeError("mosquitto closed the subscriber's connection")
        wanted -= len(data)


if __name__ == "__main__":
    import sys
    import tempfile

    with (
        tempfile.TemporaryDirectory() as folder,
        servers.endpoint(Path(folder)) as own,
        servers.mosquitto(Path(folder)) as (broker, _),
    ):
        for repeat in range(3):
            print(endpoint(own, f"plot{repeat}"), mosquitto(broker), file=sys.stderr)
