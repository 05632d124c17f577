"""Whatever bytes come, the endpoint lives, never blames itself, and fills no log."""

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.child_endpoint import ChildEndpoint
from tests.plotly_client import PlotlyClient

PATIENCE_S = 60
REQUEST_LINES = [
    b"POST / HTTP/1.1\r\n", b"GET /~me/1 HTTP/1.1\r\n", b"GET /~me/1/ws HTTP/1.1\r\n", b"POST /clientresp HTTP/1.1\r\n",
    b"POST /login HTTP/1.0\r\n", b"PUT /v2/grids HTTP/1.1\r\n", b"GET http://elsewhere/ HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n",
    b"GET /static/../../etc/passwd HTTP/1.1\r\n", b"GET /%ff%00 HTTP/1.1\r\n", b"GET /~me/1.json?share_key=%FF HTTP/1.1\r\n",
    b"GET /~me/99999999999999999999 HTTP/1.1\r\n", b"GET /v2/files/lookup?path=%00 HTTP/1.1\r\n",
]  # fmt: skip
HEADERS = [
    b"Host: x\r\n", b"Host: [::1\r\n", b"Host: x:99999\r\n", b"Host: [:::]\r\n", b"Host: \xff\xfe\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n", b"Connection: keep-alive\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Expect: 100-continue\r\n", b"plotly-streamtoken: TOKEN\r\n",
    b"plotly-streamtoken: \xc3\x28\r\n", b"plotpost-records: 0123456789abcdef/999999999999999999\r\n",
    b"plotpost-device: \x00\xff\r\n", b'plotly-convertTimestamp: "../../etc/passwd"\r\n', b"Authorization: Basic //\r\n",
    b"Cookie: plotpost-80=\xff\r\n", b"Origin: http://[::1\r\n", b"X: " + b"y" * 20_000 + b"\r\n",
]  # fmt: skip
BODIES = [
    b"\r\n", b"\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b"zz\r\n", b"fffffffffffffff\r\n", b'e\r\n{"x":1,"y":2}\n\r\n',
    b'{"x":1e999}\n', b'{"x":"\\ud800"}\n', b'{"__proto__":{"a":1}}\n', b'{"x":[{"a":[]}],"layout":{"x":[1]}}\n', b"[]\n", b"NaN\n",
    b'{"streamtoken":"TOKEN","y":1}\n', b'{"streamtoken":[1]}\n', b"user=a&key=b&next=//elsewhere\r\n", b"args=[{}]&kwargs={}\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]  # fmt: skip

requests = st.tuples(
    st.sampled_from(REQUEST_LINES) | st.binary(max_size=20),
    st.lists(st.sampled_from(HEADERS), max_size=4).map(b"".join),
    st.sampled_from([b"\r\n", b"\n", b""]),
    st.lists(st.sampled_from(BODIES) | st.binary(max_size=20), max_size=4).map(b"".join),
).map(b"".join)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


@pytest.fixture(scope="module")
def token(client: PlotlyClient) -> str:
    token = client.token()
    client.new_plot({"x": [], "y": [], "stream": {"token": token}})
    return token


@pytest.fixture(scope="module")
def session(client: PlotlyClient) -> str:
    """The cookie of the plots' owner."""
    fields = urlencode({"user": client.user.name, "key": client.key}).encode()
    headers = {"origin": client.endpoint.url, "content-type": "application/x-www-form-urlencoded"}
    response, _ = client.request("POST", "/login", fields, headers)
    return str(response.headers["set-cookie"]).partition(";")[0]


@settings(max_examples=400)
@given(sent=st.lists(requests, min_size=1, max_size=3).map(b"".join))
def test_nonsense_is_answered_or_hung_up_on(client: PlotlyClient, token: str, sent: bytes) -> None:
    answered = send(client, sent.replace(b"TOKEN", token.encode()))
    assert b"HTTP/1.1 5" not in answered.replace(b"HTTP/1.1 505 ", b"")  # a version of HTTP that nobody speaks is told so
    assert Path(client.endpoint.log).read_text() == ""


KEYS = [
    "x", "y", "text", "marker", "size", "layout", "title", "stream", "token", "maxpoints", "type", "bdata", "dtype", "shape", "xsrc",
    "figure", "data", "frames", "cols", "rows", "order", "uid", "name", "metadata", "filename", "parent_path", "path",
    "fileopt", "sharing", "world_readable", "traces", "0", "-1", "xaxis.range", "__proto__", "streamtoken", "format", "width", "scale",
]  # fmt: skip
VALUES = [
    None, True, 0, -1, 1.5, 1e308, 2**63, 2**64, "", "a", "f8", "AAAAAAAAAAA=", "1,2", "nan", "x\0y", "\ud800", "me:1:abc", "../..",
    "TOKEN", "9" * 25, "2026-11-24",
]  # fmt: skip
trees = st.recursive(
    st.sampled_from(VALUES), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
)
objects = st.dictionaries(st.sampled_from(KEYS), trees, max_size=5)
figures = st.fixed_dictionaries(
    {"figure": st.fixed_dictionaries({"data": st.lists(objects, max_size=3), "layout": objects}), "layout": objects},
    optional={"data": st.fixed_dictionaries({"cols": st.dictionaries(st.sampled_from("ab"), objects)}), "filename": trees},
)
PLACES = [
    "POST /v2/plots", "PUT /v2/plots/me:1", "POST /v2/grids", "POST /v2/grids/me:2/row", "PUT /v2/grids/me:2/col?uid=a",
    "POST /v2/folders", "POST /~me/1/style", "POST /~me/1/copy", "POST /", "POST /clientresp",
]  # fmt: skip


@settings(max_examples=100)
@given(place=st.sampled_from(PLACES), value=objects | trees | figures, more=objects)
def test_any_json_is_taken_or_refused(
    client: PlotlyClient, token: str, session: str, place: str, value: Any, more: dict[str, Any]
) -> None:
    body = json.dumps(value).replace("TOKEN", token).encode()
    if place == "POST /clientresp":
        options = {"fileopt": "overwrite", "layout": value, **more}
        body = urlencode(client.fields([more]) | {"kwargs": json.dumps(options)}).encode()
    method, path = place.split()
    credentials = base64.b64encode(f"{client.user.name}:{client.key}".encode()).decode()
    headers = {
        "authorization": f"Basic {credentials}",
        "cookie": session,
        "origin": client.endpoint.url,
        "plotly-streamtoken": token,
    }
    response, answered = client.request(method, path, body, headers)
    assert response.status < 500, answered
    assert Path(client.endpoint.log).read_text() == ""


def send(client: PlotlyClient, data: bytes) -> bytes:
    """Everything that comes back until the endpoint hangs up."""
    address = urlsplit(client.endpoint.url)
    answered = b""
    with socket.create_connection((address.hostname, address.port or 0), timeout=PATIENCE_S) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while block := connection.recv(65536):
                answered += block
        except ConnectionError:  # it has heard enough
            pass
    return answered
