"""`Stream`, the plain client, against a peer on the same machine that answers by hand."""

import json
import os
import socket
import sys
import time

import plotpost
from plotpost import Stream
from plotpost.client import StreamError

TOKEN = "abcdefghij"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Peer:
    """The other side, in the same thread: the kernel accepts a connection before `accept` is called, and holds what was sent."""

    def __init__(self):
        self._listener, self.port = listening()
        self._connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self._listener.close()

    def stream(self, token=TOKEN):
        return Stream(f"http://127.0.0.1:{self.port}", token)

    def accept(self):
        """Take the oldest connection; returns the head of its request."""
        self._connection = self._listener.accept()[0]
        self._connection.settimeout(5)
        return self.read_until(b"\r\n\r\n")

    def read_until(self, end):
        data = b""
        while not data.endswith(end):
            byte = self._connection.recv(1)
            assert byte, f"the connection ended after {data!r}"
            data += byte
        return data

    def chunk(self):
        """The content of the next chunk."""
        size = int(self.read_until(b"\r\n"), 16)
        data = self.read_until(b"\r\n")[:-2]
        assert len(data) == size
        return data

    def ended(self):
        return self._connection.recv(1) == b""

    def answer(self, data):
        self._connection.send(data)

    def close(self):
        if self._connection:
            self._connection.close()
        self._connection = None


def listening():
    """A listening socket and its port. MicroPython has no getsockname(), so ports are tried."""
    while True:
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 12000
        listener = socket.socket()
        try:
            listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            listener.listen(2)
            return listener, port
        except OSError:
            listener.close()


def refused(status, text, function, *args):
    """`function` must raise a StreamError with this status, whose one line holds `text` and never the token.

    It is called until it does: the kernel may take its time to bring what the peer has sent.
    """
    for _ in range(500):
        try:
            function(*args)
        except StreamError as error:
            line = str(error)
            assert error.status == status, line
            assert text in line, line
            assert TOKEN not in line
            assert "\n" not in line
            return
        time.sleep(0.01)
    raise AssertionError("nothing was raised")


def test_the_package_gives_the_client_and_its_modules_and_nothing_else():
    from plotpost import client, units

    assert plotpost.Stream is client.Stream
    assert units.milliseconds("1s") == 1000
    assert not hasattr(plotpost, "_nothing")


def test_importing_the_package_imports_none_of_its_modules():
    kept = {name: module for name, module in sys.modules.items() if name.startswith("plotpost")}
    for name in kept:
        del sys.modules[name]
    try:
        import plotpost as fresh

        assert fresh.__version__
        assert [name for name in sys.modules if name.startswith("plotpost.")] == []
    finally:
        sys.modules.pop("plotpost", None)
        sys.modules.update(kept)


def test_the_request_is_a_chunked_post_with_the_token_in_its_head():
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        lines = peer.accept().split(b"\r\n")
        assert lines[0] == b"POST / HTTP/1.1"
        assert b"Host: 127.0.0.1:%d" % peer.port in lines
        assert b"plotly-streamtoken: abcdefghij" in lines
        assert b"Transfer-Encoding: chunked" in lines
        assert b"Connection: close" in lines
        peer.answer(OK)
        assert stream.close() == 200


def test_an_endpoint_below_a_path_is_asked_below_that_path():
    with Peer() as peer:
        stream = Stream(f"http://127.0.0.1:{peer.port}/plots", TOKEN)
        stream.open()
        assert peer.accept().startswith(b"POST /plots HTTP/1.1\r\n")
        peer.answer(OK)
        stream.close()


def test_each_write_is_one_line_in_one_chunk_and_a_heartbeat_is_a_bare_newline():
    data = {"x": "2026-11-24T03:32:01Z", "y": [1, 2.5, None, True], "text": 'Küche "1"\n', "marker": {"size": -3}}
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        stream.write(data)
        stream.heartbeat()
        stream.write({"y": 1})
        peer.accept()
        first = peer.chunk()
        assert first.endswith(b"\n")
        assert first.count(b"\n") == 1
        assert json.loads(first) == data
        assert peer.chunk() == b"\n"
        assert json.loads(peer.chunk()) == {"y": 1}
        peer.answer(OK)
        stream.close()
        assert peer.read_until(b"\r\n\r\n") == b"0\r\n\r\n"
        assert peer.ended()


def test_what_json_does_not_know_becomes_null_and_the_callers_data_stays():
    nan, infinity = float("nan"), float("inf")
    data = {"y": nan, "x": [1.5, infinity, (-infinity, "nan")], "marker": {"size": nan}}
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        stream.write(data)
        peer.accept()
        assert json.loads(peer.chunk()) == {"y": None, "x": [1.5, None, [None, "nan"]], "marker": {"size": None}}
        assert data["x"][1] == infinity
        peer.answer(OK)
        stream.close()


def test_a_large_write_arrives_whole():
    values = list(range(2000))
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        peer.accept()
        stream.write({"y": values})
        assert json.loads(peer.chunk()) == {"y": values}
        peer.answer(OK)
        stream.close()


def test_the_context_manager_opens_and_ends_the_stream():
    with Peer() as peer:
        with peer.stream() as stream:
            stream.write({"y": 1})
            peer.accept()
            peer.chunk()
            peer.answer(OK)
        assert peer.read_until(b"\r\n\r\n") == b"0\r\n\r\n"
        assert peer.ended()


def test_an_error_inside_the_context_manager_is_not_hidden_by_a_good_end():
    with Peer() as peer:
        try:
            with peer.stream():
                peer.accept()
                raise KeyError("mine")
        except KeyError:
            pass
        else:
            raise AssertionError("hidden")
        assert peer.ended()


def test_an_early_answer_ends_the_stream_at_the_next_write_and_says_what_to_do():
    for status, remedy in (
        (308, "another stream with this token has taken over"),
        (403, "name it in a trace's `stream`"),
        (404, "plotpost token new"),
        (408, "heartbeat()"),
        (422, "write dicts"),
        (423, "too many streams use this token, or the plot is full"),
        (500, "the endpoint has ended the stream"),
    ):
        with Peer() as peer:
            stream = peer.stream()
            stream.open()
            stream.write({"y": 1})
            peer.accept()
            peer.answer(b"HTTP/1.1 %d Whatever\r\nContent-Length: 5\r\n\r\nno! \n" % status)
            refused(status, remedy, stream.write, {"y": 2})
            refused(0, "call open() first", stream.write, {"y": 3})
            refused(0, "call open() first", stream.heartbeat)
            assert stream.close() is None


def test_the_endpoints_own_words_are_told_without_the_token_and_pages_are_not():
    for content_type, body, told in (
        (b"text/plain", b"line 3 of abcdefghij is no JSON\r\n", "422: a line could not be drawn"),
        (b"text/plain", b"line 3 of abcdefghij is no JSON\r\n", "(line 3 of *** is no JSON)"),
        (b"text/html", b"<html>abcdefghij</html>", "such as {'x': .., 'y': ..}"),
    ):
        with Peer() as peer:
            stream = peer.stream()
            stream.open()
            peer.accept()
            head = b"HTTP/1.1 422 No\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
            peer.answer(head.replace(b"%b", content_type) % len(body) + body)
            refused(422, told, stream.write, {"y": 2})


def test_the_endpoints_words_are_told_to_their_end():
    words = "the plot holds more than 32 MiB: " + "lower its points to keep, or give the token to another plot; " * 4 + "the end"
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        peer.accept()
        peer.answer(b"HTTP/1.1 423 Locked\r\nContent-Length: %d\r\n\r\n" % len(words) + words.encode())
        refused(423, words, stream.write, {"y": 2})


def test_an_answer_in_pieces_is_waited_for():
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        peer.accept()
        peer.answer(b"HTTP/1.1 404 N")
        peer.answer(b"ot Found\r\n\r\n")
        peer.close()
        refused(404, "not registered", stream.heartbeat)


def test_a_refusal_is_told_even_when_the_connection_breaks_with_it():
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        peer.accept()
        stream.write({"y": 1})  # never read by the peer: its close resets the connection
        peer.answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        peer.close()
        refused(404, "not registered", stream.close)


def test_close_raises_what_the_endpoint_says_at_the_end():
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        peer.accept()
        peer.answer(b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\ndisk full")
        refused(503, "503: the endpoint has ended the stream (disk full)", stream.close)
        assert stream.close() is None


def test_an_end_without_an_answer_is_told_as_a_possible_loss():
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        peer.accept()
        peer.close()
        refused(0, "may be lost", stream.write, {"y": 1})
        stream.open()
        peer.accept()
        peer.close()
        refused(0, "may be lost", stream.close)


def test_a_stream_can_be_opened_again_after_an_error():
    with Peer() as peer:
        stream = peer.stream()
        stream.open()
        peer.accept()
        peer.answer(b"HTTP/1.1 308 Ended\r\n\r\n")
        peer.close()
        refused(308, "taken over", stream.write, {"y": 1})
        stream.open()
        stream.write({"y": 2})
        peer.accept()
        assert json.loads(peer.chunk()) == {"y": 2}
        peer.answer(OK)
        assert stream.close() == 200


def test_a_stream_that_was_never_opened_says_so():
    stream = Stream("http://127.0.0.1:1", TOKEN)
    refused(0, "call open() first", stream.write, {"y": 1})
    assert stream.close() is None


def test_a_port_where_nobody_listens_is_told_with_the_remedy():
    listener, port = listening()
    listener.close()
    stream = Stream(f"http://127.0.0.1:{port}", TOKEN)
    refused(0, f"cannot reach 127.0.0.1:{port} (ECONNREFUSED): is the endpoint running there?", stream.open)


def test_a_host_that_is_not_known_is_named():
    refused(0, "no host is known as nowhere.invalid", Stream("http://nowhere.invalid", TOKEN).open)


def test_https_is_never_spoken_without_verifying():
    with Peer() as peer:
        stream = Stream(f"https://127.0.0.1:{peer.port}", TOKEN)
        if sys.implementation.name == "micropython":
            refused(0, "https is not supported on a board yet", stream.open)
        else:
            import ssl

            from plotpost import client

            context = client._tls()
            assert context.verify_mode == ssl.CERT_REQUIRED
            assert context.check_hostname


def test_a_wrong_address_or_token_is_refused_before_anything_is_sent():
    for endpoint, token in (
        ("127.0.0.1:8050", TOKEN),
        ("http://h:x", TOKEN),
        ("http://h", ""),
        ("http://h", "a\r\nX: 1"),
        ("http://h", "a b"),
    ):
        try:
            Stream(endpoint, token)
        except ValueError as error:
            assert "X: 1" not in str(error)
        else:
            raise AssertionError((endpoint, token))
