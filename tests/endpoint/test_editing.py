"""Restyling by hand, as the page asks for it: whose plot it is decides what happens."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from websockets.sync.client import connect

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import Store
from tests.plotly_client import PATIENCE_S, PlotlyClient


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


def cookie_of(client: PlotlyClient, user: str, key: str) -> str:
    headers = {"origin": client.endpoint.url}
    response, _ = client.request("POST", "/login", urlencode({"user": user, "key": key}).encode(), headers)
    return response.headers["set-cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def owners(client: PlotlyClient) -> str:
    return cookie_of(client, client.user.name, client.key)


@pytest.fixture(scope="module")
def anns(client: PlotlyClient) -> str:
    store = Store.open(client.endpoint.data)
    key = store.create_user("ann")
    store.close()
    return cookie_of(client, "ann", key)


def send(client: PlotlyClient, path: str, style: Any, cookie: str = "", **headers: str) -> tuple[int, dict[str, str]]:
    own = {"origin": client.endpoint.url, "cookie": cookie}
    response, body = client.request("POST", path, json.dumps(style).encode(), own | headers)
    answer: dict[str, str] = json.loads(body)
    return response.status, answer


NEW_TITLE = {"layout": {"title.text": "new"}}


def test_the_owner_restyles_the_plot_for_everybody_who_has_it_open(client: PlotlyClient, owners: str) -> None:
    path = client.new_plot({"x": [1], "y": [2], "mode": "lines"}, layout={"title": {"text": "old"}})
    with connect(client.endpoint.url.replace("http:", "ws:") + path + "/ws", open_timeout=PATIENCE_S) as viewer:
        viewer.recv(PATIENCE_S)
        style = {"layout": {"title.text": "new"}, "traces": {"0": {"mode": "markers", "line.color": "#ff0000"}}}
        assert send(client, f"{path}/style", style, owners) == (200, {"error": ""})
        seen = json.loads(viewer.recv(PATIENCE_S))["figure"]
    assert seen == client.figure(path)
    assert seen["layout"] == {"title": {"text": "new"}}
    assert seen["data"] == [{"x": [1], "y": [2], "mode": "markers", "line": {"color": "#ff0000"}}]


def test_points_that_stream_in_meanwhile_are_kept(client: PlotlyClient, owners: str) -> None:
    token = client.token()
    path = client.new_plot({"x": [], "y": [], "stream": {"token": token}})
    with client.stream(token) as stream:
        for number in range(30):
            stream.write({"x": number, "y": number})
            if number % 5 == 0:
                assert send(client, f"{path}/style", {"layout": {"title.text": str(number)}}, owners)[0] == 200
        assert stream.end().startswith(b"HTTP/1.1 200 ")
    assert client.figure(path)["data"][0]["y"] == list(range(30))
    assert client.figure(path)["layout"]["title"]["text"] == "25"


def test_nobody_else_can_restyle_a_plot(client: PlotlyClient, owners: str, anns: str) -> None:
    path = client.new_plot({"y": [1]}, layout={"title": {"text": "old"}})
    status, answer = send(client, f"{path}/style", NEW_TITLE, anns)
    assert (status, answer["error"]) == (403, f"the plot is {client.user.name}'s: save a copy of your own")
    status, answer = send(client, f"{path}/style", NEW_TITLE)
    assert (status, answer["error"]) == (401, "log in in another window, then save again")
    foreign = {"origin": "http://evil.example", "cookie": owners}
    response, text = client.request("POST", f"{path}/style", json.dumps(NEW_TITLE).encode(), foreign)
    assert response.status == 403
    assert text
    assert client.figure(path)["layout"]["title"]["text"] == "old"


def test_a_visitors_save_is_a_static_copy_of_their_own(client: PlotlyClient, anns: str) -> None:
    token = client.token()
    path = client.new_plot({"x": [1], "y": [2], "stream": {"token": token}}, filename="greenhouse")
    status, answer = send(client, f"{path}/copy", NEW_TITLE, anns)
    assert status == 201
    assert answer["path"].startswith("/~ann/")
    with client.stream(token) as stream:
        stream.write({"x": 2, "y": 3})
        assert stream.end().startswith(b"HTTP/1.1 200 ")
    assert client.figure(path)["data"][0]["y"] == [2, 3]
    assert client.figure(path)["layout"] == {}
    assert client.figure(answer["path"]) == {"data": [{"x": [1], "y": [2]}], "layout": {"title": {"text": "new"}}}
    assert "Copy of greenhouse" in client.get(answer["path"])[1].decode()


def test_a_copy_of_a_secret_plot_needs_its_link_and_gets_one_of_its_own(client: PlotlyClient, anns: str) -> None:
    url = urlsplit(client.plot([{"y": [1]}], sharing="secret")["url"])
    assert send(client, f"{url.path}/copy", {}, anns)[0] == 404
    status, answer = send(client, f"{url.path}/copy?{url.query}", {}, anns)
    assert status == 201
    copy = urlsplit(answer["path"])
    assert client.get(copy.path)[0].status == 404
    assert client.get(answer["path"])[0].status == 200
    assert copy.query != url.query


def test_a_private_plot_cannot_be_copied_by_others(client: PlotlyClient, anns: str) -> None:
    path = urlsplit(client.plot([{"y": [1]}], world_readable=False)["url"]).path
    assert send(client, f"{path}/copy", {}, anns) == (404, {"error": "there is no such plot"})


def test_a_style_that_makes_no_sense_changes_nothing(client: PlotlyClient, owners: str) -> None:
    path = client.new_plot({"y": [1]})
    before = client.figure(path)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"title": "x"}, "a style must be"),
        ({**NEW_TITLE, "traces": {"7": {}}}, "no trace 8"),
        ({**NEW_TITLE, "traces": {"0": {"y": [9]}}}, "y is data"),
    ]
    for style, why in cases:
        status, answer = send(client, f"{path}/style", style, owners)
        assert status in (400, 409)
        assert why in answer["error"]
    assert send(client, f"{path}/style", {"layout": {"title.text": "x" * 300_000}}, owners)[0] == 413
    response, _ = client.request("POST", f"{path}/style", b"{", {"origin": client.endpoint.url, "cookie": owners})
    assert response.status == 400
    assert client.figure(path) == before


def test_what_the_owner_saves_outlives_a_kill(endpoint: ChildEndpoint) -> None:
    client = PlotlyClient(endpoint)
    path = client.new_plot({"y": [1]})
    assert send(client, f"{path}/style", NEW_TITLE, cookie_of(client, client.user.name, client.key))[0] == 200
    endpoint.kill()
    endpoint.start()
    assert client.figure(path)["layout"] == {"title": {"text": "new"}}
