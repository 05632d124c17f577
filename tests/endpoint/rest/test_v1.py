"""Plotly's REST dialect v1, as its clients send it to a running endpoint."""

import json
import socket
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from host_tools.endpoint.attempts import LIMIT
from host_tools.endpoint.rest.request import BODY_LIMIT
from tests.plotly_client import PATIENCE_S, PlotlyClient


def post(client: PlotlyClient, body: bytes, path: str = "/clientresp", **headers: str) -> dict[str, str]:
    """Every answer is JSON whose values are texts, `error` among them: npm's plotly reads its length without looking."""
    response, answer = client.request("POST", path, body, headers)
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    told: dict[str, str] = json.loads(answer)
    assert all(isinstance(value, str) for value in told.values())
    assert "error" in told
    return told


def raw_body(client: PlotlyClient, traces: str, options: str = "{}") -> bytes:
    account = f"un={client.user.name}&key={client.key}"
    return f"platform=nodejs&version=1.0.6&args={traces}&kwargs={options}&{account}&origin=plot".encode()


def test_npm_plotly_makes_a_plot_without_encoding_anything(client: PlotlyClient) -> None:
    trace = {"x": [1, 2], "y": [3, 4], "name": "50 % & more = a+b °C"}
    options = {"filename": "node", "fileopt": "overwrite", "layout": {"title": "a & b"}}

    told = post(client, raw_body(client, json.dumps([trace]), json.dumps(options)))

    assert told["error"] == ""
    assert told["filename"] == "node"
    assert told["url"].startswith(f"{client.endpoint.url.rstrip('/')}/~{client.user.name}/")
    assert client.figure(urlsplit(told["url"]).path) == {"data": [trace], "layout": {"title": "a & b"}}


def test_npm_plotly_may_leave_its_options_out(client: PlotlyClient) -> None:
    assert post(client, raw_body(client, '[{"x": [1], "y": [2]}]', "undefined"))["error"] == ""


def test_the_python_sdk_makes_a_plot_with_a_urlencoded_form(client: PlotlyClient) -> None:
    trace = {"x": [1], "y": [2], "name": "50 % & more = a+b °C"}

    told = post(client, urlencode(client.fields([trace], filename="sdk", fileopt="new", world_readable=True)).encode())

    assert client.figure(urlsplit(told["url"]).path)["data"] == [trace]


def test_the_arduino_library_finds_the_words_it_looks_for(client: PlotlyClient) -> None:
    address = urlsplit(client.endpoint.url)
    trace = f'{{"y": [], "x": [], "type": "scatter", "stream": {{"token": "{client.token()}", "maxpoints": 30}}}}'
    body = (
        f"version=2.3&origin=plot&platform=arduino&un={client.user.name}&key={client.key}&args=[{trace}]"
        '&kwargs={"fileopt": "overwrite", "filename": "arduino", "world_readable": true}'
    ).encode()
    head = f"POST /clientresp HTTP/1.1\r\nHost: {address.hostname}:{address.port}\r\nUser-Agent: Arduino/0.6.0\r\n"

    with socket.create_connection((address.hostname, address.port or 80), timeout=PATIENCE_S) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        for byte in range(0, len(body), 7):
            connection.sendall(body[byte : byte + 7])
        connection.sendall(b"\r\n")  # its last line end is not counted
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"url": "http://' in answer
    assert b"All Streams Go!" in answer


def test_a_trace_with_a_token_is_told_where_to_stream(client: PlotlyClient) -> None:
    told = client.plot([{"x": [], "y": [], "stream": {"token": client.token(), "maxpoints": 5}}])

    assert told["stream-status"] == "All Streams Go!"
    assert told["stream-host"] == client.endpoint.url.rstrip("/")


def test_a_plot_without_tokens_is_told_of_no_stream(client: PlotlyClient) -> None:
    assert not {"stream-host", "stream-status"} & client.plot([{"x": [1], "y": [2]}]).keys()


@pytest.mark.parametrize("path", ["/clientresp", "/clientresp/"])
def test_the_address_begins_with_the_name_that_the_client_used(client: PlotlyClient, path: str) -> None:
    body = urlencode(client.fields([{"y": [1], "stream": {"token": client.token()}}])).encode()

    told = post(client, body, path, Host="plots.example:81")

    assert told["url"].startswith("http://plots.example:81/~")
    assert told["stream-host"] == "http://plots.example:81"
    assert "http://plots.example:81/~" in told["message"]


def test_behind_a_proxy_that_speaks_https_the_address_begins_with_that(client: PlotlyClient) -> None:
    body = urlencode(client.fields([{"y": [1]}])).encode()
    _, answer = client.request("POST", "/clientresp", body, {"host": "plots.example", "x-forwarded-proto": "https"})

    assert json.loads(answer)["url"].startswith("https://plots.example/~")


@pytest.mark.parametrize("kwargs", [{}, {"filename": ""}, {"filename": " "}])
def test_a_plot_without_a_name_is_called_by_its_number(client: PlotlyClient, kwargs: dict[str, str]) -> None:
    told = client.plot([{"y": [1]}], **kwargs)

    name = f"plot {told['url'].rpartition('/')[2]}"
    assert told["filename"] == name
    assert f"<title>{name}</title>" in client.get(urlsplit(told["url"]).path)[1].decode()


def test_pairs_of_lists_are_x_and_y(client: PlotlyClient) -> None:
    told = post(client, raw_body(client, "[[0, 1], [3, 4], [0, 1], [5, 6]]"))

    assert client.figure(urlsplit(told["url"]).path)["data"] == [{"x": [0, 1], "y": [3, 4]}, {"x": [0, 1], "y": [5, 6]}]


def test_the_same_filename_keeps_its_address_when_overwritten(client: PlotlyClient) -> None:
    first = client.plot([{"y": [1]}], filename="same", fileopt="overwrite")
    second = client.plot([{"y": [2]}], filename="same", fileopt="overwrite")

    assert first["url"] == second["url"]
    assert client.figure(urlsplit(second["url"]).path)["data"] == [{"y": [2]}]


def test_extend_keeps_the_points_that_are_there(client: PlotlyClient) -> None:
    client.plot([{"x": [1], "y": [1]}], filename="kept", fileopt="overwrite")
    told = client.plot([{"x": [2], "y": [4]}], filename="kept", fileopt="extend")

    assert client.figure(urlsplit(told["url"]).path)["data"] == [{"x": [1, 2], "y": [1, 4]}]


@pytest.mark.parametrize("kwargs", [{"world_readable": False}, {"sharing": "private"}])
def test_a_private_plot_is_made_with_a_warning_that_nobody_sees_it(client: PlotlyClient, kwargs: dict[str, Any]) -> None:
    told = client.plot([{"y": [1]}], **kwargs)

    assert told["error"] == ""
    assert "private" in told["warning"]


BAD_FIELDS: list[tuple[str, dict[str, str], str]] = [
    ("no user", {"un": ""}, "un (the user's name) and key (its API key) are both needed"),
    ("unknown user", {"un": "nobody"}, "there is no user with this name and API key"),
    ("wrong key", {"key": "aaaaaaaaaa"}, "there is no user with this name and API key"),
    ("args not JSON", {"args": "[1,"}, "args is not JSON"),
    ("args no list", {"args": '{"x": []}'}, "args must be a JSON list of traces"),
    ("args of texts", {"args": '["x"]'}, "the data of a plot must be a list of traces"),
    ("odd lists", {"args": "[[1], [2], [3]]"}, "args holds lists only, so they must be pairs"),
    ("half a character", {"args": '[{"name": "\\ud800"}]'}, "the plot holds what JSON cannot"),
    ("an endless integer", {"args": '[{"y": [99999999999999999999999]}]'}, "the plot holds what JSON cannot"),
    ("kwargs not JSON", {"kwargs": "[]]"}, "kwargs is not JSON"),
    ("kwargs a list", {"kwargs": "[1]"}, "kwargs must be a JSON object"),
    ("layout a text", {"kwargs": '{"layout": "x"}'}, "the layout of a plot must be an object"),
    ("filename a number", {"kwargs": '{"filename": 5}'}, "kwargs.filename must be text"),
    ("half a character in the filename", {"kwargs": '{"filename": "\\ud800"}'}, "the filename holds half a character"),
    ("endless filename", {"kwargs": json.dumps({"filename": "x" * 301})}, "a filename has 1 to 300 characters"),
    ("unknown fileopt", {"kwargs": '{"fileopt": "add"}'}, "fileopt is 'add'; it must be one of new, overwrite"),
    ("fileopt a number", {"kwargs": '{"fileopt": 5}'}, "kwargs.fileopt must be text"),
    ("nested too deeply", {"args": '[{"x": ' + "[" * 100 + "]" * 100 + "}]"}, "the plot is nested more than"),
    ("unknown sharing", {"kwargs": '{"sharing": "all"}'}, "sharing is 'all'; it must be one of public, private"),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in BAD_FIELDS], ids=[row[0] for row in BAD_FIELDS])
def test_a_clients_fault_is_told_in_error(client: PlotlyClient, change: dict[str, str], message: str) -> None:
    told = post(client, urlencode(client.fields([{"y": [1]}]) | change).encode())

    assert told["error"].startswith(message)
    assert told["url"] == ""
    assert client.key not in told["error"]


def test_an_unregistered_token_is_told_in_error_and_makes_no_plot(client: PlotlyClient) -> None:
    told = client.plot([{"y": [], "stream": {"token": "notmytoken"}}], filename="no plot")

    assert "token" in told["error"]
    assert "stream-status" not in told
    assert b"no plot" not in client.get("/")[1]


def test_a_guesser_has_to_wait_and_the_owner_elsewhere_does_not(client: PlotlyClient) -> None:
    guess = urlencode(client.fields([{"y": [1]}]) | {"un": "victim", "key": "aaaaaaaaaa"}).encode()
    errors = [post(client, guess)["error"] for _ in range(LIMIT + 1)]

    assert all(error.startswith("there is no user") for error in errors[:LIMIT])
    assert errors[LIMIT].startswith("too many wrong API keys from this address: try again in ")
    assert client.plot([{"y": [1]}])["error"] == ""


def test_a_request_that_is_too_large_is_told_so(client: PlotlyClient) -> None:
    response, answer = client.request("POST", "/clientresp", b"args=[" + b" " * BODY_LIMIT)

    assert response.status == 413
    assert json.loads(answer)["error"].startswith("the request is larger than 32 MiB")


def test_get_is_refused(client: PlotlyClient) -> None:
    assert client.get("/clientresp")[0].status == 405


def test_a_figure_is_read_by_those_who_may_see_it(client: PlotlyClient) -> None:
    path = urlsplit(client.plot([{"y": [1]}], filename="seen", sharing="private")["url"]).path.replace("~", "apigetfile/")
    owner = {"plotly-username": client.user.name, "plotly-apikey": client.key}

    assert json.loads(client.get(path, **owner)[1]) == {"error": "", "payload": {"figure": {"data": [{"y": [1]}], "layout": {}}}}
    response, answer = client.get(path)
    assert response.status == 404
    assert "there is no file" in json.loads(answer)["error"]


# How a plot looks


def restyle(client: PlotlyClient, origin: str, args: Any, **kwargs: Any) -> dict[str, str]:
    """What is answered to `origin=style` or `origin=layout`."""
    fields = client.fields(args) | {"origin": origin, "kwargs": json.dumps(kwargs)}
    return post(client, urlencode(fields).encode())


def count_plots(client: PlotlyClient) -> int:
    return client.get("/")[1].decode().count('class="name"')


def test_origin_style_changes_the_traces_of_a_plot_that_is_there(client: PlotlyClient) -> None:
    path = client.new_plot({"y": [1]}, {"y": [2]}, {"y": [3]}, filename="styled")
    before = count_plots(client)

    told = restyle(client, "style", [{"line": {"color": "red", "width": 3}}, {"name": "second"}], filename="styled")

    assert told["error"] == ""
    assert urlsplit(told["url"]).path == path
    assert client.figure(path)["data"] == [
        {"y": [1], "line": {"color": "red", "width": 3}},
        {"y": [2], "name": "second"},
        {"y": [3], "line": {"color": "red", "width": 3}},
    ]
    assert restyle(client, "style", {"name": "last"}, filename="styled", traces=[2])["error"] == ""
    assert [trace.get("name") for trace in client.figure(path)["data"]] == [None, "second", "last"]
    assert count_plots(client) == before


def test_origin_layout_changes_the_layout_and_keeps_the_rest(client: PlotlyClient) -> None:
    path = client.new_plot({"y": [1]}, filename="laid out", layout={"yaxis": {"type": "log"}})

    for args in ({"title": {"text": "new"}}, [{"yaxis": {"range": [0, 1]}}]):
        assert restyle(client, "layout", args, filename="laid out")["error"] == ""

    assert client.figure(path) == {
        "data": [{"y": [1]}],
        "layout": {"title": {"text": "new"}, "yaxis": {"type": "log", "range": [0, 1]}},
    }


@pytest.mark.parametrize(("origin", "args", "kwargs", "word"), [
    ("style", [{"name": "n"}], {"filename": "nowhere"}, "has no plot 'nowhere'"),
    ("layout", {"title": "n"}, {"filename": "nowhere"}, "has no plot 'nowhere'"),
    ("style", [{"name": "n"}], {}, "kwargs.filename"),
    ("style", [], {"filename": "there"}, "args"),
    ("layout", ["x"], {"filename": "there"}, "args"),
    ("style", [{"y": [9]}], {"filename": "there"}, "y is data, not style"),
    ("style", [{"name": "n"}], {"filename": "there", "traces": [7]}, "no trace 8"),
    ("style", [{"name": "n"}], {"filename": "there", "traces": ["0"]}, "kwargs.traces"),
    ("import", [{"y": [1]}], {"filename": "there"}, "origin is 'import'"),
])  # fmt: skip
def test_a_restyling_that_cannot_be_done_is_refused_and_makes_no_plot(
    client: PlotlyClient, origin: str, args: Any, kwargs: dict[str, Any], word: str
) -> None:
    path = client.new_plot({"y": [1]}, filename="there")
    before = count_plots(client)

    told = restyle(client, origin, args, **kwargs)

    assert word in told["error"]
    assert told["url"] == ""
    assert count_plots(client) == before
    assert client.figure(path) == {"data": [{"y": [1]}], "layout": {}}


def test_transforms_are_told_in_the_warning(client: PlotlyClient) -> None:
    told = client.plot([{"y": [1], "transforms": [{"type": "filter"}]}], filename="transformed")

    assert told["error"] == ""
    assert told["warning"].startswith("trace 1: transforms are not drawn")
