"""Servers that know nothing of plotpost's extension: at least once, few openings, and no line that is sent for ever."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from host_tools.runtime import Runtime
from tests.faults import proxy
from tests.faults.harness import Board, Plan
from tests.faults.proxy import DOWN, UP, Proxy, Strike
from tests.network import quiet_port

PATIENCE_S = 60
PLAN = Plan(("even",), "50ms", "8KiB", checkpoint={"every": "500ms", "records": 100})
_VALUE = re.compile(rb'"y":(\d+)')


class OldServer:
    """Takes streams as Plotly's did: one status at the end, no `plotpost-next`.

    `keeps`: it serves further requests on the connection. `refuses`: a value in whose line it finds a fault: 422 at once.
    """

    def __init__(self, *, keeps: bool = True, refuses: int | None = None) -> None:
        self.keeps, self.refuses = keeps, refuses
        self.values: list[int] = []
        self.requests = 0
        self._listener = socket.create_server(("127.0.0.1", quiet_port()))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts; closing alone would leave it, and the port
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while self._request(connection, reader) and self.keeps:
                    pass
            except (OSError, ValueError):  # the client went away, perhaps in the middle of a chunk
                return

    def _request(self, connection: socket.socket, reader: Any) -> bool:
        """Serve one request; False when no other may follow."""
        if not reader.readline():
            return False
        while reader.readline().strip():
            pass
        self.requests += 1
        while size := int(reader.readline(), 16):
            for match in _VALUE.finditer(reader.read(size + 2)):
                if int(match[1]) == self.refuses:
                    self._answer(connection, "422 Unprocessable Entity", b"not JSON")
                    return False
                self.values.append(int(match[1]))
        reader.readline()
        self._answer(connection, "200 OK", b"")
        return True

    def _answer(self, connection: socket.socket, status: str, text: bytes) -> None:
        how = "keep-alive" if self.keeps else "close"
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: {how}\r\n\r\n".encode() + text)


@pytest.fixture
def streaming(runtime: Runtime) -> Iterator[Callable[[OldServer], tuple[Board, Proxy]]]:
    """A board that streams to an old server, and the network between."""
    with ExitStack() as opened:

        def start(server: OldServer) -> tuple[Board, Proxy]:
            opened.callback(server.close)
            network = opened.enter_context(Proxy(quiet_port(), server.port))
            board = Board(runtime, PLAN.config(network.url), {"version": 1, "tokens": {"even": "abcdefghij"}})
            opened.push(board)
            return board, network

        yield start


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it did not come to that in time")
        time.sleep(0.05)


def _stop(board: Board) -> list[int]:
    """Stop it; gives every value that it took into its ring."""
    assert board.stop() == 0
    assert board.closing is not None
    assert board.closing.dropped == 0
    assert board.closing.settled == board.closing.taken > 0
    return [2 * n for n in range(board.closing.taken)]


def test_a_200_settles_and_the_connection_is_used_again(streaming: Callable[[OldServer], tuple[Board, Proxy]]) -> None:
    server = OldServer()
    board, network = streaming(server)
    _wait_until(lambda: server.requests > 3)
    assert network.connections == 1
    taken = _stop(board)
    assert server.values == taken


def test_what_was_not_confirmed_is_sent_again_at_least_once(streaming: Callable[[OldServer], tuple[Board, Proxy]]) -> None:
    server = OldServer()
    board, network = streaming(server)
    for flow, after in ((DOWN, 10), (UP, 700), (DOWN, 100)):
        struck = network.struck.total()
        network.arm(Strike(proxy.RESET, flow, after))
        _wait_until(lambda struck=struck: network.struck.total() > struck)  # type: ignore[misc]
    answered = network.bytes[DOWN]
    _wait_until(lambda: network.bytes[DOWN] > answered)
    taken = _stop(board)
    assert sorted(set(server.values)) == taken
    assert len(server.values) > len(taken)


def test_a_server_that_closes_each_time_is_opened_seldom(streaming: Callable[[OldServer], tuple[Board, Proxy]]) -> None:
    server = OldServer(keeps=False)
    board, network = streaming(server)
    _wait_until(lambda: server.requests == 2)
    seen = len(server.values)
    _wait_until(lambda: len(server.values) > seen + 50)  # five checkpoints' time
    assert (server.requests, network.connections) == (2, 2)
    taken = _stop(board)
    assert sorted(set(server.values)) == taken


def test_a_line_that_is_refused_without_its_number_is_skipped_alone(
    streaming: Callable[[OldServer], tuple[Board, Proxy]],
) -> None:
    server = OldServer(refuses=6)
    board, _ = streaming(server)
    _wait_until(lambda: 80 in server.values)
    taken = _stop(board)
    assert board.closing is not None
    assert board.closing.skipped == 1
    assert sorted(set(server.values)) == [value for value in taken if value != 6]
