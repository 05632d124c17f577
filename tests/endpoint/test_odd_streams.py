"""What programs really write to a stream, over a real socket to a real endpoint: it is used, or its sender is told why not."""

import gzip
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from host_tools.child_endpoint import ChildEndpoint
from tests.plotly_client import PATIENCE_S, PlotlyClient


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


def fed_plot(client: PlotlyClient) -> tuple[str, str]:
    token = client.token()
    return token, client.new_plot({"x": [], "y": [], "stream": {"token": token}}, filename=token)


def post(client: PlotlyClient, body: bytes, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response, text = client.request("POST", "/", body, named)
    return response.status, text.decode()


def send(client: PlotlyClient, data: bytes) -> bytes:
    """All that comes back until the endpoint closes."""
    address = urlsplit(client.endpoint.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=PATIENCE_S) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_sensor_that_fails_once_leaves_a_gap_and_loses_nobody_anything(client: PlotlyClient) -> None:
    (one, path_one), (two, path_two) = fed_plot(client), fed_plot(client)
    words = {3: "nan", 9: "NAN", 14: "inf", 21: "-inf", 30: "ovf"}
    lines = [f'{{"streamtoken":"{(one, two)[number % 2]}","x":{number},"y":{words.get(number, number)}}}' for number in range(40)]
    assert post(client, "\n".join(lines).encode()) == (200, "all of it is stored\n")
    for path, first in ((path_one, 0), (path_two, 1)):
        trace = client.figure(path)["data"][0]
        assert trace["x"] == list(range(first, 40, 2))
        assert trace["y"] == [None if number in words else number for number in trace["x"]]


def test_a_bom_and_half_a_surrogate_are_no_reason_to_end_a_stream(client: PlotlyClient) -> None:
    token, path = fed_plot(client)
    body = '\ufeff{"x":1,"text":"caf\\ud83d"}\n{"x":2,"text":"whole \\ud83d\\ude00"}\n'.encode()
    assert post(client, body, plotly_streamtoken=token) == (200, "all of it is stored\n")
    assert client.figure(path)["data"][0]["text"] == ["caf\ufffd", "whole \U0001f600"]


@pytest.mark.parametrize(
    ("body", "what"),
    [(gzip.compress(b'{"x":1}\n'), "gzip"), ('{"text":"21 °C"}\n'.encode("latin-1"), "Latin-1"), ('{"x":1}\n'.encode("utf-16"), "UTF-16")],
)  # fmt: skip
def test_a_body_that_is_no_text_in_utf_8_is_told_what_it_is(client: PlotlyClient, body: bytes, what: str) -> None:
    token, path = fed_plot(client)
    status, text = post(client, body, plotly_streamtoken=token)
    assert (status, what in text) == (422, True)
    assert client.figure(path)["data"][0]["x"] == []


def test_a_post_without_a_length_is_411_and_says_how(client: PlotlyClient) -> None:
    token, path = fed_plot(client)
    answer = send(client, f'POST / HTTP/1.1\r\nHost: x\r\nplotly-streamtoken: {token}\r\n\r\n{{"x":1}}\n'.encode())
    assert answer.startswith(b"HTTP/1.1 411 Length Required\r\n")
    assert b"--data-binary" in answer
    assert client.figure(path)["data"][0]["x"] == []


def test_a_stream_of_nothing_is_not_told_that_all_of_it_is_stored(client: PlotlyClient) -> None:
    token, _ = fed_plot(client)
    for body in (b"", b"\n\n"):
        assert post(client, body, plotly_streamtoken=token) == (200, "nothing was in it to store\n")


@pytest.mark.parametrize("stored", [True, False])
def test_everybody_who_streams_for_several_tokens_is_answered(client: PlotlyClient, stored: bool) -> None:
    token, path = fed_plot(client)
    line = json.dumps({"streamtoken": token if stored else "nosuchtokn", "x": 1}).encode()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = send(client, head + b"%x\r\n%b\n\r\n0\r\n\r\n" % (len(line) + 1, line))
    assert answer.startswith(b"HTTP/1.1 200 " if stored else b"HTTP/1.1 404 ")
    assert client.figure(path)["data"][0]["x"] == ([1] if stored else [])


def test_the_arduino_library_is_answered_with_silence(client: PlotlyClient) -> None:
    token, path = fed_plot(client)
    line = json.dumps({"x": 1, "streamtoken": token}).encode()
    head = b"POST / HTTP/1.1\r\nHost: arduino.plot.ly\r\nUser-Agent: Arduino\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert send(client, head + b"%X\r\n%b\n\r\n0\r\n\r\n" % (len(line) + 1, line)) == b""
    assert client.figure(path)["data"][0]["x"] == [1]
