"""Browsers are no way in for other sites: not by their requests, and not by a name of their own for this endpoint's address."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import trustme
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint import machine
from host_tools.endpoint.browsers import Names, foreign
from host_tools.endpoint.head import Headers
from tests.plotly_client import PATIENCE_S, PlotlyClient

Serve = Callable[..., ChildEndpoint]

FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:3000"},
    {"origin": "http://evil.example"},
    {"origin": "null"},
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


@pytest.fixture(scope="module")
def token(client: PlotlyClient) -> str:
    return client.token()


@pytest.fixture(scope="module")
def path(client: PlotlyClient, token: str) -> str:
    return client.new_plot({"y": [1], "stream": {"token": token}})


# Pages of other sites


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(
    "asked",
    [
        "POST /clientresp",
        "POST /v2/plots",
        "PATCH /v2/plots/me:1",
        "POST /apigenimage/",
        "POST /v2/images",
        "POST /",
        "POST /login",
    ],
)
def test_a_page_of_another_site_may_not_post(
    client: PlotlyClient, path: str, asked: str, headers: dict[str, str], token: str
) -> None:
    method, _, where = asked.partition(" ")
    body = urlencode(client.fields([{"y": [1]}])) if where == "/clientresp" else json.dumps({"streamtoken": token, "y": 2}) + "\n"
    own = {"plotly-username": client.user.name, "plotly-apikey": client.key} if where != "/" else {}
    response, text = client.request(method, where, body.encode(), {"content-type": "text/plain"} | own | headers)
    assert response.status == 403
    assert b"a page of another site" in text
    assert client.figure(path)["data"][0]["y"] == [1]


def test_wrong_keys_of_another_sites_page_lock_nobody_out(endpoint: ChildEndpoint) -> None:
    client = PlotlyClient(endpoint)
    for number in range(20):
        body = urlencode(client.fields([{"y": [1]}]) | {"key": f"wrong{number}"}).encode()
        client.request("POST", "/clientresp", body, {"sec-fetch-site": "cross-site"})
    assert client.plot([{"y": [1]}])["error"] == ""


def test_programs_and_the_endpoints_own_pages_are_not_foreign() -> None:
    for headers in (
        {},
        {"host": "a:1", "origin": "http://a:1"},
        {"host": "A:1", "origin": "https://a:1"},
        {"host": "rewritten", "origin": "https://a", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ):
        assert not foreign(Headers(list(headers.items())))


def test_links_and_pictures_of_other_sites_go_on_working(client: PlotlyClient, path: str) -> None:
    for where in (path, f"{path}.json"):
        assert client.get(where, **{"sec-fetch-site": "cross-site"})[0].status == 200


# Names of other sites


def ask(client: PlotlyClient, where: str, host: str, **headers: str) -> tuple[int, str]:
    response, text = client.get(where, host=host, **headers)
    return response.status, text.decode(errors="replace")


def test_pages_and_their_data_are_served_under_the_names_of_this_endpoint_alone(client: PlotlyClient, path: str) -> None:
    port = urlsplit(client.endpoint.url).port
    ours = ["localhost", f"LocalHost.:{port}", "192.168.7.7:8050", "[::1]:8050", "[fe80::1]", *machine.names()]
    for where in ("/", path, f"{path}.json", "/login", "/v2/plots/me:1/content"):
        for host in ours:
            assert ask(client, where, host)[0] == 200, host
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "2130706433"):
            status, text = ask(client, where, host)
            assert status == 421
            assert f"--name {host.partition(':')[0]}" in text
            assert "<" not in text


def test_a_viewer_is_fed_under_the_names_of_this_endpoint_alone(client: PlotlyClient, path: str) -> None:
    address = urlsplit(client.endpoint.url)
    ours, rebound = f"localhost:{address.port}", f"evil.example:{address.port}"

    def first(host: str) -> Any:
        plain = socket.create_connection((address.hostname or "", address.port or 0))
        with connect(f"ws://{host}{path}/ws", sock=plain, origin=Origin(f"http://{host}"), open_timeout=PATIENCE_S) as viewer:
            return json.loads(viewer.recv(PATIENCE_S))["type"]

    assert first(ours) == "snapshot"
    with pytest.raises(InvalidStatus, match="421"):
        first(rebound)


def test_a_page_under_a_name_of_its_own_may_not_act_either(client: PlotlyClient) -> None:
    headers = {"host": "evil.example", "origin": "http://evil.example"}
    for where in ("/login", "/clientresp", "/v2/plots"):
        assert client.request("POST", where, b"un=me&key=wrong&args=[]", headers)[0].status == 421
    given = {"plotly-username": "me", "plotly-apikey": "wrong", "authorization": "Bearer x"}
    assert ask(client, "/~me/1.json", "evil.example", **given)[0] == 421
    assert ask(client, "/v2/plots/me:1/content", "evil.example", authorization="Bearer x")[0] == 421


def test_programs_with_a_key_or_token_ask_by_any_name(client: PlotlyClient, path: str, token: str) -> None:
    body = urlencode(client.fields([{"y": [1]}])).encode()
    response, answer = client.request("POST", "/clientresp", body, {"host": "plots.example"})
    assert json.loads(answer)["url"].startswith("http://plots.example/")
    given = {"plotly-username": client.user.name, "plotly-apikey": client.key}
    assert ask(client, "/v2/plots/me:1/content", "plots.example", **given)[0] == 200
    response, _ = client.request("POST", "/", b"\n", {"host": "plots.example", "plotly-streamtoken": token})
    assert response.status == 200


def test_a_name_that_the_operator_gives_is_one_of_them(serve: Serve) -> None:
    client = PlotlyClient(serve("--name", "Plots.example", "--name", "other.example."))
    assert ask(client, "/", "plots.example")[0] == ask(client, "/", "other.example:80")[0] == 200
    assert ask(client, "/", "evil.example")[0] == 421


@pytest.mark.parametrize("name", ["http://plots.example", "plots.example:8050", "", "*.example"])
def test_what_is_no_name_is_refused_with_an_example(serve: Serve, name: str) -> None:
    with pytest.raises(Exception, match=r"use one such as plots\.example\.com"):
        serve("--name", name)


def test_the_names_of_the_operators_certificate_are(serve: Serve, tmp_path: Any) -> None:
    leaf = trustme.CA().issue_cert("plots.example", "*.boards.example")
    leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / "cert.pem")
    client = PlotlyClient(serve("--tls-cert", str(tmp_path / "cert.pem"), "--tls-port", "0"))
    assert ask(client, "/", "plots.example")[0] == ask(client, "/", "a.boards.example")[0] == 200
    assert ask(client, "/", "a.b.boards.example")[0] == ask(client, "/", "boards.example")[0] == 421


def test_a_trusted_proxy_serves_whatever_name_it_likes(serve: Serve) -> None:
    client = PlotlyClient(serve("--trusted-proxy", "127.0.0.1"))
    assert ask(client, "/", "plots.example")[0] == 200


def test_a_name_that_was_refused_is_told_in_the_log_once_with_what_to_add(endpoint: ChildEndpoint) -> None:
    client = PlotlyClient(endpoint)
    for number in range(40):
        ask(client, "/", "plots.example")
        ask(client, "/", f"evil{number}.example")
    lines = endpoint.log.read_text().splitlines()
    assert sum("--name plots.example" in line for line in lines) == 1
    assert len(lines) <= 10


def test_behind_a_proxy_that_was_not_named_the_log_says_how_to_name_it(endpoint: ChildEndpoint) -> None:
    status, text = ask(PlotlyClient(endpoint), "/", "plots.example", **{"x-forwarded-for": "192.0.2.1"})
    assert status == 421
    assert "--trusted-proxy 127.0.0.1" in text


def test_names_are_looked_up_when_they_are_asked_for() -> None:
    certified: set[str] = set()
    names = Names((), lambda: certified)
    assert "plots.example" not in names
    certified.add("plots.example")
    assert "plots.example" in names
