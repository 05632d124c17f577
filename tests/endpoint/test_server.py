"""The endpoint starts with what it needs, says where it is, and stops without losing anything."""

import asyncio
import errno
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from urllib.request import urlopen

import pytest

from host_tools.endpoint import machine, server
from host_tools.endpoint.errors import EndpointError
from host_tools.endpoint.front import Limits
from host_tools.endpoint.server import Endpoint, EndpointConfig, TlsConfig
from host_tools.endpoint.store import FILENAME, Store
from tests.endpoint.core import PATIENCE_S

PROGRAM = """
import sys
from pathlib import Path
from host_tools.endpoint.server import EndpointConfig, serve
serve(EndpointConfig(Path(sys.argv[1]), port=0), lambda endpoint: print(endpoint.url, flush=True))
"""


def started(config: EndpointConfig, look: Callable[[Endpoint], None]) -> Endpoint:
    """Run an endpoint until it is ready, look at it, stop it."""

    async def run() -> Endpoint:
        endpoint = Endpoint(config)

        def ready(told: Endpoint) -> None:
            look(told)
            endpoint.stop()

        async with asyncio.timeout(PATIENCE_S):
            await endpoint.run(ready)
        return endpoint

    return asyncio.run(run())


def during(config: EndpointConfig, work: Callable[[Endpoint], Coroutine[None, None, None]]) -> None:
    """Do `work` while the endpoint runs."""

    async def run() -> None:
        ready: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
        endpoint = Endpoint(config)
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(endpoint.run(ready.set_result))
            await work(await ready)
            endpoint.stop()

    asyncio.run(run())


def nothing(endpoint: Endpoint) -> None:
    pass


def refused(config: EndpointConfig) -> str:
    with pytest.raises(EndpointError) as error:
        started(config, nothing)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "data"


def test_ready_means_that_connections_are_accepted_at_the_url(data: Path) -> None:
    def connect(endpoint: Endpoint) -> None:
        url = urlsplit(endpoint.url)
        assert url.scheme == "http"
        assert url.port not in (0, None)
        socket.create_connection((url.hostname or "", url.port or 0), timeout=PATIENCE_S).close()

    started(EndpointConfig(data, port=0), connect)


def test_pages_are_served_and_streams_are_taken_on_the_one_port(data: Path) -> None:
    async def work(endpoint: Endpoint) -> None:
        assert await asyncio.to_thread(lambda: urlopen(endpoint.url, timeout=PATIENCE_S).status) == 200
        url = urlsplit(endpoint.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(b"POST / HTTP/1.1\r\nplotly-streamtoken: zzzzzzzzzz\r\nContent-Length: 3\r\n\r\n{}\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
        writer.close()

    during(EndpointConfig(data, port=0), work)


def test_a_running_endpoint_keeps_its_time_limits(data: Path) -> None:
    async def work(endpoint: Endpoint) -> None:
        url = urlsplit(endpoint.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(b"POST / HTTP/1.1\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()

    during(EndpointConfig(data, port=0, limits=Limits(head_s=0.5, tick_s=0.01)), work)


def test_the_data_folder_and_the_store_are_for_their_owner_only(data: Path) -> None:
    started(EndpointConfig(data, port=0), nothing)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / FILENAME).stat().st_mode) == 0o600


def test_a_folder_that_others_may_read_becomes_the_owners_alone_and_that_is_told(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    started(EndpointConfig(data, port=0, tls=TlsConfig(0)), nothing)
    data.chmod(0o755)
    for name in (FILENAME, "ca-key.pem", "tls-key.pem"):
        (data / name).chmod(0o644)
    started(EndpointConfig(data, port=0, tls=TlsConfig(0)), nothing)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {stat.S_IMODE((data / name).stat().st_mode) for name in (FILENAME, "ca-key.pem", "tls-key.pem")} == {0o600}
    assert f"{data} could be read by others" in caplog.text
    caplog.clear()
    started(EndpointConfig(data, port=0), nothing)
    assert caplog.text == ""


def test_a_folder_that_holds_other_files_too_is_left_as_it_is_and_told_of(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    data.mkdir(parents=True, mode=0o755)
    (data / "diary").write_text("mine")
    started(EndpointConfig(data, port=0), nothing)
    assert stat.S_IMODE(data.stat().st_mode) == 0o755
    assert f"chmod 700 {data}" in caplog.text


def test_the_first_start_makes_one_user_and_tells_the_key_once(data: Path) -> None:
    first = started(EndpointConfig(data, port=0), nothing).new_user
    assert first is not None
    assert first.api_key not in repr(first)
    store = Store.open(data)
    user = store.check_key(first.name, first.api_key)
    store.close()
    assert user is not None
    assert started(EndpointConfig(data, port=0), nothing).new_user is None


def test_a_stopped_endpoint_leaves_its_port_free(data: Path, free_port: int) -> None:
    first, again = (started(EndpointConfig(data, port=free_port), nothing) for _ in range(2))
    assert first.url == again.url


def test_an_endpoint_for_everybody_tells_the_address_for_other_machines(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "lan_address", lambda: "192.168.7.7")
    endpoint = started(EndpointConfig(data, host="0.0.0.0", port=0), nothing)
    port = urlsplit(endpoint.url).port
    assert (endpoint.url, endpoint.lan_url) == (f"http://127.0.0.1:{port}", f"http://192.168.7.7:{port}")
    assert endpoint.http.local_url == f"http://{machine.label()}.local:{port}"
    assert started(EndpointConfig(data, port=0), nothing).lan_url is None


def test_the_name_localhost_means_ipv4_because_boards_do() -> None:
    with server.listening("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert server._url("http", "::1", 8050) == "http://[::1]:8050"


# What stands in the way is named, with the remedy


def test_a_port_in_use_is_named_with_the_remedy(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = refused(EndpointConfig(data, port=port))
    assert f"port {port} is in use" in message
    assert "--port" in message


def test_a_reserved_port_is_named_with_the_remedy() -> None:
    # A test that runs as root cannot be refused a port, so this asks for the words alone.
    message = server._why_not_bound(PermissionError(errno.EACCES, "Permission denied"), "127.0.0.1", 80)
    assert "port 80 is reserved" in message
    assert "1024" in message


@pytest.mark.parametrize("host", ["no-such-host.invalid", "300.1.1.1", "a..b"])
def test_an_unknown_host_is_named_with_the_remedy(data: Path, host: str) -> None:
    message = refused(EndpointConfig(data, host=host, port=0))
    assert f"unknown host '{host}'" in message
    assert "--host" in message


def test_an_address_of_another_machine_is_named_with_the_remedy(data: Path) -> None:
    message = refused(EndpointConfig(data, host="192.0.2.1", port=0))
    assert "192.0.2.1 is not an address of this machine" in message


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_impossible_port_is_named_with_the_remedy(data: Path, port: int) -> None:
    assert f"{port} is no port" in refused(EndpointConfig(data, port=port))


def test_a_data_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    message = refused(EndpointConfig(tmp_path / "file" / "data", port=0))
    assert str(tmp_path / "file" / "data") in message
    assert "--data" in message


def test_a_database_of_another_program_is_left_alone_and_named(data: Path) -> None:
    data.mkdir(parents=True)
    path = data / FILENAME
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE diary (entry TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert str(path) in refused(EndpointConfig(data, port=0))
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone_and_named(data: Path) -> None:
    data.mkdir(parents=True)
    (data / FILENAME).write_bytes(b"my diary, " * 100)
    assert str(data / FILENAME) in refused(EndpointConfig(data, port=0))
    assert (data / FILENAME).read_bytes() == b"my diary, " * 100


# Signals


@pytest.fixture
def program(data: Path) -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    argv = [sys.executable, "-c", PROGRAM, str(data)]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_commits_answers_and_closes_a_stream_and_ends_the_program_well(
    program: "subprocess.Popen[str]", data: Path, number: signal.Signals
) -> None:
    assert program.stdout is not None
    url = urlsplit(program.stdout.readline().strip())
    store = Store.open(data)
    user = store.users()[0]
    token = store.new_token(user)
    plot = store.new_plot(user, "signals", "public", b'{"data":[{"stream":{"token":"%s"}}],"layout":{}}' % token.encode(), 0)
    store.link(token, plot)
    line = b'{"x":1,"y":2}\n'
    with stream(url, token) as client:
        client.sendall(b"e\r\n" + line + b"\r\n")
        while not stored(store, plot):
            time.sleep(0.01)
        client.sendall(b"e\r\n" + line + b"\r\n")
        program.send_signal(number)
        answered = client.makefile("rb").read()
    assert program.wait(timeout=PATIENCE_S) == 0
    assert program.stderr is not None
    assert program.stderr.read() == ""
    settled = 5 + stored(store, plot)
    store.close()
    assert answered.startswith(b"HTTP/1.1 408 ")
    assert f"plotpost-next: {settled}\r\n".encode() in answered


def stored(store: Store, plot_id: int) -> int:
    """How many lines of the plot are in the store."""
    plot = store.plot(plot_id)
    assert plot is not None
    return plot.points


def stream(url: SplitResult, token: str) -> socket.socket:
    """An open stream; the endpoint notices within a second that another process has made its token."""
    head = f"POST / HTTP/1.1\r\nplotly-streamtoken: {token}\r\nplotpost-records: 0123456789abcdef/5\r\n"
    while True:
        client = socket.create_connection((url.hostname or "", url.port or 0), timeout=PATIENCE_S)
        client.sendall(head.encode() + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        if client.recv(4096).startswith(b"HTTP/1.1 100 "):
            return client
        client.close()
        time.sleep(0.05)
