"""Each fault of the proxy, as the two ends of a connection see it."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.faults import proxy
from tests.faults.proxy import DOWN, UP, Proxy, Strike
from tests.network import quiet_port

PATIENCE_S = 60
QUIET_S = 0.3


class Peer:
    """A listener; `accept()` gives its end of the next connection."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(PATIENCE_S)

    def accept(self) -> socket.socket:
        connection, _ = self._listener.accept()
        connection.settimeout(PATIENCE_S)
        return connection

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer(quiet_port())
    yield made
    made.close()


@pytest.fixture
def bad(peer: Peer) -> Iterator[Proxy]:
    with Proxy(quiet_port(), peer._listener.getsockname()[1]) as made:
        yield made


def call(bad: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", bad.port), timeout=PATIENCE_S)


def joined(bad: Proxy, peer: Peer) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection through the proxy, which has carried a byte already."""
    board = call(bad)
    endpoint = peer.accept()
    board.sendall(b".")
    assert endpoint.recv(1) == b"."
    return board, endpoint


def silent(end: socket.socket) -> bool:
    end.settimeout(QUIET_S)
    try:
        end.recv(1)
    except TimeoutError:
        return True
    return False


def test_without_faults_bytes_and_ends_pass(bad: Proxy, peer: Peer) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        board.sendall(b"up")
        assert endpoint.recv(9) == b"up"
        endpoint.sendall(b"down")
        assert board.recv(9) == b"down"
        board.shutdown(socket.SHUT_WR)
        assert endpoint.recv(9) == b""
        endpoint.sendall(b"late")
        assert board.recv(9) == b"late"
    assert (bad.connections, bad.bytes[UP], bad.bytes[DOWN]) == (1, 3, 8)


def test_a_cut_ends_both_sides_in_order_after_so_many_bytes(bad: Proxy, peer: Peer) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.arm(Strike(proxy.CUT, UP, 3))
        board.sendall(b"abcdef")
        assert endpoint.recv(9) == b"abc"
        assert endpoint.recv(9) == b""
        assert board.recv(9) == b""
    assert bad.struck == {proxy.CUT: 1}


def test_a_reset_resets_both_sides(bad: Proxy, peer: Peer) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.arm(Strike(proxy.RESET, DOWN, 0))
        endpoint.sendall(b"x")
        for end in (board, endpoint):
            with pytest.raises(ConnectionResetError):
                end.recv(9)


@pytest.mark.parametrize(
    ("kind", "up_arrives", "down_arrives"),
    [(proxy.HALF_OPEN, False, False), (proxy.DEAF, False, True), (proxy.MUTE, True, False)],
)
def test_a_half_open_connection_swallows_and_both_ends_stay(
    bad: Proxy, peer: Peer, kind: str, up_arrives: bool, down_arrives: bool
) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.strike(Strike(kind))
        board.sendall(b"u")
        endpoint.sendall(b"d")
        for end, arrives, byte in ((endpoint, up_arrives, b"u"), (board, down_arrives, b"d")):
            assert end.recv(9) == byte if arrives else silent(end)


def test_a_half_open_connection_is_reset_in_the_end(bad: Proxy, peer: Peer) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.strike(Strike(proxy.HALF_OPEN, seconds=QUIET_S))
        with pytest.raises(ConnectionResetError):
            board.recv(9)


def test_late_bytes_arrive_after_the_board_was_reset(bad: Proxy, peer: Peer) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.arm(Strike(proxy.LATE, UP, 2, seconds=QUIET_S))
        board.sendall(b"abcd")
        with pytest.raises(ConnectionResetError):
            board.recv(9)
        assert endpoint.recv(2) == b"ab"
        assert endpoint.recv(9) == b"cd"
        assert endpoint.recv(9) == b""


def test_an_answer_of_somebody_else_arrives_whole(bad: Proxy, peer: Peer) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.arm(Strike(proxy.ANSWER, UP, 1, answer=b"HTTP/1.1 503 no\r\n\r\n"))
        board.sendall(b"POST")
        assert board.recv(99) == b"HTTP/1.1 503 no\r\n\r\n"
        assert board.recv(9) == b""


def test_a_trickle_passes_byte_by_byte(bad: Proxy, peer: Peer) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.change_weather(proxy.TRICKLE, 0.01, PATIENCE_S)
        board.sendall(b"a" * 100)
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < 100:
            pieces.append(endpoint.recv(100))
        assert len(pieces) > 2  # a reader that stood still finds several bytes at once


def test_a_stall_reads_nothing_until_it_is_over(bad: Proxy, peer: Peer) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.change_weather(proxy.STALL, 0, PATIENCE_S)
        board.sendall(b"a" * 100_000)
        got = 0
        while not silent(endpoint):  # the first block was being waited for already
            got += 1 + len(endpoint.recv(100_000))
        assert got < 100_000
        bad.relent()
        endpoint.settimeout(PATIENCE_S)
        while got < 100_000:
            got += len(endpoint.recv(100_000))


@pytest.mark.parametrize(("kind", "strength"), [(proxy.DELAY, PATIENCE_S), (proxy.THROTTLE, 1 / PATIENCE_S)])
def test_what_is_late_or_slow_arrives(bad: Proxy, peer: Peer, kind: str, strength: float) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.change_weather(kind, strength, PATIENCE_S)
        board.sendall(b"abc")
        assert silent(endpoint)
        bad.relent()
        endpoint.settimeout(PATIENCE_S)
        assert endpoint.recv(9) == b"abc"


@pytest.mark.parametrize("kind", [proxy.DELAY, proxy.THROTTLE, proxy.TRICKLE, proxy.STALL])
def test_bad_weather_passes(bad: Proxy, peer: Peer, kind: str) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.change_weather(kind, QUIET_S, QUIET_S)
        bad.heal()
        board.sendall(b"abc")
        assert endpoint.recv(9) == b"abc"


def test_a_black_hole_takes_connections_and_says_nothing_then_resets_them(bad: Proxy, peer: Peer) -> None:
    bad.close_door(proxy.BLACKHOLE, PATIENCE_S)
    with call(bad) as board:
        board.sendall(b"anybody?")
        assert silent(board)
        bad.relent()
        board.settimeout(PATIENCE_S)
        with pytest.raises(ConnectionResetError):
            board.recv(9)
    board, endpoint = joined(bad, peer)
    board.close()
    endpoint.close()


def test_a_closed_port_refuses_and_opens_again(bad: Proxy, peer: Peer) -> None:
    board, endpoint = joined(bad, peer)
    with board, endpoint:
        bad.close_door(proxy.REFUSE, PATIENCE_S)
        with pytest.raises(ConnectionResetError):  # what was open goes down with it
            board.recv(9)
    with pytest.raises(ConnectionRefusedError):
        call(bad)
    bad.relent()
    call(bad).close()


@pytest.mark.parametrize("kind", proxy.DOORS)
def test_a_closed_door_opens_by_itself(bad: Proxy, peer: Peer, kind: str) -> None:
    bad.close_door(kind, QUIET_S)
    bad.heal()
    board, endpoint = joined(bad, peer)
    board.close()
    endpoint.close()


def test_who_is_not_accepted_waits_for_the_connection(bad: Proxy) -> None:
    bad.close_door(proxy.UNACCEPTED, PATIENCE_S)
    with socket.socket() as board:
        board.settimeout(QUIET_S)
        with pytest.raises(TimeoutError):
            board.connect(("127.0.0.1", bad.port))
    bad.relent()


def test_when_nobody_is_behind_it_the_caller_is_reset(peer: Peer, bad: Proxy) -> None:
    peer.close()

    def ask() -> None:
        with call(bad) as board:
            board.recv(9)

    with pytest.raises(ConnectionResetError):
        ask()


def test_it_takes_its_thread_down(peer: Peer) -> None:
    before = set(threading.enumerate())
    with Proxy(quiet_port(), peer._listener.getsockname()[1]) as made, call(made):
        [thread] = set(threading.enumerate()) - before
    assert not thread.is_alive()
