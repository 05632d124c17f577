"""`make fuzz`: new cases for the ingest, as long as one likes. Coverage guides them where atheris is installed, else chance."""

import argparse
import importlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_TARGETS = "tests.fuzz.test_ingest"
_CRASHES = Path("build/fuzz")
_MOST_BYTES = 4096  # that a case is made of

Fuzz = Callable[[bytes], object]


def main() -> int:
    """Give the exit status: 1 when a case was found, which is printed."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each target")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="the same seed makes the same cases")
    parser.add_argument("--target", help=argparse.SUPPRESS)  # in a process of its own, because atheris ends it
    arguments = parser.parse_args()
    _CRASHES.mkdir(parents=True, exist_ok=True)
    if arguments.target:
        return _run(arguments.target, arguments.seconds, arguments.seed)
    failed = [name for name in _names() if not _passes(name, arguments.seconds, arguments.seed)]
    for name in failed:
        print(f"{name} failed with the seed {arguments.seed}: pytest tests/fuzz looks for the smallest case, and shows it")
    return int(bool(failed))


def _names() -> list[str]:
    return [name for name in dir(importlib.import_module(_TARGETS)) if name.startswith("test_")]


def _passes(name: str, seconds: float, seed: int) -> bool:
    print(f"{name}: {seconds:g} s, seed {seed}", flush=True)
    command = [sys.executable, "-m", "tests.fuzz", "--target", name, "--seconds", str(seconds), "--seed", str(seed)]
    return subprocess.run(command, check=False).returncode == 0


def _run(name: str, seconds: float, seed: int) -> int:
    try:
        import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        _by_chance(_target(name), seconds, seed)
        return 0
    with atheris.instrument_imports(include=["host_tools.endpoint"]):
        fuzz = _target(name)
    options = [
        f"-max_total_time={max(round(seconds), 1)}",
        f"-seed={seed}",
        f"-max_len={_MOST_BYTES}",
        f"-artifact_prefix={_CRASHES}/",
    ]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", "-verbosity=0"], fuzz)
    atheris.Fuzz()
    return 0


def _target(name: str) -> Fuzz:
    fuzz: Fuzz = getattr(importlib.import_module(_TARGETS), name).hypothesis.fuzz_one_input
    return fuzz


def _by_chance(fuzz: Fuzz, seconds: float, seed: int) -> None:
    chance, end, count = random.Random(seed), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        fuzz(chance.randbytes(chance.randrange(_MOST_BYTES)))
        count += 1
    print(f"{count} cases", flush=True)


if __name__ == "__main__":
    sys.exit(main())
