"""The results as docs/benchmarks.md and as JSON."""

import dataclasses
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from tests.bench.figures import Client, Results

_HEAD = """\
# Benchmarks

`make bench` measured this and wrote this file on {date}, on {machine}, with {runtime}.
Do not edit it. Only ratios, bytes of heap and packets carry over to a board: there bytecode and network cost far more than here.

## On the board

All clients run on the same real MicroPython, from .mpy files, in rounds one after another; medians, with the least and the most.
A reading counts when its receiver has it. plotpost is the whole agent with its checkpoints, the others are bare clients.

"""
_GOALS = """
## Goals

"""


def markdown(results: Results) -> str:
    head = _HEAD.format(date=datetime.now(UTC).strftime("%Y-%m-%d"), machine=results.machine, runtime=results.runtime)
    columns = (
        "client",
        "readings a second over the floor",
        "heap a reading",
        "heap to import",
        "smallest heap",
        "IP bytes (packets) a reading at 10 a second",
    )
    goals = ([goal.what, goal.measured, goal.goal, goal.verdict] for goal in results.goals)
    text = head + _table(columns, map(_cells, results.clients)) + _GOALS + _table(("what", "measured", "goal", "verdict"), goals)
    return text + "".join(f"\n{note}\n" for note in results.notes)


def _cells(client: Client) -> list[str]:
    return [
        client.name,
        client.over_floor.text(3) if client.over_floor else "",
        f"{client.heap_a_reading:,.0f} B" if client.heap_a_reading is not None else "",
        f"{client.import_heap:,} B" if client.import_heap is not None else "",
        f"{client.smallest_heap_kib} KiB" if client.smallest_heap_kib is not None else "",
        f"{client.ip_bytes:,.0f} ({client.packets:.2f})" if client.ip_bytes is not None else "",
    ]


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(columns)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def as_json(results: Results) -> str:
    """One line: {"machine", "runtime", "clients": [..], "goals": [{.., "met": true}], "notes"}."""
    tree = dataclasses.asdict(results)
    for goal, told in zip(results.goals, tree["goals"], strict=True):
        told["met"], told["verdict"] = goal.met, goal.verdict
    return json.dumps(tree)
