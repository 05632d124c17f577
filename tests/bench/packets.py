"""IP bytes and packets of a client at ten readings a second, in a network of its own (Linux, root).

The counters of its loopback count nothing but the client and its server. `measure` starts this file there.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from host_tools import leash, runtime
from host_tools.child_endpoint import ChildEndpoint
from tests.bench import servers
from tests.bench.boards import Bench, board_folder, sensor

_EVERY_MS = 100
_SETTLE_S = 3
_COUNTED_S = 20  # two checkpoints
_TIMEOUT_S = 90


@dataclass(frozen=True)
class Traffic:
    """Of both directions, for each reading."""

    bytes: float
    packets: float


def measure(clients: list[str], bench: Bench) -> dict[str, Traffic]:
    """The traffic of each client, all at the same time. Raises Unavailable."""
    unshare = shutil.which("unshare")
    if unshare is None or not shutil.which("ip") or os.geteuid() != 0:
        raise servers.Unavailable("counting packets needs Linux, root, unshare and ip (Debian: util-linux, iproute2)")
    started = {client: _start(unshare, client, bench.folder) for client in clients}
    return {client: _result(process) for client, process in started.items()}


def _start(unshare: str, client: str, folder: Path) -> "subprocess.Popen[str]":
    inside = [
        "sh",
        "-c",
        'ip link set lo up && exec "$@"',
        "sh",
        sys.executable,
        "-m",
        "tests.bench.packets",
        client,
        str(folder),
    ]
    return subprocess.Popen(leash.command(unshare, "--net", *inside), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _result(process: "subprocess.Popen[str]") -> Traffic:
    out, err = process.communicate(timeout=_TIMEOUT_S)
    if process.returncode != 0:
        raise servers.Unavailable(f"counting packets did not work: {(err.strip().splitlines() or ['no reason given'])[-1]}")
    return Traffic(**json.loads(out))


@contextlib.contextmanager
def _running(client: str, bench: Bench, folder: Path) -> Iterator[None]:
    """A client that sends ten readings a second, for longer than they are counted, and its server."""
    count = (_SETTLE_S + _COUNTED_S) * 2 * 1000 // _EVERY_MS
    with contextlib.ExitStack() as stack:
        config = None
        if client == "agent":
            config = _agent(stack.enter_context(servers.endpoint(folder)), folder)
            argv = bench.command("main", heap_kib=160)
        elif client == "post":
            argv = bench.command("post", stack.enter_context(servers.sink()), count, 1, _EVERY_MS, heap_kib=160)
        else:
            port, _ = stack.enter_context(servers.mosquitto(folder))
            argv = bench.command("mqtt", port, count, 1, _EVERY_MS, client.removeprefix("mqtt"), heap_kib=160)
        with subprocess.Popen(
            leash.command(*argv), cwd=config, env=bench.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            yield
            if process.poll() is not None:
                raise servers.Unavailable(f"{client} ended before its packets were counted")
            process.kill()


def _agent(endpoint: ChildEndpoint, folder: Path) -> Path:
    tokens = servers.new_tokens(endpoint, 1)
    servers.new_plot(endpoint, "packets", tokens)
    reading = [sensor("cpu", "cpu", f"{_EVERY_MS}ms")]
    return board_folder(folder, servers.port_of(endpoint), {"cpu": tokens[0]}, reading)


def _counters() -> tuple[int, int]:
    """Bytes and packets that the loopback has sent: the 9th and 10th number of its line in /proc/net/dev."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "lo":
            fields = numbers.split()
            return int(fields[8]), int(fields[9])
    raise RuntimeError("there is no loopback")


def main(client: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        bench = Bench(runtime.find(), folder)
        with _running(client, bench, Path(own)):
            time.sleep(_SETTLE_S)
            before = _counters()
            time.sleep(_COUNTED_S)
            after = _counters()
    readings = _COUNTED_S * 1000 / _EVERY_MS
    print(json.dumps({"bytes": (after[0] - before[0]) / readings, "packets": (after[1] - before[1]) / readings}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
