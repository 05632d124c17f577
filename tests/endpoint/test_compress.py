import asyncio
import gzip
import json
import os
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.datastructures import Headers
from websockets.asyncio.client import connect

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.compress import takes_gzip
from tests.plotly_client import PATIENCE_S, PlotlyClient

KEY = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


@pytest.fixture(scope="module")
def path(client: PlotlyClient) -> str:
    return client.new_plot({"x": list(range(20_000)), "y": [20.5] * 20_000}, filename="large")


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True), ("deflate, GZIP", True), ("br;q=1.0, gzip;q=0.8, *;q=0.1", True), ("gzip; q=0.01", True),
        ("", False), ("identity", False), ("gzip;q=0", False), ("gzip; q=0.000", False), ("xgzip", False),
    ],
)  # fmt: skip
def test_gzip_is_used_only_where_the_client_takes_it(accepted: str, takes: bool) -> None:
    assert takes_gzip(Headers({"accept-encoding": accepted})) is takes


@pytest.mark.parametrize("address", ["{path}.json", "/v2/plots/{owner}:{fid}/content", "/apigetfile/{owner}/{fid}", "{path}"])
def test_figures_and_pages_are_compressed_where_the_client_can(client: PlotlyClient, path: str, address: str) -> None:
    owner, _, fid = path.removeprefix("/~").partition("/")
    address = address.format(path=path, owner=owner, fid=fid)
    plain, whole = client.get(address)
    packed, small = client.get(address, **{"accept-encoding": "gzip, deflate, br"})
    assert plain.headers["content-encoding"] is None
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(small) < len(whole) / 2
    assert gzip.decompress(small) == whole
    for answer in (plain, packed):
        assert "accept-encoding" in answer.headers["vary"]


def test_what_is_small_or_compressed_already_is_left_alone(client: PlotlyClient, path: str) -> None:
    accept = {"accept-encoding": "gzip"}
    response, body = client.get("/~nobody/1.json", **accept)
    assert response.headers["content-encoding"] is None
    assert "error" in json.loads(body)
    response, body = client.get("/static/plotly.min.js", **accept)
    assert response.headers["content-encoding"] == "gzip"
    assert b"plotly" in gzip.decompress(body)


def test_a_viewer_gets_its_snapshot_and_deltas_compressed(client: PlotlyClient) -> None:
    token = client.token()
    path = client.new_plot({"x": list(range(20_000)), "y": [1] * 20_000, "stream": {"token": token}}, filename="watched")

    async def watch() -> tuple[Any, Any]:
        url = client.endpoint.url.replace("http:", "ws:") + path + "/ws"
        async with connect(url, max_size=None, open_timeout=PATIENCE_S) as viewer, asyncio.timeout(PATIENCE_S):
            assert viewer.response is not None
            assert "permessage-deflate" in viewer.response.headers["sec-websocket-extensions"]
            snapshot = json.loads(await viewer.recv())
            with client.stream(token) as stream:
                stream.write({"x": [0], "y": [5] * 10_000})
                while (delta := json.loads(await viewer.recv()))["type"] != "delta":
                    pass
            return snapshot, delta

    snapshot, delta = asyncio.run(watch())
    assert snapshot["figure"]["data"][0]["x"] == list(range(20_000))
    assert delta["traces"][0]["replace"]["y"] == [5] * 10_000


def open_viewer(client: PlotlyClient, path: str, *headers: str) -> socket.socket:
    url = urlsplit(client.endpoint.url)
    viewer = socket.create_connection((url.hostname or "", url.port or 0), timeout=PATIENCE_S)
    viewer.sendall("\r\n".join([f"GET {path}/ws HTTP/1.1", f"Host: {url.netloc}", KEY, *headers, "", ""]).encode())
    return viewer


def read_frame(viewer: socket.socket) -> tuple[bool, bytes]:
    """Whether the first message is compressed, and its bytes."""
    with viewer.makefile("rb") as stream:
        while stream.readline() != b"\r\n":
            pass
        first, length = stream.read(2)
        if length >= 126:
            length = int.from_bytes(stream.read(2 if length == 126 else 8), "big")
        return bool(first & 0x40), stream.read(length)


def test_a_snapshot_is_small_on_the_wire_and_plain_for_who_cannot_read_it(client: PlotlyClient, path: str) -> None:
    with open_viewer(client, path) as viewer:
        is_compressed, whole = read_frame(viewer)
    assert not is_compressed
    with open_viewer(client, path, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10") as viewer:
        is_compressed, small = read_frame(viewer)
    assert is_compressed
    assert len(small) < len(whole) / 2
    unpacked = json.loads(inflate(small, 10))
    assert unpacked["figure"] == json.loads(whole)["figure"]


def inflate(data: bytes, window_bits: int) -> bytes:
    return zlib.decompressobj(wbits=-window_bits).decompress(data + b"\0\0\xff\xff")


def test_viewers_cost_no_memory_for_compression(client: PlotlyClient) -> None:
    """zlib's own is 256 KiB for each."""
    path = client.new_plot({"text": ["ab" * 20_000]}, filename="watched by many")
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    viewers = [open_viewer(client, path, offer) for _ in range(20)]  # what is needed anyway is there
    for viewer in viewers:
        assert read_frame(viewer)[0]
    before = resident(client.endpoint)
    more = [open_viewer(client, path, offer) for _ in range(200)]
    for viewer in more:
        assert read_frame(viewer)[0]
    grown = resident(client.endpoint) - before
    for viewer in (*viewers, *more):
        viewer.close()
    assert grown < 200 * 128 * 1024


def resident(endpoint: ChildEndpoint) -> int:
    pages = Path(f"/proc/{endpoint.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
