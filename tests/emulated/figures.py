"""What the agent takes of an emulated Pico W, for `make bench`: cycles of its core, and how much of its heap is left."""

import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import FIRST_USER, Store
from tests.emulated.agent import LOOPBACK, Agent, install
from tests.emulated.errors import BoardError
from tests.faults.harness import create_plot, stored_traces

_PARTS = [Path(__file__).parent / "parts" / name for name in ("load.py", "memory.py")]
_NAME = "host.test"  # this machine, in the DNS of the emulated network
_EVERY_MS = 20  # the send buffer is full before the oldest reading has waited long
_SETTLE_S = 3.0
_WATCH_S = 20.0
_HEAP_READINGS = 15
_AWAIT_S = 120.0


def measure() -> dict[str, float]:
    """Raises Missing or BoardError.

    busy_cycles: of the core, a reading, at 50 readings a second, with all that runs beside. free_heap, free_heap_tls: bytes after a
    collection, the least of 15 seconds of streaming, plain and over verified TLS, with a ring of 4 KiB.
    """
    with tempfile.TemporaryDirectory(prefix="plotpost-figures-") as temporary:
        folder = Path(temporary)
        install(folder / "installed.bin", _PARTS)
        with _endpoint(folder) as endpoint, accounts.opened(endpoint.data) as store:
            return {
                "busy_cycles": _busy_cycles(folder, endpoint, store),
                "free_heap": _free_heap(folder, endpoint, store, tls=False),
                "free_heap_tls": _free_heap(folder, endpoint, store, tls=True),
            }


@contextmanager
def _endpoint(folder: Path) -> Iterator[ChildEndpoint]:
    authority = trustme.CA()
    pair = folder / "pair.pem"
    authority.issue_cert(_NAME).private_key_and_cert_chain_pem.write_to_path(str(pair))
    (folder / "ca.der").write_bytes(ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode()))
    with ChildEndpoint(folder / "data", 0, folder / "log", "--tls-cert", str(pair), "--tls-port", "0") as endpoint:
        yield endpoint


@contextmanager
def _streaming(folder: Path, endpoint: ChildEndpoint, store: Store, sensor: tuple[str, str, str], tls: bool) -> Iterator[Agent]:
    """An agent that streams one channel: `sensor` is its driver, the channel, how often."""
    driver, channel, every = sensor
    token = store.new_token(accounts.owner(store)[0])
    assert endpoint.api_key is not None
    create_plot(endpoint.url, FIRST_USER, endpoint.api_key, [token])
    url = (endpoint.tls_url if tls else endpoint.url) or ""
    config = {
        "version": 1,
        "board": "pico_w",
        "name": "bench",
        "endpoint": f"{'https' if tls else 'http'}://{_NAME if tls else LOOPBACK}:{url.rpartition(':')[2]}",
        "wifi": ["lab"],
        "sensors": [{"driver": driver, "every": every, "channels": {channel: {"stream": "s"}}}],
        "spool": {"ram": "4KiB"},
    }
    secrets: dict[str, Any] = {"version": 1, "wifi": {"lab": "emulated-key"}, "tokens": {"s": token}, "ca": "ca.der"}
    flash = Path(shutil.copy(folder / "installed.bin", folder / "flash.bin"))
    with Agent(flash) as agent:
        agent.configure(config, secrets, folder / "ca.der")
        agent.power_on()
        agent.await_log("wifi", "joined")
        time.sleep(_SETTLE_S)
        yield agent


def _busy_cycles(folder: Path, endpoint: ChildEndpoint, store: Store) -> float:
    with _streaming(folder, endpoint, store, ("load", "count", f"{_EVERY_MS}ms"), tls=False) as agent:
        before = agent.board.stats()
        time.sleep(_WATCH_S)
        after = agent.board.stats()
        agent.account()
    readings = (after["emulated_ms"] - before["emulated_ms"]) / _EVERY_MS
    return float((after["busy_cycles"] - before["busy_cycles"]) / readings)


def _free_heap(folder: Path, endpoint: ChildEndpoint, store: Store, *, tls: bool) -> float:
    with _streaming(folder, endpoint, store, ("memory", "free", "1s"), tls) as agent:
        deadline = time.monotonic() + _AWAIT_S
        while len(free := _last_values(store)) < _HEAP_READINGS:
            if time.monotonic() > deadline:
                raise BoardError(f"The board does not stream: {agent.last_line}")
            time.sleep(0.2)
        agent.account()
    return min(free)


def _last_values(store: Store) -> list[int]:
    """Of the plot that was made last."""
    plot = max(store.plots(), key=lambda plot: plot.id)
    (values,) = stored_traces(store, plot.id)
    return values
