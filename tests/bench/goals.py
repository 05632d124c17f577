"""The project's goals, compared with what was measured in the same run."""

from collections.abc import Callable
from pathlib import Path

from tests.bench import board_side, servers, thousand, throughput
from tests.bench.board_side import AGENT, POST, QOS0, QOS1, STORED
from tests.bench.boards import Bench, Failed
from tests.bench.figures import Client, Goal, Results, Spread
from tests.emulated import figures
from tests.emulated.errors import Missing

_ROUNDS = 3
_SPOOL_BYTES = 4096
_LOCKED_READINGS = 5000

# Why a goal is missed, in case it is.
_WAITING = "200 readings are confirmed before the next request begins, and the agent waits for each answer"
_BYTECODE = (
    "one turn of asyncio alone takes 36,000, and bytecode looks up each attribute and global by its name; "
    "native code of the four hottest modules would save 9 % and take 11 KB of heap"
)
_NAMES = "MicroPython keeps a function in some 50 bytes beside its code, and every name for ever, a quarter of the whole"


def board_goals(bench: Bench, results: Results) -> list[Goal]:
    clients = {client.name: client for client in results.clients}
    return [*_speed(clients), *_memory(bench, clients), _traffic(clients), *_emulated()]


def _speed(clients: dict[str, Client]) -> list[Goal]:
    goals = []
    for peer, factor in ((QOS0, 1.5), (QOS1, 15.0), (POST, 60.0)):
        mine, theirs = clients[AGENT].rates, clients[peer].rates
        stored = clients[STORED].rates
        assert mine is not None
        assert theirs is not None
        assert stored is not None
        ratio = mine.over(theirs)
        goals.append(
            Goal(
                f"readings a second, delivered and confirmed, over {peer.partition(';')[0]}",
                f"{ratio.text()} times (stored by our endpoint: {stored.over(theirs).text()})",
                f"{factor:g} times",
                ratio.median,
                factor,
                at_least=True,
                why=_WAITING,
            )
        )
    return goals


def _memory(bench: Bench, clients: dict[str, Client]) -> list[Goal]:
    imported, smallest = clients[AGENT].import_heap, clients[STORED].smallest_heap_kib
    held = bench.tell("spool", _SPOOL_BYTES)
    per_kib = held["readings"] / (_SPOOL_BYTES / 1024)
    assert imported is not None
    assert smallest is not None
    return [
        _locked(bench),
        Goal("heap to import the streaming core", f"{imported:,} B", "12,288 B", imported, 12288, why=_NAMES),
        Goal(
            "smallest heap of the whole agent, an hour of simulated time", f"{smallest} KiB", "40 KiB", smallest, 40, why=_NAMES
        ),
        Goal(
            "readings held by a KiB of spool",
            f"{per_kib:.1f} ({held['heap']:,} B of heap for {held['readings']})",
            "80",
            per_kib,
            80,
            at_least=True,
        ),
    ]


def _locked(bench: Bench) -> Goal:
    what, goal = f"heap growth of {_LOCKED_READINGS:,} readings from sampler to socket, first with the heap locked", "0 B"
    try:
        grown = board_side.locked(bench, bench.folder, _LOCKED_READINGS)
    except Failed:
        return Goal(what, "something allocates", goal, 1)
    return Goal(what, f"{grown} B", goal, grown)


def _traffic(clients: dict[str, Client]) -> Goal:
    what, goal = "IP bytes a reading at 10 a second, over umqtt.simple, QoS 0", "0.20 (a fifth)"
    mine, theirs = clients[STORED].ip_bytes, clients[QOS0].ip_bytes
    if mine is None or theirs is None:
        return Goal(what, "", goal, why="see below")
    return Goal(what, f"{mine / theirs:.3f} ({mine:.1f} B)", goal, round(mine / theirs, 3), 0.2)


def _emulated() -> list[Goal]:
    """What the emulated Pico W tells, where it can be had."""
    wanted = (
        ("busy_cycles", "busy cycles a reading on the emulated Pico W, 50 a second", 15_000.0, False, _BYTECODE),
        ("free_heap", "free heap on the emulated Pico W, streaming", 170_000.0, True, _NAMES),
        ("free_heap_tls", "free heap on the emulated Pico W, streaming over verified TLS", 145_000.0, True, _NAMES),
    )
    try:
        found = figures.measure()
    except Missing as missing:
        return [Goal(what, "", f"{limit:,.0f}", why=str(missing)) for _, what, limit, _, _ in wanted]
    return [
        Goal(what, f"{found[key]:,.0f}", f"{limit:,.0f}", found[key], limit, at_least, why)
        for key, what, limit, at_least, why in wanted
    ]


def endpoint_goals(folder: Path, say: Callable[[str], None]) -> list[Goal]:
    say("lines a second of the endpoint and of mosquitto")
    with servers.endpoint(folder) as endpoint, servers.mosquitto(folder) as (broker, _):
        pairs = [(throughput.endpoint(endpoint, f"round {n}"), throughput.mosquitto(broker)) for n in range(_ROUNDS)]
    ours, theirs = Spread([ours for ours, _ in pairs]), Spread([theirs for _, theirs in pairs])
    ratio = ours.over(theirs)
    say("a thousand boards")
    crowd = folder / "crowd"
    crowd.mkdir()
    with servers.endpoint(crowd) as endpoint:
        load = thousand.measure(endpoint)
    return [
        Goal(
            "endpoint: committed, de-duplicated lines a second with one live viewer, over mosquitto with one subscriber",
            f"{ratio.text()} times ({ours.median:,.0f} and {theirs.median:,.0f} a second)",
            "1 time",
            ratio.median,
            1.0,
            at_least=True,
        ),
        Goal(
            "endpoint: CPU for 1000 readings of 1000 boards, one a second each, stored, 10 live viewers",
            f"{load.cpu_ms:.0f} ms",
            "40 ms",
            load.cpu_ms,
            40.0,
            why="a quarter is the commits', a quarter the viewers', a sixth the event loop's; the rest is lines and figures, in Python",
        ),
        Goal("endpoint: memory of an idle board's connection", f"{load.idle_bytes:,.0f} B", "3,072 B", load.idle_bytes, 3072.0),
        Goal(
            "endpoint: from send to viewer (WebSocket), 99th percentile of 1000 boards",
            f"{load.p99_ms:.0f} ms (median {load.p50_ms:.0f} ms)",
            "100 ms, drawn",
            load.p99_ms,
            100.0,
        ),
    ]
