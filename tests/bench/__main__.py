"""What `make bench` runs: measures everything in one run of a few minutes and writes docs/benchmarks.md."""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from host_tools import runtime as runtimes
from host_tools.runtime.errors import FetchFailed
from tests.bench import board_side, goals, report
from tests.bench.boards import Bench, Failed
from tests.bench.figures import Results
from tests.bench.servers import Unavailable

_REPORT = Path(__file__).parent.parent.parent / "docs" / "benchmarks.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measures agent and endpoint beside their peers.")
    parser.add_argument("--json", action="store_true", help="print the results as one line of JSON too")
    parser.add_argument("--output", type=Path, default=_REPORT, help="the file to write (default: docs/benchmarks.md)")
    options = parser.parse_args()
    try:
        results = _measure()
    except (Unavailable, Failed, FetchFailed, runtimes.RuntimeMissing, RuntimeError) as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return 1
    options.output.write_text(report.markdown(results))
    if options.json:
        print(report.as_json(results))
    return 0


def _measure() -> Results:
    runtime = runtimes.find(_say)
    if runtime.bits != 32:
        raise Unavailable(f"{runtime.label}: only the 32-bit build counts memory as a board does")
    results = Results(_machine(), runtime.label)
    with tempfile.TemporaryDirectory(prefix="plotpost-bench-") as name:
        bench = Bench(runtime, Path(name))
        bench.build()
        board_side.measure(bench, results, _say)
        _say("the goals")
        results.goals = goals.board_goals(bench, results)
    with tempfile.TemporaryDirectory(prefix="plotpost-bench-") as name:
        results.goals += goals.endpoint_goals(Path(name), _say)
    return results


def _machine() -> str:
    """In general words, without any name."""
    return f"{platform.system()} on {platform.machine()} with {os.cpu_count()} processors, Python {platform.python_version()}"


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
