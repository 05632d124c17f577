"""`Stream` over https on CPython: it speaks to an endpoint whose certificate it can verify, and to no other."""

import contextlib
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from plotpost import Stream
from plotpost.client import StreamError

TOKEN = "abcdefghij"
PEM = Path(__file__).with_name("localhost.pem")


class Peer:
    """An endpoint over TLS that takes one stream and answers it."""

    def __init__(self, answer: bytes, until: bytes = b"0\r\n\r\n") -> None:
        self._answer = answer
        self._until = until
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(PEM)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.received = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Peer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(60)
        self._listener.close()

    def _serve(self) -> None:
        """Answer, and read on until the other side closes: closing with unread bytes could overtake the answer."""
        connection, _ = self._listener.accept()
        answer = self._answer
        with contextlib.suppress(OSError), connection, self._context.wrap_socket(connection, server_side=True) as secured:
            while data := secured.recv(1000):
                self.received += data
                if self.received.endswith(self._until):
                    secured.sendall(answer)
                    answer = b""


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate of the tests is among those that OpenSSL trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))


@pytest.mark.usefixtures("trusted")
def test_lines_reach_an_endpoint_whose_certificate_is_right() -> None:
    with Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as peer:
        with Stream(f"https://localhost:{peer.port}", TOKEN) as stream:
            stream.write({"y": 1})
            stream.write({"y": 2})
        assert peer.received.endswith(b'9\r\n{"y": 1}\n\r\n9\r\n{"y": 2}\n\r\n0\r\n\r\n')


@pytest.mark.usefixtures("trusted")
def test_an_early_answer_is_noticed_among_what_tls_itself_sends() -> None:
    with Peer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", until=b"}\n\r\n") as peer:
        stream = Stream(f"https://localhost:{peer.port}", TOKEN)
        stream.open()
        stream.heartbeat()  # what came by now is TLS's own session tickets, and no answer
        stream.write({"y": 1})
        with pytest.raises(StreamError, match=r"^404: this token is not registered"):
            _write_on(stream)


def _write_on(stream: Stream) -> None:
    """The kernel may take its time to bring the answer."""
    for _ in range(6000):
        stream.write({"y": 2})
        time.sleep(0.01)


def test_an_endpoint_whose_issuer_is_unknown_gets_nothing() -> None:
    _refuses("localhost")


@pytest.mark.usefixtures("trusted")
def test_an_endpoint_with_another_name_than_its_certificate_gets_nothing() -> None:
    _refuses("127.0.0.1")


def _refuses(host: str) -> None:
    with Peer(b"") as peer, pytest.raises(StreamError, match="CERTIFICATE_VERIFY_FAILED"):
        Stream(f"https://{host}:{peer.port}", TOKEN).open()
    assert peer.received == b""
