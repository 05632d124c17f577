"""Plotly's Arduino library: every byte it prints, each print a packet of its own, lengths counted as wrongly as it counts them.

No package registry has the library, so its prints stand here: github.com/plotly/arduino-api, plotly_streaming_wifi.cpp.
"""

import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.plotly_client import PlotlyClient

PATIENCE_S = 60


class Arduino:
    """One board. Nothing of what the endpoint answers to a stream is ever read."""

    def __init__(self, client: PlotlyClient, tokens: list[str]) -> None:
        self._address = urlsplit(client.endpoint.url)
        self._client, self._tokens = client, tokens

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((self._address.hostname, self._address.port or 80), timeout=PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def init(self, filename: str) -> bytes:
        """Makes the plot; gives the answer, which the library reads until the endpoint closes the connection."""
        name, count = self._client.user.name, len(self._tokens)
        length = 126 + len(name) + len("overwrite") + count * (87 + len("30")) + (count - 1) * 2 + len(filename) + 4
        with self._connect() as self._socket:
            self._print("POST /clientresp HTTP/1.1\r\n", f"Host: {self._address.netloc}\r\n", "User-Agent: Arduino/0.6.0\r\n")
            self._print("Content-Length: ", str(length), "\r\n\r\n")
            self._print("version=2.3&origin=plot&platform=arduino&un=", name, "&key=", self._client.key, "&args=[")
            for number, token in enumerate(self._tokens, 1):
                self._print('{"y": [], "x": [], "type": "scatter", "stream": {"token": "', token, '", "maxpoints": ', "30", "}}")
                self._print(", " if number < count else "")
            self._print(']&kwargs={"fileopt": "', "overwrite", '", "filename": "', filename, '", "world_readable": ', "true")
            self._print("}", "\r\n")
            return b"".join(iter(lambda: self._socket.recv(65536), b""))

    def open(self) -> None:
        self._socket = self._connect()
        self._print("POST / HTTP/1.1\r\n", "Host: arduino.plot.ly\r\n", "User-Agent: Arduino\r\n")
        self._print("Transfer-Encoding: chunked\r\n", "Connection: close\r\n")
        self._print('plotly-convertTimestamp: "', "America/Montreal", '"\r\n', "\r\n")

    def plot(self, x: int, y: float, token: str) -> None:
        """A float is counted with three decimals, less one, and printed with two: rounding up makes it a digit longer."""
        counted = len(str(y)) if isinstance(y, int) else len(f"{y:.3f}") - 1
        printed = str(y) if isinstance(y, int) else f"{y:.2f}"
        self._print(f"{len(str(x)) + counted + 44:X}", '\r\n{"x": ', str(x), ', "y": ', printed)
        self._print(', "streamtoken": "', token, '"}\n\r\n')

    def close(self) -> None:
        self._print("0\r\n\r\n")
        self._socket.close()

    def _print(self, *texts: str) -> None:
        for text in texts:
            self._socket.sendall(text.encode())


@pytest.fixture
def tokens(client: PlotlyClient) -> list[str]:
    return [client.token(), client.token()]


def test_the_plot_is_made_and_the_connection_closed_for_the_board_waits_for_that(client: PlotlyClient, tokens: list[str]) -> None:
    answer = Arduino(client, tokens).init("arduino")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"All Streams Go!" in answer
    url = f'"url": "{client.endpoint.url.rstrip("/")}/~{client.user.name}/'.encode()
    assert re.search(re.escape(url) + rb'\d{1,4}"', answer)


def test_one_connection_feeds_all_traces_whatever_its_lengths_say(client: PlotlyClient, tokens: list[str]) -> None:
    board = Arduino(client, tokens)
    answer = board.init("arduino stream")
    [path] = re.findall(rf'"url": "{client.endpoint.url.rstrip("/")}([^"]*)"', answer.decode())

    board.open()
    whole: list[tuple[int, float]] = [(1000, 5), (2000, -17), (3000, 40)]
    broken = [(1500, 1.5), (2500, 9.996), (3500, -0.999), (4500, 21.37)]
    for token, points in zip(tokens, (whole, broken), strict=True):
        for milliseconds, y in points:
            board.plot(milliseconds, y, token)
    board.close()

    traces = await_points(client, path, 4)
    assert [trace["y"] for trace in traces] == [[5, -17, 40], [1.5, 10.0, -1.0, 21.37]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+-0[45]:00", x) for trace in traces for x in trace["x"])


def await_points(client: PlotlyClient, path: str, count: int) -> list[dict[str, list[Any]]]:
    """The board reads no answer, so it does not know when its last line is stored."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        traces: list[dict[str, list[Any]]] = client.figure(path)["data"]
        if len(traces[1]["y"]) == count or time.monotonic() > deadline:
            return traces
        time.sleep(0.02)
