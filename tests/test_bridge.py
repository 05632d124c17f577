"""`plotpost bridge`: the whole agent on real MicroPython at the end of a cable, and a real endpoint; every reading arrives exactly once."""

import os
import pty
import random
import re
import select
import shlex
import signal
import socket
import ssl
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from plotpost import log
from plotpost.tunnel import Tunnel

from host_tools import accounts, bridge
from host_tools.bridge.session import Served, Session
from host_tools.child_endpoint import ChildEndpoint
from host_tools.frames import Decoder, Frame, Kind, digits
from host_tools.runtime import Runtime
from host_tools.simulate import LogLine
from tests import processes
from tests.emulated.parts.load import BOOT
from tests.network import quiet_port
from tests.usb import Board, Bridge, await_that
from tests.usb_desk import Desk, configured

_BLOCKS = 1000  # bytes of a segment: a head and more than one block, of which a power cut can spoil only the last
_NOISE = 20  # damages: without an end each one may double the time until the board tries again
PAGE = (Path(__file__).parent.parent / "docs" / "bridge.md").read_text()


@pytest.fixture
def desk(runtime: Runtime, serve: Callable[..., ChildEndpoint], tmp_path: Path) -> Iterator[Desk[Board]]:
    with ExitStack() as opened:
        yield _desk(opened, runtime, serve(port=quiet_port()), tmp_path)


def _desk(
    opened: ExitStack, runtime: Runtime, endpoint: ChildEndpoint, folder: Path, *options: str, names: str = "", **settings: Any
) -> Desk[Board]:
    """`names`: the endpoint in config.json, when it is not this one."""
    store = opened.enter_context(accounts.opened(endpoint.data))
    config, secrets = configured(store, endpoint, every="20ms", **settings)
    if names:
        config["endpoint"] = names
    if names.startswith("https"):
        secrets["ca"] = "ca.der"
    board = opened.enter_context(Board(runtime, config, secrets, folder))
    bridge = opened.enter_context(Bridge(board.cable.port, *options))
    return Desk(board, bridge, endpoint, store)


def test_readings_arrive_and_the_log_is_shown(desk: Desk[Board]) -> None:
    desk.await_stored(100)
    port = desk.board.cable.port
    assert [line for line in desk.bridge.log if line.level in "WE"] == []
    assert desk.bridge.notes == [f"{port} streams to {desk.endpoint.url}"]
    _settle(desk)
    desk.bridge.await_note(f"{port}: the agent has ended")
    assert desk.bridge.stop() == 0
    assert desk.bridge.counts["connections"] >= 2  # the agent sends the rest on one of its own
    assert desk.bridge.counts["sent"] > 100 * len('{"x":"2026-11-24T00:00:00.000Z","y":100}')


def test_a_bridge_that_is_killed_loses_no_reading(desk: Desk[Board]) -> None:
    for _ in range(3):
        desk.await_stored()
        desk.bridge.kill()
        desk.bridge.start()
    desk.await_stored(50)
    _settle(desk)


def test_a_bridge_that_is_frozen_loses_no_reading(desk: Desk[Board]) -> None:
    desk.await_stored()
    os.kill(desk.bridge.pid, signal.SIGSTOP)
    time.sleep(7)  # longer than the board waits for a sign of it
    os.kill(desk.bridge.pid, signal.SIGCONT)
    desk.bridge.await_line("stream", "streaming again")
    desk.await_stored(50)
    _settle(desk)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_bridge_that_ends_leaves_the_board_running_and_its_log_plain(desk: Desk[Board], how: signal.Signals) -> None:
    desk.await_stored()
    assert desk.bridge.end(how) == 0
    said = b""
    port = os.open(desk.board.cable.port, os.O_RDONLY | os.O_NOCTTY)
    while b"has ended" not in said or not said.endswith(b"\n"):
        said += os.read(port, 4096)
    os.close(port)
    assert b" W bridge plotpost bridge has ended: readings wait on the board\n" in said
    desk.bridge.start()
    desk.await_stored()
    _settle(desk)


def test_an_endpoint_that_is_away_is_told_to_the_board_which_comes_back_by_itself(desk: Desk[Board]) -> None:
    desk.await_stored()
    desk.endpoint.kill()
    desk.bridge.await_note(f"{desk.endpoint.url} refuses connections")
    desk.endpoint.start()
    since = desk.bridge.await_line("stream", "streaming again")
    desk.endpoint.kill()
    desk.endpoint.start()
    desk.bridge.await_line("stream", "streaming again", since)
    desk.await_stored(50)
    _settle(desk)


def test_a_cable_that_is_pulled_and_plugged_in_again_loses_no_reading(desk: Desk[Board]) -> None:
    for _ in range(3):
        desk.await_stored()
        desk.board.cable.pull()
        time.sleep(0.3)
        desk.board.cable.plug()
    desk.await_stored(50)
    _settle(desk)
    assert f"{desk.board.cable.port} is gone: waiting until it is plugged in again" in desk.bridge.notes


def test_a_board_that_is_reset_sends_what_is_on_its_flash_and_goes_on(
    runtime: Runtime, serve: Callable[..., ChildEndpoint], tmp_path: Path
) -> None:
    with ExitStack() as opened:
        desk = _desk(opened, runtime, serve(port=quiet_port()), tmp_path, spool={"ram": "480B"})
        desk.await_stored()
        desk.endpoint.kill()
        desk.bridge.await_line("stream", "closed the connection")
        before = len(desk.stored())
        await_that(lambda: sum(path.stat().st_size for path in _spooled(desk.board)) > _BLOCKS, lambda: desk.bridge.log)
        desk.board.cut_power()
        desk.endpoint.start()
        desk.board.power_on()
        desk.await_stored(50)
        _settle(desk, boots=2)
        assert sum(value < BOOT for value in desk.stored()) > before


def _spooled(board: Board) -> list[Path]:
    """The files on its flash to which the ring has overflowed."""
    return list((board.flash / "spool").glob("*"))


def _settle(desk: Desk[Board], boots: int = 1) -> None:
    """As its own, when the agent has no more left to send than it can within the ten seconds that it takes for that."""
    await_that(lambda: not _spooled(desk.board), lambda: (desk.bridge.log, desk.bridge.notes))
    desk.settle(boots)


def test_noise_in_both_directions_delays_and_loses_nothing(desk: Desk[Board]) -> None:
    damage = random.Random(1)
    damages = 0

    def damaged(data: bytes) -> bytes:
        """Bytes are changed, lost and added, now and then; none becomes Ctrl-C."""
        nonlocal damages
        if damages == _NOISE or damage.random() > 0.02:
            return data
        damages += 1
        place = damage.randrange(len(data) + 1)
        return data[:place] + bytes([damage.choice([0, 10, 0x41, 0x80, 0xFD, 0xFE, 0xFF])]) + data[place + damage.randrange(3) :]

    desk.await_stored()
    desk.board.cable.to_host = desk.board.cable.to_board = damaged
    desk.await_stored(100)
    await_that(lambda: damages > 10, lambda: (desk.bridge.log, desk.bridge.notes))
    desk.board.cable.to_host = desk.board.cable.to_board = lambda data: data
    desk.await_stored(50)
    _settle(desk)
    desk.bridge.stop()
    assert desk.bridge.counts["broken"] > 0
    assert desk.bridge.counts["sessions"] > 1


def test_what_others_print_between_frames_is_shown_and_disturbs_nothing(desk: Desk[Board]) -> None:
    desk.await_stored()
    printed = [b"Traceback (most recent call last):\r\nValueError: 3\r\n"]
    desk.board.cable.to_host = lambda data: data + printed.pop() if printed and data.endswith(b"\xff") else data
    desk.bridge.await_line("traceback", "Traceback (most recent call last):")
    desk.bridge.await_line("traceback", "ValueError: 3")
    desk.await_stored(50)
    assert len(desk.bridge.notes) == 1
    _settle(desk)


def test_another_endpoint_than_the_one_in_config_json_can_be_named(
    runtime: Runtime, serve: Callable[..., ChildEndpoint], tmp_path: Path
) -> None:
    endpoint = serve()
    with ExitStack() as opened:
        desk = _desk(opened, runtime, endpoint, tmp_path, "--endpoint", endpoint.url, names="http://no-such-host.invalid")
        desk.await_stored()
        _settle(desk)


def test_a_host_that_nobody_knows_is_named(runtime: Runtime, serve: Callable[..., ChildEndpoint], tmp_path: Path) -> None:
    with ExitStack() as opened:
        desk = _desk(opened, runtime, serve(), tmp_path, names="http://no-such-host.invalid")
        desk.bridge.await_note("no host is known as no-such-host.invalid")
        desk.bridge.await_line("stream", "no route to the endpoint")


class TestOverTls:
    """The board speaks plainly as far as this machine, which checks the certificate."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def endpoint(self, serve: Callable[..., ChildEndpoint], authority: trustme.CA, tmp_path: Path) -> ChildEndpoint:
        pair = tmp_path / "pair.pem"
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pair))
        return serve("--tls-cert", str(pair), "--tls-port", "0")

    @pytest.mark.parametrize("form", ["pem", "der"])
    def test_readings_arrive(
        self, runtime: Runtime, endpoint: ChildEndpoint, authority: trustme.CA, tmp_path: Path, form: str
    ) -> None:
        pem = authority.cert_pem.bytes()
        file = tmp_path / f"ca.{form}"
        file.write_bytes(pem if form == "pem" else ssl.PEM_cert_to_DER_cert(pem.decode()))
        with ExitStack() as opened:
            desk = _desk(opened, runtime, endpoint, tmp_path, "--ca", str(file), names=_tls_url(endpoint))
            desk.await_stored()
            _settle(desk)

    def test_another_authority_is_refused(self, runtime: Runtime, endpoint: ChildEndpoint, tmp_path: Path) -> None:
        file = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(str(file))
        with ExitStack() as opened:
            desk = _desk(opened, runtime, endpoint, tmp_path, "--ca", str(file), names=_tls_url(endpoint))
            desk.bridge.await_line("stream", "the endpoint's certificate is refused: unable to get local issuer certificate")
            assert desk.stored() == []


def _tls_url(endpoint: ChildEndpoint) -> str:
    assert endpoint.tls_url is not None
    return f"https://localhost:{endpoint.tls_url.rpartition(':')[2]}"


@pytest.mark.parametrize("line", re.findall(r"^plotpost bridge.*", PAGE, re.MULTILINE))
def test_the_commands_of_the_page_bridge_a_board(
    runtime: Runtime, serve: Callable[..., ChildEndpoint], tmp_path: Path, line: str
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "pair.pem"))
    endpoint = serve("--tls-cert", str(tmp_path / "pair.pem"), "--tls-port", "0")
    _, _, *options = shlex.split(line)
    meant = {"http://192.168.1.10:8050": endpoint.url, "authority.pem": str(tmp_path / "authority.pem")}
    options = [meant.get(option, option) for option in options]
    if "--port" in options:  # the board is at the end of a cable of ours
        del options[options.index("--port") : options.index("--port") + 2]
    names = _tls_url(endpoint) if "--ca" in options else "http://192.168.1.10:8050" if "--endpoint" in options else ""
    with ExitStack() as opened:
        desk = _desk(opened, runtime, endpoint, tmp_path, *options, names=names)
        desk.await_stored()


def test_a_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = processes.run(tmp_path, "bridge", "--port", "/dev/no-such-port")
    assert (done.returncode, done.stderr) == (
        1,
        "plotpost: there is no port /dev/no-such-port: plug the board in with a cable that carries data, then look at `plotpost ports`\n",
    )


def test_a_port_is_held_by_one_bridge_alone(desk: Desk[Board], tmp_path: Path) -> None:
    desk.await_stored()
    port = str(desk.board.cable.port)
    done = processes.run(tmp_path, "bridge", "--port", port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"plotpost: {port} is in use by ")
    desk.await_stored()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--endpoint", "localhost:8050"], "--endpoint: 'localhost:8050' is not http://HOST"),
        (["--endpoint", "http://localhost:8050/x"], "--endpoint: the board asks for a path of its own: leave /x out"),
        (["--ca", "no-such.pem"], "no-such.pem: No such file or directory"),
        (["--ca", "pyproject.toml"], "pyproject.toml is no certificate, neither PEM nor DER"),
        (["--ca", "/dev/null"], "/dev/null is no certificate, neither PEM nor DER"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path: Path, options: list[str], complaint: str) -> None:
    done = processes.run(tmp_path, "bridge", "--port", "/dev/no-such-port", *options)
    assert done.returncode == 1
    assert done.stderr.startswith(f"plotpost: {complaint}")
    assert done.stderr.count("\n") == 1


def test_a_port_at_which_nobody_asks_for_a_bridge_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "_TICK_S", 0.01)
    with Port() as port:
        told = port.serve(bool)
    assert told == [
        f"{port.name} does not ask for a bridge: does its agent run, and does its config.json leave out wifi? "
        "The log tells, or `plotpost doctor` does"
    ]


class Silent:
    """The end of a cable at which nobody answers."""

    def __init__(self) -> None:
        self.received = b""
        self.told: list[str] = []
        served = Served("ttyACM0", None, lambda line: None, self.told.append, bridge.Counts())
        self.session = Session(self, served, ssl.create_default_context())

    def write(self, data: bytes) -> None:
        self.received += data

    def hellos(self, ticks: int) -> int:
        before = len(self.received)
        for _ in range(ticks):
            self.session.tick()
        return len([frame for frame in Decoder().feed(self.received[before:]) if isinstance(frame, Frame)])


def test_a_board_that_does_not_answer_is_not_sent_more_than_its_buffer_holds() -> None:
    """MicroPython keeps 512 bytes for a program that does not read, 260 on an ESP32; behind them Ctrl-C is not heard."""
    silent = Silent()
    assert silent.hellos(1000) == 10
    assert len(silent.received) < 200
    assert len(silent.told) == 1


def test_a_board_that_asks_for_a_bridge_later_is_greeted_again() -> None:
    silent = Silent()
    silent.hellos(1000)
    silent.session.take(b"0.100 I agent greenhouse: 2 channels\r\n")
    assert silent.hellos(1000) == 0
    silent.session.take(b"0.107 I bridge this board has no network: waiting for plotpost bridge at the USB port\r\n")
    assert silent.hellos(1000) == 10


def test_a_firmware_that_speaks_another_version_is_told_of_with_the_remedy() -> None:
    with Port(Frame(Kind.HELLO, 0, digits(2, 1) + digits(0, 2) + digits(128, 2)).encode()) as port:
        told = port.serve(lambda told: bool(told))
    assert told == [
        f"the firmware at {port.name} speaks version 2 of the tunnel, this is version 1: bring it up to date with `plotpost deploy`"
    ]


def test_a_reader_of_the_log_that_leaves_ends_the_bridge() -> None:
    def leave(line: LogLine) -> None:
        raise BrokenPipeError

    with Port(b"1.000 I agent hello\r\n") as port, pytest.raises(BrokenPipeError):
        port.serve(lambda told: False, leave)


class Port:
    """A serial port with something at its end that is no agent: it says `answer` to everything."""

    def __init__(self, answer: bytes = b"") -> None:
        self.received = b""
        self._answer = answer

    def __enter__(self) -> Self:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.name = os.ttyname(self._slave)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._master)
        os.close(self._slave)

    def serve(self, enough: Callable[[list[str]], bool], on_line: Callable[[LogLine], None] = print) -> list[str]:
        """What the bridge tells until that is `enough`, or it raises."""
        told: list[str] = []
        stop = threading.Event()

        def play() -> None:
            while not enough(told) and not stop.wait(0.01):
                if select.select([self._master], [], [], 0)[0]:
                    self.received += os.read(self._master, 1024)
                    os.write(self._master, self._answer)
            stop.set()

        player = threading.Thread(target=play)
        player.start()
        try:
            bridge.bridge(self.name, None, on_line, stop, say=told.append)
        finally:
            stop.set()
            player.join()
        return told


class TestFrames:
    """The host's reading of docs/bridge.md against the firmware's."""

    def test_the_example_of_the_page_is_what_both_ends_make(self) -> None:
        (example,) = re.findall(r"^FE(?: [0-9A-F]{2})+$", PAGE, re.MULTILINE)
        heartbeat = b"1\r\n\n\r\n"
        assert Frame(Kind.DATA, 2, heartbeat).encode() == bytes.fromhex(example)
        with _pair() as (tunnel, host):
            tunnel.write(heartbeat, 0, len(heartbeat))
            assert host.recv(4096) == bytes.fromhex(example)

    def test_the_kinds_of_the_page_are_those_of_the_program(self) -> None:
        told = re.findall(r"^\| (8[0-9A]) (\w+) \|", PAGE, re.MULTILINE)
        assert {(int(kind, 16), name.upper()) for kind, name in told} == {(kind.value, kind.name) for kind in Kind}

    @given(
        kind=st.sampled_from(Kind),
        number=st.integers(0, 63),
        payload=st.binary(max_size=4095),
        text=st.text("ab \xb0", max_size=9),
    )
    def test_a_frame_comes_back_whatever_it_holds_and_text_beside_it_too(
        self, kind: Kind, number: int, payload: bytes, text: str
    ) -> None:
        frame = Frame(kind, number, payload)
        wire = frame.encode()
        assert min(wire) >= 0x20
        assert list(Decoder().feed(f"{text}\r\n".encode() + wire + b"\r\n")) == [text.encode() + b"\r", frame, b"\r"]

    @given(noise=st.binary(max_size=300), cut=st.integers(1, 40))
    def test_after_noise_and_a_cut_frame_the_next_is_taken(self, noise: bytes, cut: int) -> None:
        decoder = Decoder()
        frame = Frame(Kind.DATA, 5, b"whole")
        parts = list(decoder.feed(noise + Frame(Kind.DATA, 4, b"x" * 40).encode()[:cut] + frame.encode()))
        assert parts[-1] == frame

    @given(secret=st.integers(0, 30), start=st.integers(1, 40))
    def test_the_rest_of_a_frame_whose_beginning_was_lost_is_never_shown(self, secret: int, start: int) -> None:
        wire = Frame(Kind.DATA, 0, b"plotly-streamtoken: abcdefghij\r\n" + b"\n" * secret).encode()
        assert list(Decoder().feed(wire[start:] + b"after\r\n")) == [b"after\r"]

    @given(payload=st.binary(min_size=1, max_size=192))
    def test_the_host_reads_what_the_board_writes(self, payload: bytes) -> None:
        with _pair() as (tunnel, host):
            assert tunnel.write(payload, 0, len(payload)) == len(payload)
            wire = host.recv(4096)
        assert min(wire) >= 0x20
        assert list(Decoder().feed(wire)) == [Frame(Kind.DATA, 2, payload)]

    @given(payload=st.binary(min_size=1, max_size=128))
    def test_the_board_reads_what_the_host_writes(self, payload: bytes) -> None:
        with _pair() as (tunnel, host):
            host.sendall(Frame(Kind.DATA, 1, payload).encode())
            buf = bytearray(128)
            assert tunnel.readinto(buf) == len(payload)
        assert buf[: len(payload)] == payload


@contextmanager
def _pair() -> Iterator[tuple[Any, socket.socket]]:
    """The firmware's end of a cable with a connection, and the host's as a socket."""
    board, host = socket.socketpair()
    kept = log.write
    log.write = lambda line: None
    try:
        tunnel = Tunnel(board, board)
        host.sendall(Frame(Kind.HELLO, 0, digits(1, 1) + digits(5, 2) + digits(2048, 2)).encode())
        tunnel.up()
        tunnel.open("http://localhost:8050")
        host.sendall(Frame(Kind.OPENED, 0, digits(1, 1)).encode())
        tunnel.poll(0)
        host.recv(4096)
        yield tunnel, host
    finally:
        log.write = kept
        board.close()
        host.close()
