"""Random faults of all kinds, several at once, against real boards and a real endpoint. `make chaos` does the same for longer."""

import os
import random
from pathlib import Path

from host_tools.runtime import Runtime
from tests.faults import chaos
from tests.faults.harness import World

SEED = "PLOTPOST_CHAOS_SEED"  # environment: repeat a run
FAULTS_S = 120


def test_every_reading_is_stored_once_or_accounted_for(runtime: Runtime, tmp_path: Path) -> None:
    seed = int(os.environ.get(SEED) or random.randrange(1_000_000))
    with World(runtime, chaos.PLANS, tmp_path) as world:
        report = chaos.run(world, seed, seconds=FAULTS_S, progress=lambda seconds, happened, readings: None)
    assert report.unexplained == [], f"repeat it with {SEED}={seed}: {report}"
    assert report.total("lost") == report.total("duplicated") == 0
    assert report.total("stored") > 0
