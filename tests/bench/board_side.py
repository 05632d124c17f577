"""The board's side: the whole agent beside the clients that people use today, and the bare send that none can beat."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import FIRST_USER
from tests.bench import packets, servers, umqtt
from tests.bench.boards import Bench, Failed, board_folder, sensor
from tests.bench.figures import Client, Results, Spread

AGENT, STORED, QOS0, QOS1, POST, FLOOR = (
    "plotpost, the whole agent; a sink that confirms at once",
    "plotpost, the whole agent; our endpoint, stored on disk",
    "umqtt.simple, QoS 0; mosquitto",
    "umqtt.simple, QoS 1 with TCP_NODELAY; mosquitto",
    "requests, one POST a reading; a sink",
    "floor: one bare send a reading; a sink",
)
CORE = ("plotpost.delivery", "plotpost.stream", "plotpost.spool")
_ROUNDS = 5
_HEAP_KIB = 160
_UNCOLLECTED_KIB = 2000
_READINGS = 1000  # for which a client's smallest heap is sought
_SIMULATED_MINUTES = 10
_HOUR = 60


@dataclass(frozen=True)
class Sides:
    """Ports and folders of what the clients talk to."""

    sink: int
    broker: int
    to_sink: Path
    to_endpoint: Path
    whole: Path  # a board of two sensors that creates its own plot


Run = Callable[..., dict[str, Any]]


def measure(bench: Bench, results: Results, say: Callable[[str], None]) -> None:
    """Fills in the clients. Raises Unavailable when a peer cannot be had."""
    umqtt.install(bench.clients)
    clients = {name: Client(name) for name in (AGENT, STORED, QOS0, QOS1, POST, FLOOR)}
    results.clients = list(clients.values())
    with ExitStack() as stack:
        sides = _sides(bench, stack)
        say("readings a second")
        _rates(bench, sides, clients)
        say("heap")
        _heaps(bench, sides, clients)
    say("packets")
    _packets(bench, clients, results)


def _sides(bench: Bench, stack: ExitStack) -> Sides:
    sink = stack.enter_context(servers.sink())
    broker, _ = stack.enter_context(servers.mosquitto(bench.folder))
    endpoint = stack.enter_context(servers.endpoint(bench.folder))
    (token,) = servers.new_tokens(endpoint, 1)
    servers.new_plot(endpoint, "bench", [token])
    idle, spool = [sensor("memory", "free", "1h")], {"ram": "4KiB"}
    port = servers.port_of(endpoint)
    return Sides(
        sink,
        broker,
        board_folder(bench.folder, sink, {"memory": token}, idle, spool=spool),
        board_folder(bench.folder, port, {"memory": token}, idle, spool=spool),
        whole_board(bench.folder, endpoint),
    )


def whole_board(parent: Path, endpoint: ChildEndpoint) -> Path:
    """The folder of a board with two sensors and a spool of 4 KiB, which creates its plot itself."""
    names = ("cpu", "memory")
    return board_folder(
        parent,
        servers.port_of(endpoint),
        dict(zip(names, servers.new_tokens(endpoint, 2), strict=True)),
        [sensor("cpu", "cpu", "2s"), sensor("memory", "free", "2s")],
        spool={"ram": "4KiB"},
        checkpoint={"every": "1m", "records": 1000},
        plot={"filename": "whole", "title": "Whole"},
        account={"user": FIRST_USER, "api_key": endpoint.api_key},
    )


def _runs(bench: Bench, sides: Sides, collecting: int, heap_kib: int) -> dict[str, Callable[[int], dict[str, Any]]]:
    """For each client how to run it for some readings."""

    def run(client: str, *arguments: object, config: Path | None = None) -> dict[str, Any]:
        return bench.tell(client, *arguments, config=config, heap_kib=heap_kib)

    return {
        AGENT: lambda count: run("agent", count, collecting, config=sides.to_sink),
        STORED: lambda count: run("agent", count, collecting, config=sides.to_endpoint),
        QOS0: lambda count: run("mqtt", sides.broker, count, collecting, 0, 0),
        QOS1: lambda count: run("mqtt", sides.broker, count, collecting, 0, 1),
        POST: lambda count: run("post", sides.sink, count, collecting, 0),
        FLOOR: lambda count: run("floor", sides.sink, count, collecting, 0),
    }


def _rates(bench: Bench, sides: Sides, clients: dict[str, Client]) -> None:
    """Round after round all clients, so that what else the machine does falls on all alike."""
    counts = {AGENT: 30000, STORED: 3000, QOS0: 15000, QOS1: 2000, POST: 300, FLOOR: 60000}  # a few tenths of a second
    runs = _runs(bench, sides, 1, _HEAP_KIB)
    rates: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(_ROUNDS):
        for name, run in runs.items():
            told = run(counts[name])
            rates[name].append(told["count"] * 1e6 / told["us"])
    for name, client in clients.items():
        client.rates = Spread(rates[name])
        client.over_floor = client.rates.over(Spread(rates[FLOOR]))


def _heaps(bench: Bench, sides: Sides, clients: dict[str, Client]) -> None:
    for name, run in _runs(bench, sides, 0, _UNCOLLECTED_KIB).items():
        told = run(300 if name == POST else 3000)
        clients[name].heap_a_reading = told["heap"] / told["count"]
    for name, modules in ((AGENT, CORE), (QOS0, ("umqtt.simple",)), (POST, ("requests",))):
        clients[name].import_heap = bench.tell("imports", *modules)["heap"]
    clients[STORED].import_heap, clients[QOS1].import_heap = clients[AGENT].import_heap, clients[QOS0].import_heap
    for name, client, *arguments in (
        (QOS0, "mqtt", sides.broker, _READINGS, 1, 0, 0),
        (QOS1, "mqtt", sides.broker, _READINGS, 1, 0, 1),
        (POST, "post", sides.sink, _READINGS // 5, 1, 0),
        (FLOOR, "floor", sides.sink, _READINGS, 1, 0),
    ):
        clients[name].smallest_heap_kib = bench.smallest_heap(str(client), *arguments, low=2, high=40)
    clients[STORED].smallest_heap_kib = smallest_heap(bench, sides.whole)


def locked(bench: Bench, parent: Path, readings: int) -> int:
    """The bytes by which the heap grows from sampler to socket. Raises Failed when something allocates while it is locked."""
    with servers.sink() as sink:
        board = board_folder(
            parent,
            sink,
            {"memory": "abcdefghij"},
            [sensor("memory", "free", "1s")],
            spool={"ram": "256KiB"},
            checkpoint={"every": "144h", "records": 1_000_000},
        )
        return int(bench.tell("locked", readings, config=board, heap_kib=_UNCOLLECTED_KIB)["grown"])


def smallest_heap(bench: Bench, board: Path) -> int:
    """KiB in which the whole agent runs an hour of simulated time: bisection over ten minutes, then upwards until the hour ends well."""
    kib = bench.smallest_heap("hours", _SIMULATED_MINUTES, low=24, high=_HEAP_KIB, config=board, simulated=True)
    while True:
        try:
            bench.run("hours", _HOUR, heap_kib=kib, config=board, simulated=True)
            return kib
        except Failed:
            kib += 1
            if kib > _HEAP_KIB:
                raise


def _packets(bench: Bench, clients: dict[str, Client], results: Results) -> None:
    programs = {STORED: "agent", QOS0: "mqtt0", QOS1: "mqtt1", POST: "post"}
    try:
        traffic = packets.measure(list(programs.values()), bench)
    except servers.Unavailable as reason:
        results.notes.append(f"Packets are left out: {reason}.")
        return
    for name, program in programs.items():
        clients[name].ip_bytes, clients[name].packets = traffic[program].bytes, traffic[program].packets
