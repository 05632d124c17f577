"""Chaos on an emulated ESP32: faults by chance, the same ones each time, one after the other; then an account of every reading."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from host_tools.child_endpoint import ChildEndpoint
from tests.emulated.agent import install
from tests.emulated.lab import PART, Lab, build
from tests.emulated.parts.load import BOOT

pytestmark = pytest.mark.emulated

SEED = 8
ROUNDS = 14
LASTS_S = 1.5  # a fault that has to be lifted


@pytest.fixture
def lab(emulator: None, serve: Callable[..., ChildEndpoint], free_port: int, tmp_path: Path) -> Iterator[Lab]:
    installed = tmp_path / "installed.bin"
    install(installed, [PART], "esp32")
    with ExitStack() as opened:
        yield build(opened, "esp32", installed, serve(port=free_port), tmp_path)


def _cut_power(lab: Lab) -> None:
    lab.agent.power_on()  # cut, and on again


def _panic(lab: Lab) -> None:
    lab.board.control(fail={"call": "lwip_write", "value": "panic"})


def _reset_connections(lab: Lab) -> None:
    lab.board.control(rst=True)


def _stall(lab: Lab) -> None:
    lab.board.control(stall=True)
    time.sleep(LASTS_S)
    lab.board.control(stall=False)


def _lose_frames(lab: Lab) -> None:
    lab.board.control(loss=0.3)
    time.sleep(LASTS_S)
    lab.board.control(loss=0)


def _lose_link(lab: Lab) -> None:
    lab.board.control(link=False)


def _kill_endpoint(lab: Lab) -> None:
    lab.endpoint.kill()
    time.sleep(LASTS_S)
    lab.endpoint.start()


FAULTS = (_cut_power, _panic, _reset_connections, _stall, _lose_frames, _lose_link, _kill_endpoint)


def test_after_chaos_every_reading_is_accounted_for(lab: Lab) -> None:
    chance = random.Random(SEED)
    faults = [*FAULTS, *chance.choices(FAULTS, k=ROUNDS - len(FAULTS))]
    chance.shuffle(faults)
    lab.configure()
    for fault in faults:
        lab.await_stored(chance.randrange(5, 25))
        fault(lab)
    lab.await_stored(20)
    closing = lab.agent.account()

    lives: dict[int, list[int]] = defaultdict(list)
    for value in lab.stored():
        lives[value // BOOT].append(value % BOOT)
    assert len(lives) == 1 + faults.count(_cut_power) + faults.count(_panic), lab.agent.log
    for readings in (
        lives.values()
    ):  # what a life had not yet confirmed or put on flash ends with it: never one in its middle, and none twice
        assert sorted(readings) == list(range(len(readings)))
    assert (closing.settled, closing.dropped, closing.skipped) == (closing.taken, 0, 0)
    assert len(lives[max(lives)]) == closing.taken
    assert lab.board.stats()["panics"] == faults.count(_panic)
