"""Logging in to the pages with an API key, as a browser does it, and what other sites cannot do with it."""

import json
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.attempts import LIMIT
from host_tools.endpoint.login import _local
from host_tools.endpoint.store import Store
from host_tools.endpoint.tls import CA
from tests.plotly_client import PATIENCE_S, PlotlyClient


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


def post(client: PlotlyClient, path: str, fields: dict[str, str], **headers: str) -> tuple[HTTPResponse, bytes]:
    own = {"origin": client.endpoint.url, "content-type": "application/x-www-form-urlencoded"}
    return client.request("POST", path, urlencode(fields).encode(), own | headers)


def log_in(client: PlotlyClient, **fields: str) -> HTTPResponse:
    return post(client, "/login", {"user": client.user.name, "key": client.key, "next": "/", **fields})[0]


def cookie_of(response: HTTPResponse) -> str:
    """What the browser shows from now on."""
    return response.headers["set-cookie"].partition(";")[0]


@pytest.fixture
def cookie(client: PlotlyClient) -> str:
    return cookie_of(log_in(client))


@pytest.fixture
def private(client: PlotlyClient) -> str:
    return urlsplit(client.plot([{"y": [1]}], filename="diary", world_readable=False)["url"]).path


@pytest.fixture
def anns(client: PlotlyClient) -> str:
    """The cookie of another user who is logged in."""
    store = Store.open(client.endpoint.data)
    key = store.rotate_key(ann) if (ann := store.user("ann")) else store.create_user("ann")
    store.close()
    return cookie_of(log_in(client, user="ann", key=key))


def test_a_private_plot_is_shown_to_its_owner_alone(client: PlotlyClient, private: str, cookie: str, anns: str) -> None:
    assert client.get(private, cookie=cookie)[0].status == 200
    assert json.loads(client.get(f"{private}.json", cookie=cookie)[1])["data"] == [{"y": [1]}]
    for headers in ({}, {"cookie": anns}, {"cookie": "plotpost=1"}):
        assert client.get(private, **headers)[0].status == 404
        assert client.get(f"{private}.json", **headers)[0].status == 404


def test_only_the_owner_can_watch_a_private_plot(client: PlotlyClient, private: str, cookie: str, anns: str) -> None:
    address = client.endpoint.url.replace("http:", "ws:") + private + "/ws"
    with connect(address, additional_headers={"cookie": cookie}, open_timeout=PATIENCE_S) as viewer:
        assert json.loads(viewer.recv(PATIENCE_S))["type"] == "snapshot"
    with (
        connect(address, additional_headers={"cookie": anns}, open_timeout=PATIENCE_S) as viewer,
        pytest.raises(ConnectionClosed),
    ):
        viewer.recv(PATIENCE_S)


def test_the_list_has_the_owners_private_plots_for_them_alone(client: PlotlyClient, private: str, cookie: str, anns: str) -> None:
    assert f'href="{private}"' in client.get("/", cookie=cookie)[1].decode()
    assert f"{client.user.name}, private" in client.get("/", cookie=cookie)[1].decode()
    for page in (client.get("/"), client.get("/", cookie=anns)):
        assert f'href="{private}"' not in page[1].decode()


def test_a_login_leads_back_to_where_it_was_asked_for(client: PlotlyClient, private: str) -> None:
    page = client.get(private)[1].decode()
    assert f'href="/login?{urlencode({"next": private})}"' in page
    assert log_in(client, next=private).headers["location"] == private


@pytest.mark.parametrize(
    "goal", ["//evil.example", "/\\evil.example", "https://evil.example", "", "x", "/a\r\nb: c", "javascript:alert(1)", "/\t/e"]
)
def test_a_login_leads_nowhere_else(client: PlotlyClient, goal: str) -> None:
    assert _local(goal) == "/"
    assert log_in(client, next=goal).headers["location"] == "/"


@pytest.mark.parametrize(
    "fields", [{"key": "zzzzzzzzzz"}, {"key": ""}, {"user": "nobody"}, {"user": ""}, {"user": "<b>", "key": "\udcff"}]
)
def test_a_wrong_name_or_key_is_told_without_which(client: PlotlyClient, fields: dict[str, str]) -> None:
    sent = {"user": client.user.name, "key": client.key} | {k: v.encode("utf-8", "replace").decode() for k, v in fields.items()}
    response, body = post(client, "/login", sent)
    assert response.status == 403
    assert "There is no user with this name and API key." in body.decode()
    assert "set-cookie" not in response.headers
    assert client.key not in body.decode()
    assert "<b>" not in body.decode()


def test_too_many_wrong_keys_close_the_door_for_a_while_for_that_user_only(endpoint: ChildEndpoint) -> None:
    client = PlotlyClient(endpoint)
    for _ in range(LIMIT):
        log_in(client, key="zzzzzzzzzz")
    response, body = post(client, "/login", {"user": client.user.name, "key": client.key})
    assert response.status == 429
    assert "Too many wrong API keys" in body.decode()
    assert "too many wrong API keys" in client.plot([{"y": [1]}])["error"]
    assert log_in(client, user="eve").status == 403


def test_no_script_can_read_the_cookie_and_no_other_site_sends_it(client: PlotlyClient) -> None:
    (morsel,) = SimpleCookie(log_in(client).headers["set-cookie"]).values()
    assert morsel["httponly"] is True
    assert morsel["samesite"] == "lax"
    assert morsel["path"] == "/"
    assert morsel["domain"] == ""
    assert morsel.key == f"plotpost-{urlsplit(client.endpoint.url).port}"


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def test_over_tls_the_cookie_never_travels_plain(serve: Callable[..., ChildEndpoint]) -> None:
    endpoint = serve("--tls-self-signed", "--tls-port", "0")
    client = PlotlyClient(endpoint)
    fields = urlencode({"user": client.user.name, "key": client.key}).encode()
    opener = build_opener(HTTPSHandler(context=ssl.create_default_context(cafile=endpoint.data / CA)), _Stay)
    with pytest.raises(OSError, match="303") as answer:
        opener.open(Request(f"{endpoint.tls_url}/login", fields, {"Origin": endpoint.tls_url or ""}), timeout=PATIENCE_S)
    (morsel,) = SimpleCookie(answer.value.headers["set-cookie"]).values()  # type: ignore[attr-defined]
    answer.value.close()  # type: ignore[attr-defined]
    assert morsel["secure"] is True
    assert morsel.key.startswith("__Host-plotpost-")


def test_a_logout_ends_the_session_for_good(client: PlotlyClient, private: str, cookie: str) -> None:
    response, _ = post(client, "/logout", {}, cookie=cookie)
    assert response.status == 303
    assert "max-age=0" in response.headers["set-cookie"].lower()
    assert client.get(private, cookie=cookie)[0].status == 404


def test_a_session_outlives_a_restart_and_ends_with_the_key(endpoint: ChildEndpoint, free_port: int) -> None:
    endpoint.kill()
    endpoint.port = free_port
    endpoint.start()
    client = PlotlyClient(endpoint)
    path = urlsplit(client.plot([{"y": [1]}], world_readable=False)["url"]).path
    cookie = cookie_of(log_in(client))
    endpoint.kill()
    endpoint.start()
    assert client.get(path, cookie=cookie)[0].status == 200
    store = Store.open(endpoint.data)
    store.rotate_key(client.user)
    store.close()
    assert client.get(path, cookie=cookie)[0].status == 404


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", None])
def test_another_site_can_neither_log_in_nor_out(client: PlotlyClient, private: str, cookie: str, origin: str | None) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded", **({"origin": origin} if origin else {})}
    fields = urlencode({"user": client.user.name, "key": client.key}).encode()
    for path in ("/login", "/logout"):
        response, _ = client.request("POST", path, fields, headers | {"cookie": cookie})
        assert response.status == 403
        assert "set-cookie" not in response.headers
    assert client.get(private, cookie=cookie)[0].status == 200


def test_pages_of_somebody_logged_in_cannot_be_framed(client: PlotlyClient, private: str, cookie: str) -> None:
    for path in ("/", private, "/nothing"):
        assert "frame-ancestors 'none'" in client.get(path, cookie=cookie)[0].headers["content-security-policy"]
    assert "frame-ancestors 'none'" in client.get("/login")[0].headers["content-security-policy"]


def test_a_login_that_is_too_long_is_refused(client: PlotlyClient) -> None:
    assert post(client, "/login", {"user": "x" * 20_000})[0].status == 413
