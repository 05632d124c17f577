"""The agent over TLS: real MicroPython, a real certificate authority, a real TLS server in front of a real endpoint."""

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import Store
from host_tools.runtime import Runtime
from host_tools.simulate import LogLine, Simulation


class Terminator:
    """A TLS server that passes what it decrypts to an endpoint, and back."""

    def __init__(self, certificate: trustme.LeafCert, behind: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._behind = re.sub(r"^http://|/$", "", behind).split(":")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with (
            suppress(OSError),
            closing(raw),
            self._context.wrap_socket(raw, server_side=True) as client,
            socket.create_connection((self._behind[0], int(self._behind[1]))) as server,
        ):
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()

    def close(self) -> None:
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA, endpoint: ChildEndpoint) -> Iterator[Callable[..., Terminator]]:
    """Starts TLS servers in front of the endpoint, for the names that their certificates shall have."""
    started: list[Terminator] = []

    def start(*names: str) -> Terminator:
        started.append(Terminator(authority.issue_cert(*names), endpoint.url))
        return started[-1]

    yield start
    for each in started:
        each.close()


def _der(ca: trustme.CA, path: Path) -> str:
    path.write_bytes(x509.load_pem_x509_certificate(ca.cert_pem.bytes()).public_bytes(Encoding.DER))
    return str(path)


def _token(endpoint: ChildEndpoint) -> str:
    from host_tools.endpoint.plots import save_plot

    with closing(Store.open(endpoint.data)) as store, store.transaction():
        user = store.users()[0]
        token = store.new_token(user)
        save_plot(
            store, user, [{"x": [], "y": [], "stream": {"token": token}}], {}, filename="t", fileopt="new", sharing="public"
        )
    return token


def _points(endpoint: ChildEndpoint) -> list[str]:
    with closing(Store.open(endpoint.data)) as store:
        rows = store.load_plot(store.plots()[0].id)
    assert rows is not None
    return [json.loads(line)["x"] for row in rows[2] for line in row.lines.splitlines()]


def _run(
    runtime: Runtime, url: str, token: str, ca: str, until: Callable[[list[LogLine]], bool]
) -> tuple[Simulation, list[LogLine]]:
    """A board that streams to `url`, until its log says so or a minute has passed; then, if it streams, it ends as by Ctrl-C."""
    lines: list[LogLine] = []
    config = {
        "version": 1, "board": "linux", "name": "t", "endpoint": url, "checkpoint": {"every": "1s"},
        "sensors": [{"driver": "load", "every": "100ms", "channels": {"load1": {"stream": "s"}}}],
    }  # fmt: skip
    secrets = {"version": 1, "tokens": {"s": token}, "ca": ca}
    with Simulation(runtime, config, secrets, on_line=lines.append) as board:
        deadline = time.monotonic() + 60
        while not until(lines) and time.monotonic() < deadline and board.wait(0.1) is None:
            pass
        if not any(line.level in "WE" for line in lines):
            board.stop()
    return board, lines


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_agent_streams_to_a_server_that_it_can_verify(
    runtime: Runtime, endpoint: ChildEndpoint, authority: trustme.CA, secure: Callable[..., Terminator], tmp_path: Path, host: str
) -> None:
    server = secure("localhost", "127.0.0.1")
    token = _token(endpoint)
    board, lines = _run(
        runtime,
        f"https://{host}:{server.port}",
        token,
        _der(authority, tmp_path / "ca.der"),
        lambda _: len(_points(endpoint)) > 20,
    )
    assert board.closing is not None, lines
    points = _points(endpoint)
    assert board.closing.taken == board.closing.settled == len(points) == len(set(points)) > 20


def test_the_agent_streams_to_an_endpoint_that_made_its_own_authority(runtime: Runtime, tmp_path: Path) -> None:
    endpoint = ChildEndpoint(tmp_path / "data", 0, tmp_path / "log", "--tls-self-signed", "--tls-port", "0")
    endpoint.start()
    try:
        assert endpoint.tls_url is not None
        ca = str(endpoint.data / "ca.der")
        token = _token(endpoint)
        board, lines = _run(runtime, endpoint.tls_url.rstrip("/"), token, ca, lambda _: len(_points(endpoint)) > 20)
        assert board.closing is not None, lines
        points = _points(endpoint)
        assert board.closing.taken == board.closing.settled == len(points) == len(set(points)) > 20
    finally:
        endpoint.kill()


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_the_agent_refuses_a_server_that_it_cannot_verify_and_sends_it_nothing(
    runtime: Runtime,
    endpoint: ChildEndpoint,
    authority: trustme.CA,
    secure: Callable[..., Terminator],
    tmp_path: Path,
    wrong: str,
) -> None:
    server = secure("localhost" if wrong == "authority" else "another.example")
    ca = _der(trustme.CA() if wrong == "authority" else authority, tmp_path / "ca.der")
    token = _token(endpoint)
    _, lines = _run(
        runtime, f"https://localhost:{server.port}", token, ca, lambda lines: any("refused" in line.message for line in lines)
    )
    said = [line.message for line in lines if line.level == "E"]
    assert any(message.startswith("the endpoint's certificate is refused: ") for message in said), lines
    assert token not in "".join(line.message for line in lines)
    assert _points(endpoint) == []


def test_a_plain_server_is_not_streamed_to_when_https_is_asked_for(
    runtime: Runtime, endpoint: ChildEndpoint, authority: trustme.CA, tmp_path: Path
) -> None:
    token = _token(endpoint)
    url = endpoint.url.rstrip("/").replace("http://", "https://")
    _, lines = _run(runtime, url, token, _der(authority, tmp_path / "ca.der"), lambda lines: any(x.level == "W" for x in lines))
    assert any("connection broke" in line.message or "closed the connection" in line.message for line in lines), lines
    assert _points(endpoint) == []
