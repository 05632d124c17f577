"""Random faults against real boards and a real endpoint, and what became of every reading: `make chaos`.

Exit status 0: every value that was taken is stored exactly once, but for those that the counters admit.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from host_tools import runtime as runtimes
from tests.faults.account import Account
from tests.faults.harness import Plan, World
from tests.faults.schedule import faults

# Rings and flash that overflow soon and such that do not, both dialects, checkpoints from often to seldom.
PLANS = [
    Plan(("even", "odd"), "30ms", "2KiB", "8KiB", {"every": "1s", "records": 200}),
    Plan(("even",), "25ms", "8KiB", "64KiB", {"every": "500ms", "records": 50}),
    Plan(("odd",), "20ms", "4KiB", "16KiB", {"every": "3s", "records": 1000}),
    Plan(("even", "odd"), "50ms", "16KiB", "64KiB", {"every": "5s", "records": 200}),
    Plan(("even", "odd"), "40ms", "4KiB", "128KiB", {"every": "200ms", "records": 10}),
    Plan(("even",), "50ms", "1KiB", "8KiB", {"every": "2s", "records": 100}),
]
_COLUMNS = ("taken", "stored", "in_ram", "dropped", "untold", "lost", "duplicated")
_LOOK_S = 0.05
_TELL_S = 5.0


@dataclass(frozen=True)
class Report:
    """What happened, and what became of the readings. All numbers of readings are values of all boards together."""

    seed: int
    seconds: float
    faults: dict[str, int]
    boards: list[Account]
    connections: int

    @property
    def happened(self) -> int:
        return sum(self.faults.values())

    @property
    def unexplained(self) -> list[str]:
        return [f"board {number}: {why}" for number, board in enumerate(self.boards) for why in board.unexplained]

    def total(self, name: str) -> int:
        return sum(getattr(board, name) for board in self.boards)


Progress = Callable[[float, int, int], None]


def run(world: World, seed: int, *, count: int | None = None, seconds: float | None = None, progress: Progress) -> Report:
    """Faults of `seed` until `count` have happened or `seconds` are over; then everything heals and is counted.

    `progress` is told the seconds, the faults and the readings so far.
    """
    started = told = time.monotonic()
    for fault in faults(seed, len(world.stations)):
        while (now := time.monotonic()) - started < fault.at:
            time.sleep(_LOOK_S)
        happened = world.happened().total()
        if (count is not None and happened >= count) or (seconds is not None and now - started > seconds):
            break
        if now - told > _TELL_S:
            told = now
            progress(now - started, happened, sum(station.board.readings for station in world.stations))
        fault.happen(world)
    return _report(world, seed, started)


def _report(world: World, seed: int, started: float) -> Report:
    boards = world.finish()
    return Report(
        seed=seed,
        seconds=round(time.monotonic() - started, 1),
        faults=dict(sorted(world.happened().items())),
        boards=boards,
        connections=sum(station.proxy.connections for station in world.stations),
    )


def _main() -> int:
    options = _options()
    progress = _Progress(options.faults)
    with tempfile.TemporaryDirectory(prefix="plotpost-chaos-") as folder, World(runtimes.find(), PLANS, Path(folder)) as world:
        report = run(world, options.seed, count=options.faults, progress=progress.tell)
    if options.json:
        print(json.dumps({**asdict(report), "happened": report.happened, "unexplained": report.unexplained}))
    else:
        _show(report)
    return 1 if report.unexplained else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--faults", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="another run with the same faults")
    parser.add_argument("--json", action="store_true", help="one line of JSON for programs")
    return parser.parse_args()


class _Progress:
    """A line on standard error that lives, or one now and then where nobody watches."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted

    def tell(self, seconds: float, happened: int, readings: int) -> None:
        end = "\r" if sys.stderr.isatty() else "\n"
        print(
            f"{seconds:6.0f} s   {happened} of {self._wanted} faults   {readings} readings", end=end, file=sys.stderr, flush=True
        )


def _show(report: Report) -> None:
    print(f"\nSeed {report.seed}: {report.happened} faults in {report.seconds:.0f} s, {report.connections} connections")
    for kind, times in Counter(report.faults).most_common():
        print(f"  {times:5} {kind}")
    print("\n         taken   stored   in RAM  dropped   untold     lost  doubled")
    for number, board in enumerate(report.boards):
        _row(f"board {number}", board)
    print("all     " + "".join(f"{report.total(name):9}" for name in _COLUMNS))
    print("\nin RAM: in the ring when the power was cut. dropped: pushed out of full ring and flash, and counted by the board.")
    print("untold: the same, when the power was cut before the board could tell.")
    for why in report.unexplained:
        print(f"UNEXPLAINED: {why}")
    print("Something is unexplained." if report.unexplained else "Every reading is accounted for.")


def _row(name: str, board: Account) -> None:
    print(f"{name:8}" + "".join(f"{getattr(board, column):9}" for column in _COLUMNS))


if __name__ == "__main__":
    sys.exit(_main())
