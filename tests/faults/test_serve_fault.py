"""`plotpost serve --fault`: what each fault looks like to a client, and that a real board loses nothing by them."""

import json
import random
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from host_tools import accounts
from host_tools.endpoint.fault import STATUSES, Fault, Faults, parse
from host_tools.runtime import Runtime
from tests.faults.harness import Plan, Station, create_plot, stored_traces

PATIENCE_S = 60
QUIET_S = 1  # a healthy endpoint answers within milliseconds


class FaultyEndpoint:
    """`plotpost serve --fault ..` with one user, one token and one plot."""

    def __init__(self, folder: Path, *faults: str) -> None:
        self.data = folder / "data"
        options = [option for fault in faults for option in ("--fault", fault)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "host_tools.cli", "serve", "--json", "--port", "0", "--data", str(self.data), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.url = told["url"]
        self.port = int(self.url.rpartition(":")[2])
        with accounts.opened(self.data) as store:
            self.user, _ = accounts.owner(store)
            self.token = store.new_token(self.user, "counted")
        create_plot(self.url, told["user"], told["api_key"], [self.token])

    def type(self, line: str) -> str:
        """Type a line into its terminal; gives what it says."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self.says()

    def says(self) -> str:
        assert self._process.stderr is not None
        return self._process.stderr.readline().rstrip()

    def stored(self) -> list[int]:
        with accounts.opened(self.data) as store:
            return stored_traces(store, store.plots()[0].id)[0]

    def end(self) -> str:
        """Stop it; gives what it had still to say."""
        self._process.terminate()
        _, said = self._process.communicate(timeout=PATIENCE_S)
        return said

    def __enter__(self) -> "FaultyEndpoint":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._process.poll() is None:
            self.end()


class Client:
    """A stream of numbered lines over a plain socket."""

    def __init__(self, endpoint: FaultyEndpoint, stream_id: str = "0123456789abcdef", first: int = 0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", endpoint.port), timeout=PATIENCE_S)
        head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nplotly-streamtoken: {endpoint.token}\r\n"
        self._socket.sendall(f"{head}plotpost-records: {stream_id}/{first}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())

    def send(self, *values: int) -> None:
        lines = "".join(f'{{"x":{value},"y":{value}}}\n' for value in values).encode()
        self._socket.sendall(b"%x\r\n%b\r\n" % (len(lines), lines))

    def end(self) -> None:
        self._socket.sendall(b"0\r\n\r\n")

    def answer(self, within: float = PATIENCE_S) -> str:
        """What comes back up to the end of an answer's body. Raises TimeoutError, OSError."""
        self._socket.settimeout(within)
        got = b""
        while b"\r\n\r\n" not in got or not got.endswith(b"\n"):
            block = self._socket.recv(4096)
            if not block:
                break
            got += block
        return got.decode()

    def pour(self) -> None:
        """Send heartbeats until no more are taken. Raises TimeoutError."""
        self._socket.settimeout(QUIET_S)
        for _ in range(1024):
            self._socket.sendall(b"10000\r\n" + b"\n" * 0x10000 + b"\r\n")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: Any) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyEndpoint]:
    """An endpoint that misbehaves only when it is told to."""
    with FaultyEndpoint(tmp_path_factory.mktemp("asked"), "ask") as endpoint:
        yield endpoint


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Callable[..., FaultyEndpoint]]:
    """Starts an endpoint with faults."""
    with ExitStack() as open_ones:
        yield lambda *faults: open_ones.enter_context(FaultyEndpoint(tmp_path, *faults))


def _struck(endpoint: FaultyEndpoint, kind: str) -> None:
    """Type the kind and wait until it has struck."""
    said = endpoint.type(kind)
    if said == f"fault: {kind} for the next stream":
        said = endpoint.says()
    assert said == f"fault: {kind}"


def test_a_stream_that_nobody_strikes_is_served(asked: FaultyEndpoint) -> None:
    with Client(asked, "1" * 16) as client:
        client.send(1)
        client.end()
        assert client.answer().startswith("HTTP/1.1 200 ")
    assert 1 in asked.stored()


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_answered_and_settles_what_came_before(asked: FaultyEndpoint, status: int) -> None:
    first = status * 10
    with Client(asked, f"{status:016}") as client:
        client.send(first, first + 1)
        _struck(asked, str(status))
        answer = client.answer()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    settled = re.search(r"plotpost-next: (\d+)", answer)
    assert settled is not None
    assert [value for value in asked.stored() if value // 10 == status] == [first, first + 1][: int(settled[1])]


def test_a_reset_ends_the_connection_without_an_answer(asked: FaultyEndpoint) -> None:
    with Client(asked, "2" * 16) as client:
        client.send(20)
        _struck(asked, "reset")
        with pytest.raises(ConnectionResetError):
            client.answer()


def test_half_open_takes_everything_and_never_answers(asked: FaultyEndpoint) -> None:
    with Client(asked, "3" * 16) as client:
        _struck(asked, "half-open")
        client.send(30)
        client.end()
        with pytest.raises(TimeoutError):
            client.answer(QUIET_S)
    assert 30 not in asked.stored()


def test_a_stall_takes_no_more_and_never_answers(asked: FaultyEndpoint) -> None:
    with Client(asked, "4" * 16) as client:
        _struck(asked, "stall")
        with pytest.raises(TimeoutError):
            client.pour()
        with pytest.raises(TimeoutError):
            client.answer(QUIET_S)


def test_slow_answers_in_the_end(asked: FaultyEndpoint) -> None:
    with Client(asked, "5" * 16) as client:
        _struck(asked, "slow")
        client.send(50)
        client.end()
        assert client.answer().startswith("HTTP/1.1 200 ")
    assert 50 in asked.stored()


def test_slow_takes_little_at_a_time(faulty: Callable[..., FaultyEndpoint]) -> None:
    endpoint = faulty("ask")  # of its own: it goes on reading for minutes what was poured
    with Client(endpoint) as client:
        _struck(endpoint, "slow")
        with pytest.raises(TimeoutError):
            client.pour()


def test_a_word_that_is_no_fault_is_told_and_harms_nobody(asked: FaultyEndpoint) -> None:
    assert asked.type("explode").startswith("fault: 'explode' is none; type off, or one of stall, reset, ")


def test_a_silent_connection_does_not_hold_up_the_end(faulty: Callable[..., FaultyEndpoint]) -> None:
    endpoint = faulty("ask")
    with Client(endpoint):
        _struck(endpoint, "stall")
        assert endpoint.end() == ""  # uvicorn would complain of a connection that it had to wait for in vain


def test_a_fault_strikes_by_itself_and_tells_so(faulty: Callable[..., FaultyEndpoint]) -> None:
    endpoint = faulty("503:2")
    with Client(endpoint, "7" * 16) as client:
        client.end()
        assert client.answer().startswith("HTTP/1.1 200 ")
    with Client(endpoint, "8" * 16) as client:
        assert client.answer().startswith("HTTP/1.1 503 ")
    assert endpoint.says() == "fault: 503"


def test_pages_are_never_struck(faulty: Callable[..., FaultyEndpoint]) -> None:
    endpoint = faulty("reset")
    with socket.create_connection(("127.0.0.1", endpoint.port), timeout=PATIENCE_S) as viewer:
        viewer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert viewer.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_real_board_loses_nothing_by_faults_at_random(runtime: Runtime, faulty: Callable[..., FaultyEndpoint]) -> None:
    endpoint = faulty("reset:0.4", "503:3", "408")
    plan = Plan(("even",), "50ms", checkpoint={"every": "5s", "records": 100})
    tokens = {"even": endpoint.token}
    with accounts.opened(endpoint.data) as store, Station(plan, runtime, endpoint.port, store, endpoint.user, tokens) as station:
        for _ in range(4):
            assert endpoint.says().startswith("fault: ")
        endpoint.type("off")
        station.stop()
        account = station.account()
    assert account.unexplained == ()
    assert (account.lost, account.duplicated) == (0, 0)
    assert account.taken == account.stored > 0


class Struck:
    """A connection that notes what would strike it."""

    def __init__(self) -> None:
        self.stream = object()
        self.later: list[str] = []
        self.now: list[str] = []

    def strike_later(self, kind: str, seconds: float) -> None:
        assert 0 <= seconds <= 5
        self.later.append(kind)

    def strike(self, kind: str) -> bool:
        self.now.append(kind)
        return True


def _requests(faults: Faults, count: int) -> list[list[str]]:
    connections: list[Any] = [Struck() for _ in range(count)]
    for connection in connections:
        faults.began(connection)
        faults.ended(connection)
    return [connection.later + connection.now for connection in connections]


def test_every_third_request_is_struck() -> None:
    assert _requests(Faults([parse("reset:3")]), 7) == [[], [], ["reset"], [], [], ["reset"], []]


def test_one_in_four_is_struck_at_random() -> None:
    struck = _requests(Faults([parse("408:0.25")], dice=random.Random(1)), 1000)
    assert 200 < struck.count(["408"]) < 300
    assert struck.count([]) == 1000 - struck.count(["408"])


def test_the_first_fault_that_fits_strikes() -> None:
    assert _requests(Faults([parse("reset:2"), parse("slow")]), 4) == [["slow"], ["reset"], ["slow"], ["reset"]]


def test_what_is_typed_strikes_all_open_streams_or_else_the_next() -> None:
    faults, first, second = Faults([parse("ask")]), Struck(), Struck()
    faults.began(cast(Any, first))
    faults.began(cast(Any, second))
    faults.command(" Reset\n")
    assert (first.now, second.now) == (["reset"], ["reset"])
    faults.ended(cast(Any, first))
    faults.ended(cast(Any, second))
    faults.command("stall")
    assert _requests(faults, 2) == [["stall"], []]


def test_nothing_is_struck_after_off() -> None:
    faults = Faults([parse("reset")])
    assert _requests(faults, 1) == [["reset"]]
    faults.command("stall")
    faults.command("off")
    assert _requests(faults, 2) == [[], []]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("reset", Fault("reset", 1)),
        ("503:3", Fault("503", 3)),
        ("half-open:0.25", Fault("half-open", 1, 0.25)),
        ("ask", Fault("ask", 0)),
    ],
)
def test_a_fault_is_read(text: str, fault: Fault) -> None:
    assert parse(text) == fault


@pytest.mark.parametrize("text", ["", "flood", "200", "reset:", "reset:0", "reset:1.5", "reset:-1", "reset:nan", "ask:2"])
def test_a_fault_that_makes_no_sense_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"known are stall, |use reset:3 for "):
        parse(text)
