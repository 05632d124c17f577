"""A plain client for one's own scripts, on a board and on CPython: `from plotpost import Stream`."""

import errno
import json
import select
import socket
import sys

from plotpost import url
from plotpost.answer import Answer
from plotpost.port import const, ticks_add, ticks_diff, ticks_ms

_TIMEOUT_S = const(10)
_RECEIVE_BYTES = const(256)
_NO_DATA = (errno.EAGAIN, 2)  # 2 is CPython's ssl.SSL_ERROR_WANT_READ: what came is TLS's own, such as a session ticket

_REMEDIES = {
    308: "another stream with this token has taken over",
    403: "this token does not belong to a plot: name it in a trace's `stream`",
    404: "this token is not registered: make one with `plotpost token new`",
    408: "no data for a minute: write, or call heartbeat(), more often",
    422: "a line could not be drawn: write dicts such as {'x': .., 'y': ..}",
    423: "too many streams use this token, or the plot is full",
}


class StreamError(Exception):
    """The stream has ended. `status`: what the endpoint answered, 0 if nothing. The text is one line and says what to do."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Stream:
    """A stream to one token: `Stream("http://192.168.1.10:8050", "abcdefghij")`.

    Each `write` is sent at once: nothing is kept when the network is down, and nothing is confirmed before `close`. The agent
    does both. After a StreamError call `open` again. No step blocks for more than 10 s, but the look-up of a name may.
    As a context manager it opens and closes itself.
    """

    def __init__(self, endpoint, token):
        self._scheme, self._host, self._port, self._path = url.parse(endpoint)
        if not token or not all("!" <= c <= "~" for c in token):
            raise ValueError("a token is printable ASCII without spaces")
        self._token = token
        self._socket = None

    def open(self):
        """Connect and begin the request. Raises StreamError."""
        self._drop()
        self._connect()
        self._send(
            f"POST {self._path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nplotly-streamtoken: {self._token}\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
        )

    def write(self, data):
        """Send a dict as one line of JSON: a number or text under x, y .. appends, a list replaces; NaN and infinity become null.

        Raises StreamError, also if the endpoint has refused what was written before.
        """
        self._chunk(json.dumps(_finite(data)).encode() + b"\n")

    def heartbeat(self):
        """Keep the stream open while there is nothing to write: the endpoint ends it after a minute of silence."""
        self._chunk(b"\n")

    def close(self):
        """End the request and return the endpoint's status, 200 (None if nothing was open). Any other raises StreamError."""
        if self._socket is None:
            return None
        try:
            self._send(b"0\r\n\r\n")
            answer = self._answer(b"")
        except OSError as error:
            raise self._broken(error) from None
        finally:
            self._drop()
        if answer.status != 200:
            raise self._refused(answer)
        return answer.status

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.close()
        self._drop()

    def _connect(self):
        secured = _tls() if self._scheme == "https" else None
        try:
            address = socket.getaddrinfo(self._host, self._port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]
        except OSError:
            raise StreamError(0, f"no host is known as {self._host}") from None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(_TIMEOUT_S)
            _dial(self._socket, address)
            if secured:
                self._socket = secured.wrap_socket(self._socket, server_hostname=self._host)
        except OSError as error:
            self._drop()
            raise StreamError(
                0, f"cannot reach {self._host}:{self._port} ({_reason(error)}): is the endpoint running there?"
            ) from None

    def _opened(self):
        if self._socket is None:
            raise StreamError(0, "the stream is not open: call open() first")
        return self._socket

    def _drop(self):
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _chunk(self, line):
        try:
            early = self._received()
            if early is not None:
                raise self._refused(self._answer(early))
        except OSError as error:
            raise self._broken(error) from None
        self._send(b"%x\r\n" % len(line) + line + b"\r\n")

    def _send(self, data):
        sock = self._opened()
        try:
            while data:
                data = data[sock.send(data) :]
        except OSError as error:
            raise self._broken(error) from None

    def _received(self):
        """What has come, without waiting for it: bytes, b"" at the end of the connection, None if nothing has."""
        sock = self._opened()
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        sock.settimeout(0)
        try:
            while poll.poll(0):
                try:
                    return sock.recv(_RECEIVE_BYTES)
                except OSError as error:
                    if error.errno not in _NO_DATA:
                        raise
            return None
        finally:
            sock.settimeout(_TIMEOUT_S)

    def _answer(self, data):
        """The endpoint's Answer, of which `data` has been received already."""
        sock = self._opened()
        answer = Answer()
        answer.feed(data, len(data))
        deadline = ticks_add(ticks_ms(), _TIMEOUT_S * 1000)
        while not answer.done and ticks_diff(deadline, ticks_ms()) > 0:
            data = sock.recv(_RECEIVE_BYTES)
            if data:
                answer.feed(data, len(data))
            else:
                answer.closed()
        return answer

    def _refused(self, answer):
        """The StreamError for an answer that ends the stream."""
        self._drop()
        if answer.status <= 0:
            return StreamError(0, "the endpoint ended the connection without an answer: what was written last may be lost")
        remedy = _REMEDIES.get(answer.status, "the endpoint has ended the stream")
        text = "" if answer.html or not answer.text else f" ({answer.text.strip().replace(self._token, '***')})"
        return StreamError(answer.status, f"{answer.status}: {remedy}{text}")

    def _broken(self, error):
        """The StreamError for a connection that broke: the endpoint's answer, if one came before that."""
        try:
            early = self._received()
            if early:
                return self._refused(self._answer(early))
        except OSError:
            pass
        self._drop()
        return StreamError(0, f"the connection broke ({_reason(error)}): what was written last may be lost")


def _tls():
    """CPython's context, which verifies the endpoint's certificate. MicroPython's verifies nothing unless it is given one."""
    if sys.implementation.name == "micropython":
        raise StreamError(0, "https is not supported on a board yet: use http:// inside your own network")
    import ssl

    return ssl.create_default_context()  # type: ignore[attr-defined]  # CPython's, which the stubs do not know


def _dial(sock, address):
    """Connect. Raises OSError; an ESP32's lwIP says that the connection was reset when it was refused."""
    try:
        sock.connect(address)
    except OSError as error:
        raise OSError(errno.ECONNREFUSED) if error.errno == errno.ECONNRESET else error from None


def _reason(error):
    """A word or two on an OSError. CPython's TimeoutError has no number, MicroPython's is EAGAIN or ETIMEDOUT."""
    if hasattr(error, "reason"):  # CPython's SSLError
        return error.reason
    if error.errno in (None, errno.EAGAIN, errno.ETIMEDOUT):
        return f"no answer for {_TIMEOUT_S} s"
    return errno.errorcode.get(error.errno, type(error).__name__)


def _finite(value):
    """A copy of `value` in which NaN and infinity, which JSON does not know, are None."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
