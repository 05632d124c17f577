"""The pages for people, as a running endpoint serves them."""

import asyncio
import base64
import gzip
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from http.client import HTTPResponse
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from starlette.types import Message
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.app import create_app
from host_tools.endpoint.pages import GONE, QUIET_S
from host_tools.endpoint.policy import plot_policy
from host_tools.endpoint.store import Store
from tests.endpoint.core import Core, block, in_core, pass_time
from tests.plotly_client import PATIENCE_S, PlotlyClient

SCRIPT_LIKE = '<img src=x onerror="alert(1)"> & </title><script>alert(2)</script>'


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


def text_of(client: PlotlyClient, path: str) -> str:
    return client.get(path)[1].decode()


def static_addresses(html: str) -> list[str]:
    return re.findall(r'/static/[^"]+', html)


def watch(client: PlotlyClient, path: str, origin: str | None = None, query: str = "") -> ClientConnection:
    address = client.endpoint.url.rstrip("/").replace("http://", "ws://")
    return connect(f"{address}{path}/ws{query}", origin=origin, open_timeout=PATIENCE_S)  # type: ignore[arg-type]


def rest(viewer: ClientConnection) -> list[str]:
    """What is still sent until the endpoint closes the connection because the plot is gone."""
    messages = []
    with suppress(ConnectionClosed):
        while True:
            messages.append(str(viewer.recv(PATIENCE_S)))
    assert viewer.close_code == GONE
    return messages


def seen_until_gone(client: PlotlyClient, path: str, query: str = "") -> list[str]:
    with watch(client, path, query=query) as viewer:
        return rest(viewer)


def test_a_newcomer_is_told_what_to_do(endpoint: ChildEndpoint) -> None:
    page = text_of(PlotlyClient(endpoint), "/")

    assert "No plots yet" in page
    assert "plotpost up" in page
    assert endpoint.url.rstrip("/") in page


def test_the_list_has_every_public_plot_with_owner_state_and_points(client: PlotlyClient) -> None:
    path = client.new_plot({"y": [1, 2, 3], "stream": {"token": client.token()}}, filename="greenhouse")
    client.new_plot({"y": [1]}, filename="picture")
    client.plot([{"y": [1]}], filename="hidden", world_readable=False)
    client.plot([{"y": [1]}], filename="by link only", sharing="secret")

    page = text_of(client, "/")

    assert f'<a href="{path}">' in page
    for cell in ("greenhouse", client.user.name, "waiting", "3 points", "picture", "static", "1 point"):
        assert f">{cell}<" in page
    assert "hidden" not in re.findall(r'class="name">([^<]*)', page)
    assert "by link only" not in page


def test_a_private_plot_is_as_good_as_missing(client: PlotlyClient) -> None:
    path = urlsplit(client.plot([{"y": [1]}], world_readable=False)["url"]).path

    assert client.get(path)[0].status == 404
    assert client.get(f"{path}.json")[0].status == 404
    assert seen_until_gone(client, path) == seen_until_gone(client, "/~me/999") == []


def test_a_secret_plot_opens_to_whoever_has_the_link(client: PlotlyClient) -> None:
    url = urlsplit(client.plot([{"y": [1]}], sharing="secret")["url"])
    wrong = url.query[:-1] + ("0" if url.query[-1] != "0" else "1")

    page, body = client.get(f"{url.path}?{url.query}")
    assert page.status == 200
    (data,) = set(re.findall(rf'href="({url.path}\.json[^"]*)"', body.decode()))
    assert json.loads(client.get(data)[1])["data"] == [{"y": [1]}]
    with watch(client, url.path, query=f"?{url.query}") as viewer:
        assert json.loads(viewer.recv(PATIENCE_S))["type"] == "snapshot"
    for query in ("", f"?{wrong}", "?share_key=", "?share_key=%C3%A4"):
        assert client.get(url.path + query)[0].status == 404
        assert client.get(f"{url.path}.json{query}")[0].status == 404
        assert seen_until_gone(client, url.path, query=query) == []


def test_the_key_of_a_plot_that_became_private_opens_nothing(client: PlotlyClient) -> None:
    options = {"filename": "no longer shared", "fileopt": "overwrite"}
    url = urlsplit(client.plot([{"y": [1]}], sharing="secret", **options)["url"])
    with watch(client, url.path, query=f"?{url.query}") as viewer:
        viewer.recv(PATIENCE_S)
        client.plot([{"y": [2]}], sharing="private", **options)
        assert not any("[2]" in message for message in rest(viewer))
    assert client.get(f"{url.path}?{url.query}")[0].status == 404


def test_the_figure_is_json_without_tokens(client: PlotlyClient) -> None:
    token = client.token()
    path = client.new_plot({"x": [], "y": [], "stream": {"token": token, "maxpoints": 5}})

    response, body = client.get(f"{path}.json")

    assert response.headers["content-type"] == "application/json"
    assert json.loads(body)["data"] == [{"x": [], "y": [], "stream": {"maxpoints": 5}}]


def test_a_page_is_named_after_its_plot_and_names_stay_text(client: PlotlyClient) -> None:
    path = client.new_plot({"y": [1]}, filename=SCRIPT_LIKE)

    for page in (text_of(client, path), text_of(client, "/")):
        assert "<img src=x" not in page
        assert "<script>" not in page
    assert "<title>&lt;img src=x" in text_of(client, path)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/~demo/999", "There is no plot 999 of demo here."),
        ("/~%3Cb%3E/1", "There is no plot 1 of &lt;b&gt; here."),
        ("/~demo/99999999999999999999", "There is no page at this address."),
        ("/nowhere", "There is no page at this address."),
        ("/static/nothing.js", "There is no such file."),
        ("/static/..%2Fpages.py", "There is no page at this address."),
    ],
)
def test_a_missing_page_says_what_is_missing(client: PlotlyClient, path: str, what: str) -> None:
    response, body = client.get(path)

    assert response.status == 404
    assert f"<p>{what}</p>" in body.decode()


def test_a_missing_figure_is_told_in_json(client: PlotlyClient) -> None:
    response, body = client.get("/~demo/999.json")

    assert response.status == 404
    assert json.loads(body) == {"error": "There is no plot 999 of demo here."}


def grid(client: PlotlyClient, columns: dict[str, list[Any]], filename: str, **sharing: bool) -> str:
    """Makes one; gives what its client is told to open."""
    cols = {name: {"data": data, "order": order} for order, (name, data) in enumerate(columns.items())}
    body = json.dumps({"data": {"cols": cols}, "filename": filename, **sharing}).encode()
    key = base64.b64encode(f"{client.user.name}:{client.key}".encode()).decode()
    response, answer = client.request("POST", "/v2/grids", body, {"authorization": f"Basic {key}"})
    assert response.status == 201
    file = json.loads(answer)["file"]
    return str(file["web_url"]) + (f"?share_key={file['share_key']}" if "share_key" in file else "")


def open_url(url: str) -> tuple[int, str]:
    """As a browser does: it follows a redirection."""
    try:
        with urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_grids_address_shows_its_table(client: PlotlyClient) -> None:
    columns: dict[str, list[Any]] = {"time": ["12:00", "12:01", "12:02"], "volts": [4, 2.5], "more": [None, True, [1, "a"]]}
    status, page = open_url(grid(client, columns, "lab/voltage"))

    assert status == 200
    assert "<h1>lab/voltage</h1>" in page
    assert "3 columns, 3 rows." in page
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)", row) for row in re.findall("<tr>.*", page)]
    assert [[unescape(cell) for cell in row] for row in rows] == [
        ["time", "volts", "more"], ["12:00", "4", ""], ["12:01", "2.5", "true"], ["12:02", "", '[1,"a"]'],
    ]  # fmt: skip
    (data,) = re.findall(r'href="([^"]*\.json)"', page)
    assert json.loads(text_of(client, data))["cols"]["volts"]["data"] == [4, 2.5]


def test_what_a_grid_holds_stays_text(client: PlotlyClient) -> None:
    _, page = open_url(grid(client, {SCRIPT_LIKE: [SCRIPT_LIKE, {SCRIPT_LIKE: 1}]}, f"grid {SCRIPT_LIKE}"))

    assert "<img src=x" not in page
    assert "<script" not in page
    assert page.count("&lt;img src=x") == 6


def test_a_long_or_wide_grid_is_shown_in_part(client: PlotlyClient) -> None:
    _, long = open_url(grid(client, {"n": list(range(30_000))}, "long"))
    _, wide = open_url(grid(client, {str(n): ["x" * 1000] for n in range(150)}, "wide"))

    assert "1 column, the first 20,000 of 30,000 rows." in long
    assert ('<td class="number">19999</td>' in long, '<td class="number">20000</td>' in long) == (True, False)
    assert "The first 100 of 150 columns, 1 row." in wide
    assert f"<td>{'x' * 300}…</td>" in wide


def test_a_grid_is_seen_by_those_who_may_see_it(client: PlotlyClient) -> None:
    private = grid(client, {"a": [1]}, "private", world_readable=False)
    secret = grid(client, {"a": [1]}, "secret", world_readable=False, share_key_enabled=True)

    assert open_url(private)[0] == 404
    assert open_url(secret.partition("?")[0])[0] == 404
    status, page = open_url(secret)
    assert status == 200
    (data,) = re.findall(r'href="([^"]*\.json[^"]*)"', page)
    assert client.get(data)[0].status == 200
    assert client.get(data.partition("?")[0])[0].status == 404


def policy_of(response: HTTPResponse) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_every_page_begins_alike_and_has_a_title_of_its_own(client: PlotlyClient) -> None:
    pages = {
        "Plots": text_of(client, "/"),
        "Log in": text_of(client, "/login"),
        "Not found": text_of(client, "/nowhere"),
        "heights": text_of(client, client.new_plot({"y": [1]}, filename="heights")),
        "lengths": open_url(grid(client, {"a": [1]}, "lengths"))[1],
    }

    for title, page in pages.items():
        assert page.startswith('<!doctype html>\n<html lang="en">\n')
        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
        assert f"<title>{title}</title>" in page
        assert "/static/common.css?v=" in page


def test_every_page_forbids_scripts_and_requests_that_are_not_its_own(client: PlotlyClient) -> None:
    path = client.new_plot({"y": [1]})

    for address in ("/", path, "/nowhere"):
        response, body = client.get(address)
        policy = policy_of(response)
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", body.decode()))


def test_only_the_plots_page_allows_inline_styles_and_every_page_may_be_embedded(client: PlotlyClient) -> None:
    plot, _ = client.get(client.new_plot({"y": [1]}))
    index, _ = client.get("/")

    assert "'unsafe-inline'" in policy_of(plot)["style-src"]
    assert "'unsafe-inline'" not in policy_of(index)["style-src"]
    assert "frame-ancestors" not in policy_of(plot) | policy_of(index)


def test_files_are_cached_for_ever_under_the_address_that_pages_use(client: PlotlyClient) -> None:
    addresses = static_addresses(text_of(client, client.new_plot({"y": [1]})))

    assert len(addresses) >= 5
    for address in addresses:
        assert client.get(address)[0].headers["cache-control"] == "public, max-age=31536000, immutable"
        assert client.get(address.partition("?")[0])[0].headers["cache-control"] == "no-cache"


def test_plotly_js_travels_compressed_and_only_once(client: PlotlyClient) -> None:
    plain, script = client.get("/static/plotly.min.js")
    packed, body = client.get("/static/plotly.min.js", **{"accept-encoding": "gzip, br"})

    assert plain.headers["content-type"].startswith("text/javascript")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == script
    assert len(body) < len(script) / 2
    again, nothing = client.get("/static/plotly.min.js", **{"if-none-match": packed.headers["etag"]})
    assert (again.status, nothing) == (304, b"")


def test_a_viewer_gets_a_snapshot_then_deltas(client: PlotlyClient) -> None:
    token = client.token()
    path = client.new_plot({"x": [1], "y": [2], "stream": {"token": token, "maxpoints": 5}})

    with watch(client, path) as viewer, client.stream(token) as stream:
        snapshot = json.loads(viewer.recv(PATIENCE_S))
        stream.write({"x": 2, "y": 3})
        messages = iter(lambda: json.loads(viewer.recv(PATIENCE_S)), None)
        delta = next(message for message in messages if message["type"] == "delta")

    assert snapshot["type"] == "snapshot"
    assert snapshot["figure"]["data"] == [{"x": [1], "y": [2], "stream": {"maxpoints": 5}}]
    assert delta["seq"] == snapshot["seq"] + 1
    assert delta["traces"] == [{"i": 0, "extend": {"x": [2], "y": [3]}, "max": 5}]


def test_pages_of_other_sites_cannot_watch(client: PlotlyClient) -> None:
    path = client.new_plot({"y": [1]})

    with pytest.raises(InvalidStatus):
        watch(client, path, origin="http://elsewhere.example")
    with watch(client, path, origin=client.endpoint.url.rstrip("/")) as viewer:
        assert json.loads(viewer.recv(PATIENCE_S))["type"] == "snapshot"


@pytest.mark.parametrize(("method", "address", "body"), [
    ("POST", "/v2/plots/{}/trash", {}),
    ("PATCH", "/v2/plots/{}", {"world_readable": False}),
])  # fmt: skip
def test_a_viewer_is_told_when_the_plot_goes(client: PlotlyClient, method: str, address: str, body: dict[str, Any]) -> None:
    path = client.new_plot({"y": [1]}, filename="soon gone")
    key = base64.b64encode(f"{client.user.name}:{client.key}".encode()).decode()

    with watch(client, path) as viewer:
        assert json.loads(viewer.recv(PATIENCE_S))["type"] == "snapshot"
        fid = path.removeprefix("/~").replace("/", ":")
        client.request(method, address.format(fid), json.dumps(body).encode(), {"authorization": f"Basic {key}"})
        rest(viewer)


@in_core
async def test_a_viewer_sees_no_more_of_a_private_plot_when_their_login_has_ended(core: Core) -> None:
    info, token = await core.streamed_plot(sharing="private")
    cookie = f"plotpost-80={core.store.new_session(core.user)}".encode()
    told: asyncio.Queue[Message] = asyncio.Queue()
    from_viewer: asyncio.Queue[Message] = asyncio.Queue()
    from_viewer.put_nowait({"type": "websocket.connect"})
    scope = {
        "type": "websocket",
        "path": f"{info.path}/ws",
        "query_string": b"",
        "headers": [(b"cookie", cookie), (b"host", b"here")],
    }
    app = create_app(core.store, core.committer, core.plots, core.hub)
    watching = asyncio.create_task(app(scope, from_viewer.get, told.put))
    assert (await told.get())["type"] == "websocket.accept"
    assert json.loads((await told.get())["text"])["type"] == "snapshot"
    session = core.open(token)

    core.store.end_session(cookie.decode().partition("=")[2])
    pass_time(QUIET_S)
    session.lines(block([1]))

    messages = [await told.get()]
    while messages[-1]["type"] != "websocket.close":
        messages.append(await told.get())
    assert messages[-1]["code"] == GONE
    assert not any('"delta"' in message.get("text", "") for message in messages)
    from_viewer.put_nowait({"type": "websocket.disconnect", "code": GONE})
    await watching


# Plots inside the pages of others


def embedded(client: PlotlyClient, path: str, query: str = "", **headers: str) -> HTTPResponse:
    return client.get(f"{path}.embed{query}", **headers)[0]


def cookie_of(client: PlotlyClient) -> str:
    """Of the plots' owner, who is logged in."""
    store = Store.open(client.endpoint.data)
    try:
        return f"plotpost-{urlsplit(client.endpoint.url).port}={store.new_session(client.user)}"
    finally:
        store.close()


def test_a_public_plot_may_be_framed_by_anybody_whoever_is_logged_in(client: PlotlyClient) -> None:
    path = client.new_plot({"y": [1]})
    mine = {"cookie": cookie_of(client)}

    for headers in ({}, mine):
        response = embedded(client, path, **headers)
        assert response.status == 200
        assert "frame-ancestors" not in response.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in client.get(path, **mine)[0].headers["content-security-policy"]


def test_an_embedded_page_has_nothing_that_acts(client: PlotlyClient) -> None:
    page = client.get(f"{client.new_plot({'y': [1]})}.embed", cookie=cookie_of(client))[1].decode()

    assert "<form" not in page
    assert "Log" not in page
    assert "data-role" not in page


def test_a_secret_plot_is_embedded_by_its_key_and_a_private_one_by_nobody(client: PlotlyClient) -> None:
    secret = urlsplit(client.plot([{"y": [1]}], sharing="secret")["url"])
    private = urlsplit(client.plot([{"y": [1]}], sharing="private")["url"])
    mine = {"cookie": cookie_of(client)}

    assert embedded(client, secret.path, f"?{secret.query}").status == 200
    for path in (secret.path, private.path):
        assert client.get(path, **mine)[0].status == 200
        assert embedded(client, path, **mine).status == 404
        assert seen_until_gone(client, f"{path}.embed") == []


def test_the_socket_of_an_embedded_page_does_not_look_at_the_login_either(client: PlotlyClient) -> None:
    private = urlsplit(client.plot([{"y": [1]}], sharing="private")["url"]).path
    address = f"{client.endpoint.url.rstrip('/').replace('http://', 'ws://')}{private}"
    mine = {"cookie": cookie_of(client)}

    with connect(f"{address}/ws", additional_headers=mine, open_timeout=PATIENCE_S) as viewer:
        assert json.loads(viewer.recv(PATIENCE_S))["type"] == "snapshot"
    with connect(f"{address}.embed/ws", additional_headers=mine, open_timeout=PATIENCE_S) as viewer:
        assert rest(viewer) == []


def test_an_embedded_page_follows_its_plot(client: PlotlyClient) -> None:
    path = client.new_plot({"y": [1]})

    with watch(client, f"{path}.embed") as viewer:
        assert json.loads(viewer.recv(PATIENCE_S))["figure"]["data"] == [{"y": [1]}]


@pytest.mark.parametrize("kind", ["scatter", "scattergl", "scattermap"])
def test_both_pages_of_a_plot_may_do_what_its_traces_need(client: PlotlyClient, kind: str) -> None:
    path = client.new_plot({"type": kind, "y": [1]})
    policy, forbidden = plot_policy(client.figure(path))

    for address in (path, f"{path}.embed"):
        response, page = client.get(address)
        assert response.headers["content-security-policy"] == policy
        assert f'data-forbidden="{forbidden}"' in page.decode()
