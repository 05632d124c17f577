"""A small Plotly client for tests: makes tokens and plots, and streams lines over a plain socket."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import Store

PATIENCE_S = 60

Trace = dict[str, Any]


class PlotlyClient:
    """Speaks to one endpoint as its first user."""

    def __init__(self, endpoint: ChildEndpoint) -> None:
        self.endpoint = endpoint
        store = Store.open(endpoint.data)
        first = store.first_user()
        store.close()
        assert first is not None
        self.user = first
        assert endpoint.api_key is not None
        self.key = endpoint.api_key

    def token(self) -> str:
        store = Store.open(self.endpoint.data)
        try:
            return store.new_token(self.user)
        finally:
            store.close()

    def request(
        self, method: str, path: str, body: bytes | Iterator[bytes] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(urlsplit(self.endpoint.url).netloc, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        return self.request("GET", path, headers=headers)

    def fields(self, traces: Any, **kwargs: Any) -> dict[str, str]:
        """The form fields of a v1 request."""
        return {
            "un": self.user.name, "key": self.key, "origin": "plot", "platform": "python", "version": "1.12.12",
            "args": json.dumps(traces), "kwargs": json.dumps(kwargs),
        }  # fmt: skip

    def plot(self, traces: list[Trace], **kwargs: Any) -> dict[str, str]:
        """What the endpoint answers to a v1 request."""
        _, body = self.request("POST", "/clientresp", urlencode(self.fields(traces, **kwargs)).encode())
        answer: dict[str, str] = json.loads(body)
        return answer

    def plot_as(self, user: str, key: str, traces: list[Trace], **kwargs: Any) -> dict[str, str]:
        """The same for another user."""
        fields = self.fields(traces, **kwargs) | {"un": user, "key": key}
        _, body = self.request("POST", "/clientresp", urlencode(fields).encode())
        answer: dict[str, str] = json.loads(body)
        return answer

    def new_plot(self, *traces: Trace, filename: str = "test", layout: dict[str, Any] | None = None) -> str:
        """The path of the plot's page."""
        answer = self.plot(list(traces), filename=filename, fileopt="overwrite", layout=layout or {})
        assert answer["error"] == "", answer["error"]
        return urlsplit(answer["url"]).path

    def figure(self, path: str) -> dict[str, Any]:
        figure: dict[str, Any] = json.loads(self.get(f"{path}.json")[1])
        return figure

    def stream(self, token: str) -> "Stream":
        return Stream(self.endpoint.url, token)


class Stream:
    """One chunked POST, a chunk for each line."""

    def __init__(self, url: str, token: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port or 80), timeout=PATIENCE_S)
        head = f"POST / HTTP/1.1\r\nHost: {address.netloc}\r\nTransfer-Encoding: chunked\r\nplotly-streamtoken: {token}\r\n\r\n"
        self._socket.sendall(head.encode())

    def write(self, *lines: dict[str, Any]) -> None:
        for line in lines:
            data = json.dumps(line).encode() + b"\n"
            self._socket.sendall(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> bytes:
        """Ends the request and gives the whole answer."""
        self._socket.sendall(b"0\r\n\r\n")
        return self.answer()

    def answer(self) -> bytes:
        """Waits for the whole answer."""
        answer = b""
        while block := self._socket.recv(65536):
            answer += block
        self.close()
        return answer

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
