"""A thousand boards, each with a connection and a line a second: memory, processor time, and how soon viewers see it."""

import asyncio
import json
import os
import secrets
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from host_tools.child_endpoint import ChildEndpoint
from tests.bench import servers

_BOARDS = 1000
_PLOTS = 10
_ROUNDS = 8  # a line of each board in each
_CONNECTING_AT_ONCE = 50
_SETTLE_S = 1.0


@dataclass(frozen=True)
class Load:
    """Bytes for each connection that has begun its request and is silent; CPU for each 1000 lines; delay from send to viewer."""

    idle_bytes: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    seen: int


def measure(server: ChildEndpoint) -> Load:
    tokens = servers.new_tokens(server, _BOARDS)
    # Boards next to each other feed different plots: every plot, and so every viewer, has news all the time.
    plots = [servers.new_plot(server, f"plot {i}", tokens[i::_PLOTS], 100) for i in range(_PLOTS)]
    return asyncio.run(_load(server, tokens, plots))


async def _load(server: ChildEndpoint, tokens: list[str], plots: list[str]) -> Load:
    assert server.pid is not None
    before = _resident_bytes(server.pid)
    boards = await _connected(server, tokens)
    await asyncio.sleep(_SETTLE_S)
    idle = (_resident_bytes(server.pid) - before) / _BOARDS
    viewers = [await connect(f"ws{plot.removeprefix('http')}/ws", max_size=None) for plot in plots]
    delays: list[float] = []
    watching = [asyncio.create_task(_watch(viewer, delays)) for viewer in viewers]
    await asyncio.sleep(_SETTLE_S)
    used = _cpu_seconds(server.pid)
    await _run(boards)
    await asyncio.sleep(_SETTLE_S)
    used = _cpu_seconds(server.pid) - used
    for task in watching:
        task.cancel()
    for board in boards:
        board.close()
    cuts = statistics.quantiles(delays, n=100)
    return Load(idle, used / (_BOARDS * _ROUNDS / 1000) * 1000, cuts[49], cuts[98], len(delays))


async def _watch(viewer: ClientConnection, delays: list[float]) -> None:
    async for message in viewer:
        now = time.time() * 1000
        told = json.loads(message)
        for trace in told.get("traces", ()):
            delays += [now - x for x in trace.get("extend", {}).get("x", ())]


async def _connected(server: ChildEndpoint, tokens: list[str]) -> list[asyncio.StreamWriter]:
    gate = asyncio.Semaphore(_CONNECTING_AT_ONCE)

    async def begin(token: str) -> asyncio.StreamWriter:
        async with gate:
            _, writer = await asyncio.open_connection("127.0.0.1", servers.port_of(server))
        head = "POST / HTTP/1.1\r\nHost: bench\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n"
        writer.write(f"{head}plotly-streamtoken: {token}\r\nplotpost-records: {secrets.token_hex(8)}/0\r\n\r\n".encode())
        return writer

    return await asyncio.gather(*(begin(token) for token in tokens))


async def _run(boards: list[asyncio.StreamWriter]) -> None:
    """Each board sends at its own moment of the second."""
    start = time.monotonic()
    for n in range(_ROUNDS * _BOARDS):
        late = start + n / _BOARDS - time.monotonic()
        if late > 0:
            await asyncio.sleep(late)
        line = b'{"x":%.3f,"y":21.37}\n' % (time.time() * 1000)
        boards[n % _BOARDS].write(b"%x\r\n%b\r\n" % (len(line), line))


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as folder, servers.endpoint(Path(folder)) as own:
        print(measure(own), file=sys.stderr)
