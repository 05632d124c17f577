"""The other sides of the benchmarks, each in a process of its own: a sink, mosquitto, our endpoint with plots."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from host_tools import accounts, leash
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import FIRST_USER
from tests.network import quiet_port

_START_S = 10
_APT = Path(__file__).parent.parent.parent / ".ci" / "apt.sh"
_PROGRAMS = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin"
_MOSQUITTO = """\
# Changing its user would take it off the leash.
user root
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_connections -1
set_tcp_nodelay true
log_type error
"""


class Unavailable(Exception):
    """Something that a row needs cannot be had here: one line that says what, and how to get it."""


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """The port of a running sink."""
    with subprocess.Popen(
        leash.command(sys.executable, "-m", "tests.bench.sink"), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of a mosquitto that keeps everything for a subscriber, and nothing on disk. Raises Unavailable."""
    program = _mosquitto()
    port = quiet_port()
    settings = folder / "mosquitto.conf"
    settings.write_text(_MOSQUITTO.format(port=port))
    with subprocess.Popen(
        leash.command(program, "-c", str(settings)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            _await_port(port)
            yield port, process.pid
        finally:
            process.kill()


@contextlib.contextmanager
def endpoint(folder: Path) -> Iterator[ChildEndpoint]:
    """A running endpoint with a fresh data folder."""
    server = ChildEndpoint(folder / "data", 0, folder / "endpoint.log")
    server.start()
    try:
        yield server
    finally:
        server.kill()


def new_tokens(server: ChildEndpoint, count: int) -> list[str]:
    """Tokens of the endpoint's first user."""
    with accounts.opened(server.data) as store:
        user, _ = accounts.owner(store)
        return [store.new_token(user) for _ in range(count)]


def new_plot(server: ChildEndpoint, name: str, tokens: list[str], maxpoints: int = 1000) -> str:
    """Creates a plot with a trace for each token, as a board would; its URL."""
    traces = [{"x": [], "y": [], "type": "scatter", "stream": {"token": token, "maxpoints": maxpoints}} for token in tokens]
    fields = {
        "un": FIRST_USER,
        "key": server.api_key,
        "origin": "plot",
        "platform": "bench",
        "version": "1",
        "args": json.dumps(traces),
        "kwargs": json.dumps({"filename": name, "world_readable": True}),
    }
    with urllib.request.urlopen(f"{server.url}/clientresp", urllib.parse.urlencode(fields).encode(), timeout=30) as answer:
        created = json.load(answer)
    if created["error"]:
        raise RuntimeError(created["error"])
    return str(created["url"])


def port_of(server: ChildEndpoint) -> int:
    return int(server.url.rpartition(":")[2])


def _mosquitto() -> str:
    """The path of the program; root on a Debian gets it installed."""
    program = shutil.which("mosquitto", path=_PROGRAMS)
    if program is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run([_APT, "", "mosquitto"], check=False)
        program = shutil.which("mosquitto", path=_PROGRAMS)
    if program is None:
        raise Unavailable("mosquitto is missing (Debian: sudo apt install mosquitto)")
    return program


def _await_port(port: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise Unavailable("mosquitto does not start here")
