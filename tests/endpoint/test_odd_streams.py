"""What programs really write to a stream, over a real socket to a real endpoint: it is used, or its sender is told why not."""

import asyncio
import gzip
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect

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


@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_one_reading_posts_in_parallel_with_one_token_are_all_stored(client: PlotlyClient, framing: str) -> None:
    token, path = fed_plot(client)

    def reading(number: int) -> int:
        body = b'{"x":%d,"y":0}\n' % number
        response, _ = client.request("POST", "/", iter([body]) if framing == "chunked" else body, {"plotly-streamtoken": token})
        return response.status

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(reading, range(400))) == {200}
    assert sorted(client.figure(path)["data"][0]["x"]) == list(range(400))


def test_two_programs_that_fight_over_a_token_are_told(client: PlotlyClient) -> None:
    token, path = fed_plot(client)
    streams = [client.stream(token) for _ in range(2)]
    for _ in range(2):  # each begins again when it was ended
        answer = streams[0].answer()
        assert answer.startswith(b"HTTP/1.1 308 ")
        streams = [streams[1], client.stream(token)]
    assert b"again and again" in answer
    for stream in streams:
        stream.close()
    log = client.endpoint.log.read_text()
    assert log.count("end each other") == 1
    assert f"{path}, token {token[:2]}...: streams with the same token end each other here" in log
    assert token not in log
    assert "give every board and program a token of its own" in trouble(client, path)


def trouble(client: PlotlyClient, path: str) -> str:
    """What the plot's page is told."""

    async def first() -> dict[str, object]:
        async with connect(client.endpoint.url.replace("http:", "ws:") + path + "/ws", max_size=None) as viewer:
            message: dict[str, object] = json.loads(await viewer.recv())
            return message

    return str(asyncio.run(first())["trouble"])
