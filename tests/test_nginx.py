"""Through a real nginx: as it is by default, and with docs/nginx.conf. Nothing is lost; with the file the plot is live."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.attempts import LIMIT
from host_tools.runtime import Runtime
from tests.faults.harness import Plan, World
from tests.faults.proxy import DOWN, UP
from tests.network import quiet_port

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "nginx.conf"
FETCHED = str(ROOT / ".venv" / "nginx" / "usr" / "sbin")  # by .ci/nginx.sh
DEFAULT = "server { listen 80; location / { proxy_pass http://127.0.0.1:8050; } }"
LONG_REQUESTS = Plan(("even", "odd"), "50ms", "16KiB", "64KiB", {"every": "1h", "records": 100_000})
SHORT_REQUESTS = Plan(("even",), "50ms", "16KiB", "64KiB", {"every": "1s", "records": 100})
SEVERAL_LINES = 3000  # bytes
PATIENCE_S = 60

_MAIN = """\
{user}daemon off;
pid nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {server}
}}
"""


class Nginx:
    """An nginx of its own, in a folder of its own; `server` is what stands in conf.d."""

    def __init__(self, folder: Path, server: str, port: int, endpoint: int) -> None:
        server = server.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("127.0.0.1:8050", f"127.0.0.1:{endpoint}")
        user = "user root;\n" if os.geteuid() == 0 else ""  # its workers must get into the folder
        (folder / "nginx.conf").write_text(_MAIN.format(user=user, server=server))
        program = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", FETCHED]))
        if program is None:
            pytest.skip("no nginx (sudo apt install nginx)")
        self._process = subprocess.Popen([program, "-p", str(folder), "-c", "nginx.conf"], stderr=subprocess.PIPE, text=True)
        _wait_until(lambda: self._listens(port))

    def _listens(self, port: int) -> bool:
        if self._process.poll() is not None:
            assert self._process.stderr is not None
            pytest.fail(self._process.stderr.read(), pytrace=False)
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def __enter__(self) -> "Nginx":
        return self

    def __exit__(self, *error: Any) -> None:
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE_S)


def _wait_until(condition: Callable[[], bool], said: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not come to that in time; {said()}")
        time.sleep(0.05)


def _wait_for(world: World, condition: Callable[[], bool]) -> None:
    _wait_until(condition, lambda: f"the board says {[line.message for line in world.stations[0].log]}")


def _wait_for_the_long_request(world: World) -> None:
    """A board's first request on a connection is a short one. When more follows its answer, that is the next."""
    proxy = world.stations[0].proxy
    _wait_for(world, lambda: proxy.bytes[DOWN] > 0)
    sent = proxy.bytes[UP]
    _wait_for(world, lambda: proxy.bytes[UP] > sent)


@pytest.fixture
def behind(runtime: Runtime, tmp_path: Path) -> Iterator[Callable[[str, Plan], World]]:
    """Makes an endpoint behind an nginx with that configuration, and one board that sends to the nginx."""
    with ExitStack() as opened:

        def start(server: str, plan: Plan) -> World:
            world = World(runtime, [plan], tmp_path, upstream=quiet_port())
            opened.enter_context(Nginx(tmp_path, server, world.upstream, world.endpoint.port))
            return opened.enter_context(world)

        yield start


def _assert_nothing_is_lost(world: World) -> None:
    (account,) = world.finish()
    assert account.unexplained == ()
    assert account.taken == account.stored > 0
    assert account.duplicated == 0


def test_with_the_file_readings_are_shown_before_the_request_ends(behind: Callable[[str, Plan], World]) -> None:
    world = behind(FILE.read_text(), LONG_REQUESTS)
    _wait_for_the_long_request(world)
    answered, stored = world.stations[0].proxy.bytes[DOWN], world.stored()
    _wait_for(world, lambda: world.stored() > stored)
    assert world.stations[0].proxy.bytes[DOWN] == answered
    _assert_nothing_is_lost(world)


def test_by_default_nginx_holds_the_request_back_and_nothing_is_lost(behind: Callable[[str, Plan], World]) -> None:
    world = behind(DEFAULT, LONG_REQUESTS)
    _wait_for_the_long_request(world)
    sent, stored = world.stations[0].proxy.bytes[UP], world.stored()
    _wait_for(world, lambda: world.stations[0].proxy.bytes[UP] > sent + SEVERAL_LINES)
    time.sleep(1)
    assert world.stored() == stored
    _assert_nothing_is_lost(world)


@pytest.mark.parametrize("server", [DEFAULT, FILE.read_text()], ids=["default", "file"])
def test_checkpoints_are_confirmed_and_the_connection_is_used_again(behind: Callable[[str, Plan], World], server: str) -> None:
    world = behind(server, SHORT_REQUESTS)
    proxy = world.stations[0].proxy
    one_answer = 150
    _wait_for(world, lambda: proxy.bytes[DOWN] > 3 * one_answer)
    assert proxy.connections == 1
    _assert_nothing_is_lost(world)


@pytest.mark.parametrize("server", [DEFAULT, FILE.read_text()], ids=["default", "file"])
def test_nothing_is_lost_when_the_endpoint_dies_behind_it(behind: Callable[[str, Plan], World], server: str) -> None:
    world = behind(server, SHORT_REQUESTS)
    _wait_for(world, lambda: world.stored() > 0)
    world.kill_endpoint(1)
    world.stations[0].heal()
    before = world.stored()
    _wait_for(world, lambda: world.stored() > before)
    _assert_nothing_is_lost(world)


def test_the_live_page_gets_its_data_through_the_file(behind: Callable[[str, Plan], World]) -> None:
    world = behind(FILE.read_text(), LONG_REQUESTS)
    with connect(f"ws://127.0.0.1:{world.upstream}/~board0/1/ws", open_timeout=PATIENCE_S) as page:
        kinds = [json.loads(page.recv(timeout=PATIENCE_S))["type"]]
        while "delta" not in kinds:
            kinds.append(json.loads(page.recv(timeout=PATIENCE_S))["type"])
    assert kinds[0] == "snapshot"


def test_a_guesser_keeps_only_their_own_address_out(serve: Callable[..., ChildEndpoint], tmp_path: Path) -> None:
    endpoint, port = serve("--trusted-proxy", "127.0.0.1", port=quiet_port()), quiet_port()

    def current(key: str, source: str, forged: str = "") -> int:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S, source_address=(source, 0))
        connection.request(
            "GET", "/v2/users/current", headers={"plotly-username": "me", "plotly-apikey": key, "x-forwarded-for": forged}
        )
        status = connection.getresponse().status
        connection.close()
        return status

    with Nginx(tmp_path, FILE.read_text(), port, endpoint.port):
        for number in range(LIMIT):
            assert current("aaaaaaaaaa", "127.0.0.2", f"192.0.2.{number}") == 403
        assert endpoint.api_key is not None
        assert current(endpoint.api_key, "127.0.0.2") == 403
        assert current(endpoint.api_key, "127.0.0.3") == 200


def test_the_file_says_how_the_endpoint_must_be_started_to_be_reached_by_a_name(
    serve: Callable[..., ChildEndpoint], tmp_path: Path
) -> None:
    (option,) = re.findall(r"plotpost serve (--trusted-proxy \S+)$", FILE.read_text(), re.MULTILINE)

    def page(*options: str) -> int:
        endpoint, port = serve(*options, port=quiet_port()), quiet_port()
        folder = tmp_path / str(port)
        folder.mkdir()
        with Nginx(folder, FILE.read_text(), port, endpoint.port):
            connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            connection.request("GET", "/", headers={"host": "plots.example"})
            status = connection.getresponse().status
            connection.close()
        endpoint.kill()
        return status

    assert page() == 421
    assert page(*option.split()) == 200
