"""Somebody's own board on their desk, emulated: their config.json and secrets.json, unchanged but for how the endpoint is reached.

Its access point takes the name and password of the first network that config.json names. It reaches this machine alone.
"""

import ipaddress
import socket
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from host_tools.simulate import LogLine
from tests.emulated.agent import LOOPBACK, Agent, Json, install
from tests.emulated.boards import NAMES
from tests.emulated.errors import Missing
from tests.emulated.firmware import firmware
from tests.emulated.firmware.progress import Terminal
from tests.emulated.network import Network, Wifi

BOARDS = tuple(name for name in NAMES if name != "pico")  # those with WiFi


@contextmanager
def on_desk(config: Json, secrets: Json, on_line: Callable[[LogLine], None]) -> Iterator[Agent]:
    """The agent, running, for checked files; standard error tells what takes time. Raises Missing or BoardError."""
    progress = Terminal()
    (board,) = (name for name in BOARDS if name == config["board"])
    endpoint, host = _reachable(config["endpoint"])
    if "plot" in config:
        raise Missing("an emulated board has no 'requests' to create its plot with: see 'plotpost plot new', and take plot out")
    networks = {name: secrets["wifi"][name] for name in config["wifi"]} if "wifi" in config else {Wifi.ssid: Wifi.key}
    (ssid, key), *_ = networks.items()
    certificate = Path(secrets["ca"]) if "ca" in secrets else None
    firmware(board, progress)
    progress("Copying the agent to the emulated board")
    progress.close()
    with tempfile.TemporaryDirectory(prefix="plotpost-board-") as folder:
        flash = Path(folder) / "flash.bin"
        install(flash, board=board)
        network = Network(wifi=Wifi(ssid=ssid, key=key or None), hosts={host: LOOPBACK})
        with Agent(flash, network, on_line, board) as agent:
            agent.configure(
                {**config, "endpoint": endpoint, "wifi": list(networks)},
                {**secrets, "wifi": networks, **({"ca": certificate.name} if certificate else {})},
                *([certificate] if certificate else []),
            )
            agent.power_on()
            yield agent


def _reachable(endpoint: str) -> tuple[str, str]:
    """The endpoint as the board is to name it, and its host, which the board's DNS must know. Raises Missing."""
    parts = urllib.parse.urlsplit(endpoint)
    host = parts.hostname or ""
    if _is_loopback(host):
        host = "localhost"
    elif host not in _own_names():
        raise Missing(f"an emulated board reaches this machine alone, not {host}: try --endpoint http://localhost:8050")
    port = f":{parts.port}" if parts.port else ""
    return urllib.parse.urlunsplit(parts._replace(netloc=host + port)), host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _own_names() -> set[str]:
    name = socket.gethostname()
    return {"localhost", name, f"{name.partition('.')[0]}.local"}
