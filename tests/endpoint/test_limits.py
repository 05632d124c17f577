"""What a running endpoint does at its limits: a clear answer, nothing half written, and it goes on by itself."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_in_thread

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint import commit
from host_tools.endpoint.attributes import MAX_DEPTH
from host_tools.endpoint.lines import MAX_LINE
from host_tools.endpoint.server import Endpoint, EndpointConfig, _allow_open_files
from host_tools.endpoint.store import Store
from host_tools.endpoint.trace import MAX_POINTS
from tests.endpoint.core import PATIENCE_S
from tests.plotly_client import PlotlyClient

STREAM_ID = "0123456789abcdef"


# Lines, nesting, points, tokens


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


def fed_plot(client: PlotlyClient, **stream: Any) -> tuple[str, str]:
    """A token, and the path of the plot that it feeds."""
    token = client.token()
    return token, client.new_plot({"x": [], "y": [], "stream": {"token": token, **stream}})


def post(client: PlotlyClient, token: str, body: bytes) -> tuple[int, str, str]:
    """Status, settled number and text."""
    headers = {"plotly-streamtoken": token, "plotpost-records": f"{secrets.token_hex(8)}/0"}
    response, text = client.request("POST", "/", body, headers)
    return response.status, response.headers["plotpost-next"], text.decode()


def test_a_line_that_is_too_long_is_refused_and_the_ones_before_it_are_stored(client: PlotlyClient) -> None:
    token, path = fed_plot(client)
    status, settled, text = post(client, token, b'{"y":1}\n{"text":"' + b"x" * MAX_LINE + b'"}\n{"y":3}\n')
    assert (status, settled) == (422, "1")
    assert f"a line is longer than {MAX_LINE} bytes" in text
    assert client.figure(path)["data"][0]["y"] == [1]


def test_a_line_that_is_nested_too_deeply_is_refused_and_the_ones_before_it_are_stored(client: PlotlyClient) -> None:
    token, path = fed_plot(client)
    deep = b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1)
    status, settled, text = post(client, token, b'{"y":1}\n' + deep + b'\n{"y":3}\n')
    assert (status, settled) == (422, "1")
    assert f"nested more than {MAX_DEPTH} deep" in text
    assert client.figure(path)["data"][0]["y"] == [1]


def test_no_trace_keeps_more_than_the_most_points(client: PlotlyClient) -> None:
    token, path = fed_plot(client, maxpoints=MAX_POINTS * 10)
    assert client.figure(path)["data"][0]["stream"] == {"maxpoints": MAX_POINTS}
    many = json.dumps({"y": list(range(MAX_POINTS // 2 + 5))}, separators=(",", ":")).encode()
    assert len(many) < MAX_LINE
    points = b'{"y":0}\n' * (MAX_POINTS // 2)
    response, _ = client.request("POST", "/", many + b"\n" + points, {"plotly-streamtoken": token})
    assert response.status == 200
    kept = client.figure(path)["data"][0]["y"]
    assert len(kept) == MAX_POINTS
    assert kept[0] == 5


def test_a_strangers_token_writes_nothing_and_is_told_what_to_do(client: PlotlyClient) -> None:
    response, text = client.request("POST", "/", b'{"y":1}\n', {"plotly-streamtoken": "zzzzzzzzzz"})
    assert response.status == 404
    assert "not registered here: make one with 'plotpost token new'" in text.decode()
    assert "zzzzzzzzzz" not in text.decode()


def test_nobody_can_make_a_plot_with_the_token_of_somebody_else(client: PlotlyClient) -> None:
    token, path = fed_plot(client)
    store = Store.open(client.endpoint.data)
    key = store.create_user("eve")
    store.close()
    answer = client.plot_as("eve", key, [{"y": [], "stream": {"token": token}}])
    assert "is not registered for eve" in answer["error"]
    assert post(client, token, b'{"y":1}\n')[0] == 200
    assert client.figure(path)["data"][0]["y"][-1] == 1


# Viewers that do not read


def test_a_viewer_that_does_not_read_costs_the_others_nothing(client: PlotlyClient) -> None:
    token, path = fed_plot(client, maxpoints=200)
    asyncio.run(_watch_with_one_asleep(client, token, path))


async def _watch_with_one_asleep(client: PlotlyClient, token: str, path: str) -> None:
    url = urlsplit(client.endpoint.url)
    asleep = socket.create_connection((url.hostname or "", url.port or 0))
    asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    key = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13"
    asleep.sendall(f"GET {path}/ws HTTP/1.1\r\nHost: {url.netloc}\r\n{key}\r\n\r\n".encode())
    assert asleep.recv(12) == b"HTTP/1.1 101"
    memory = 0
    with contextlib.closing(asleep):
        async with connect(
            client.endpoint.url.replace("http:", "ws:") + path + "/ws", max_size=None, open_timeout=PATIENCE_S
        ) as awake:
            with client.stream(token) as stream:
                for number in range(9000):  # 2 kB each
                    if number == 3000:  # what an endpoint needs anyway is there
                        memory = _resident(client.endpoint)
                    stream.write({"x": number, "y": number, "text": "x" * 2000})
                    if number % 100 == 99:
                        await _until_seen(awake, number)
    assert _resident(client.endpoint) - memory < 6 << 20


async def _until_seen(viewer: Any, number: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while f":[{number}]" not in (message := await viewer.recv()) and f",{number}]" not in message:
            pass


def _resident(endpoint: ChildEndpoint) -> int:
    pages = Path(f"/proc/{endpoint.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


# Strangers


def test_a_viewer_that_begins_a_large_message_is_cut_off(client: PlotlyClient) -> None:
    _, path = fed_plot(client)
    with connect_in_thread(client.endpoint.url.replace("http:", "ws:") + path + "/ws", open_timeout=PATIENCE_S) as viewer:
        assert json.loads(viewer.recv(PATIENCE_S))["type"] == "snapshot"
        viewer.socket.sendall(
            b"\x81\xff" + (16 << 20).to_bytes(8) + bytes(4)
        )  # a text frame of 16 MiB, masked (RFC 6455 section 5.2)
        with pytest.raises(ConnectionClosed) as closed:
            viewer.recv(PATIENCE_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    "drip",
    [
        b"POST / HT",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /clientresp HTTP/1.1\r\nContent-Length: 9\r\n\r\na",
    ],
    ids=["heads", "streams", "bodies"],
)
def test_thousands_of_connections_that_show_nothing_keep_nobody_out(client: PlotlyClient, drip: bytes) -> None:
    token, path = fed_plot(client)
    url = urlsplit(client.endpoint.url)
    _allow_open_files(7000)
    with contextlib.ExitStack() as opened:
        stream = opened.enter_context(client.stream(token))
        for number in range(6000):
            connection = opened.enter_context(contextlib.closing(socket.socket()))
            connection.bind((f"127.0.0.{number % 2 + 1}", 0))
            connection.connect((url.hostname or "", url.port or 0))
            connection.sendall(drip)
        assert client.get(path)[0].status == 200
        assert client.plot([{"y": [1]}])["error"] == ""
        stream.write({"y": 7})
        assert stream.end().startswith(b"HTTP/1.1 200 ")


# A full disk


class Disk:
    """The disk of a running endpoint: SQLite itself says that it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._writers: list[Store] = []
        clone = Store.clone
        monkeypatch.setattr(Store, "clone", lambda store: self._keep(clone(store)))

    def _keep(self, store: Store) -> Store:
        self._writers.append(store)
        return store

    def fill(self) -> None:
        for store in self._writers:
            ((pages,),) = store._rows("PRAGMA page_count")
            store._rows(f"PRAGMA max_page_count = {pages}")

    def make_room(self) -> None:
        for store in self._writers:
            store._rows("PRAGMA max_page_count = 1000000")


class Peer:
    """Asks an endpoint that runs in this very loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        assert endpoint.new_user is not None
        self.user, self.key = endpoint.new_user.name, endpoint.new_user.api_key
        self.url = urlsplit(endpoint.url)
        self.data = endpoint.config.data
        self.cookie = ""

    async def ask(self, request: str, body: str, *headers: str) -> tuple[int, str, str]:
        """Status, head and text of the answer."""
        reader, writer = await asyncio.open_connection(self.url.hostname, self.url.port)
        head = [request + " HTTP/1.1", f"Host: {self.url.netloc}", f"Origin: http://{self.url.netloc}", "Connection: close"]
        writer.write("\r\n".join([*head, *headers, f"Content-Length: {len(body)}", "", body]).encode())
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        head_text, _, text = answer.partition("\r\n\r\n")
        return int(head_text.split(" ", 2)[1]), head_text, text

    async def log_in(self) -> int:
        status, head, _ = await self.ask("POST /login", urlencode({"user": self.user, "key": self.key}))
        for line in head.split("\r\n"):
            if line.lower().startswith("set-cookie:"):
                self.cookie = line.partition(":")[2].partition(";")[0].strip()
        return status

    async def plot(self, token: str, filename: str, size: int = 1) -> dict[str, str]:
        trace = {"x": [], "y": [], "text": ["." * size], "stream": {"token": token}}
        fields = {"un": self.user, "key": self.key, "origin": "plot", "args": json.dumps([trace])}
        _, _, text = await self.ask("POST /clientresp", urlencode(fields | {"kwargs": json.dumps({"filename": filename})}))
        answer: dict[str, str] = json.loads(text)
        return answer

    async def figure(self, path: str) -> Any:
        return json.loads((await self.ask(f"GET {path}.json", ""))[2])


@contextlib.asynccontextmanager
async def running(data: Path) -> AsyncIterator[Peer]:
    ready: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
    endpoint = Endpoint(EndpointConfig(data, port=0))
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(endpoint.run(ready.set_result))
        yield Peer(await ready)
        endpoint.stop()


Scenario = Callable[[Peer, Disk, str, str], Awaitable[None]]


@pytest.fixture
def on_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario], None]:
    """Plays a scenario with a peer, a disk, a token and the path of the plot that it feeds."""
    monkeypatch.setattr(commit, "_INTERVAL_S", 0.0)
    disk = Disk(monkeypatch)

    async def play(scenario: Scenario) -> None:
        async with running(tmp_path / "data") as peer:
            store = Store.open(peer.data)
            token = store.new_token(store.users()[0])
            store.close()
            path = urlsplit((await peer.plot(token, "plot"))["url"]).path
            await scenario(peer, disk, token, path)

    return lambda scenario: asyncio.run(play(scenario))


def lines(numbers: range, size: int = 0) -> str:
    return "".join(json.dumps({"x": n, "y": n, **({"text": "." * size} if size else {})}) + "\n" for n in numbers)


def test_a_stream_is_told_503_stores_nothing_by_halves_and_goes_on_when_there_is_room(
    on_full_disk: Callable[[Scenario], None],
) -> None:
    async def scenario(peer: Peer, disk: Disk, token: str, path: str) -> None:
        async def send(first: int, body: str) -> tuple[int, str, str]:
            return await peer.ask("POST /", body, f"plotly-streamtoken: {token}", f"plotpost-records: {STREAM_ID}/{first}")

        assert (await send(0, lines(range(3))))[0] == 200
        disk.fill()
        status, head, text = await send(3, lines(range(3, 10), size=20_000))
        assert status == 503
        assert "plotpost-next: 3\r\n" in head
        assert "disk is full: make room" in text
        assert (await peer.figure(path))["data"][0]["y"] == [0, 1, 2]
        disk.make_room()
        status, head, _ = await send(3, lines(range(3, 10)))
        assert status == 200
        assert "plotpost-next: 10\r\n" in head
        assert (await peer.figure(path))["data"][0]["y"] == list(range(10))

    on_full_disk(scenario)


def test_a_plot_is_made_whole_or_not_at_all(on_full_disk: Callable[[Scenario], None]) -> None:
    async def scenario(peer: Peer, disk: Disk, token: str, path: str) -> None:
        disk.fill()
        assert "disk is full: make room" in (await peer.plot(token, "second", size=100_000))["error"]
        assert (await peer.figure(path))["data"][0]["stream"] == {"maxpoints": MAX_POINTS}  # it has kept its token
        disk.make_room()
        assert (await peer.plot(token, "second", size=100_000))["error"] == ""

    on_full_disk(scenario)


def test_a_restyling_is_saved_whole_or_not_at_all(on_full_disk: Callable[[Scenario], None]) -> None:
    async def scenario(peer: Peer, disk: Disk, token: str, path: str) -> None:
        assert await peer.log_in() == 303
        style = json.dumps({"layout": {"title.text": "." * 100_000}})
        disk.fill()
        status, _, text = await peer.ask(f"POST {path}/style", style, f"Cookie: {peer.cookie}")
        assert status == 503
        assert "disk is full: make room" in json.loads(text)["error"]
        assert (await peer.figure(path))["layout"] == {}
        disk.make_room()
        assert (await peer.ask(f"POST {path}/style", style, f"Cookie: {peer.cookie}"))[0] == 200
        assert len((await peer.figure(path))["layout"]["title"]["text"]) == 100_000

    on_full_disk(scenario)
