"""The whole agent on an emulated ESP32 over what ends a life: a hang, a panic, deep sleep; and what the next one makes of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from tests.emulated.agent import install
from tests.emulated.boards import BoardName
from tests.emulated.lab import PART, Lab, build
from tests.emulated.parts.load import BOOT

pytestmark = pytest.mark.emulated

BOARD: BoardName = "esp32"


@pytest.fixture(scope="module")
def installed(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash image with the firmware, and a part that counts."""
    image = tmp_path_factory.mktemp("installed") / "flash.bin"
    install(image, [PART], BOARD)
    return image


@pytest.fixture
def lab(installed: Path, serve: Callable[..., ChildEndpoint], tmp_path: Path) -> Iterator[Lab]:
    with ExitStack() as opened:
        yield build(opened, BOARD, installed, serve(), tmp_path)


def _boots(lab: Lab) -> tuple[int, int]:
    """Return how many boots there were, and how many bad ones in a row."""
    told: dict[str, Any] = json.loads(lab.agent.read("boot.json"))
    return told["boots"], told["bad"]


def test_a_radio_that_hangs_as_it_starts_is_ended_by_the_watchdog_and_counted(lab: Lab) -> None:
    lab.prepare()
    lab.agent.cut_power()
    lab.board.control(fail={"call": "esp_wifi_start", "value": "hang"})
    lab.agent.power_on()
    told = lab.agent.await_log("boot", "the one before ended by: watchdog")
    lab.agent.await_log("wifi", "joined lab", told)
    lab.await_stored(10)
    status = lab.board.stats()
    assert (status["cause"], status["resets"]) == ("task_wdt", 1)
    assert _boots(lab) == (2, 1)
    assert "watchdog: the loop hung" in lab.agent.read("crash.log")


def test_a_panic_while_it_streams_loses_no_confirmed_reading_and_is_told(lab: Lab) -> None:
    lab.configure()
    before, since = lab.await_stored(20), len(lab.agent.log)
    lab.board.control(fail={"call": "lwip_write", "value": "panic"})
    lab.agent.await_log("wifi", "joined lab", since)
    lab.await_stored(20)
    assert lab.settle_both_lives(lab.agent.account()) >= before
    assert lab.board.stats()["panics"] == 1
    assert lab.agent.read("crash.log").count("panic: MicroPython or the IDF crashed") == 1
    told = {row.device.rpartition("; ")[2] for row in lab.store.devices(accounts.owner(lab.store)[0]) if row.device}
    assert told == {"reset=power-on", "reset=panic"}


def test_wakes_go_on_from_rtc_memory_until_a_life_ends_badly(lab: Lab) -> None:
    """The panic comes after the state is left for the next life: believed, it would use numbers twice."""
    lab.configure(sleep={"every": "1s", "connect_every": 3})
    lab.board.await_status(sleeps=6, panics=0)
    lab.board.control(fail={"call": "esp_deep_sleep_start", "value": "panic"})
    begun = lab.agent.await_log("boot", "number 2, the one before ended by: panic")
    joined = lab.agent.await_log("wifi", "joined lab", begun)
    lab.agent.await_log("wifi", "joined lab", joined)
    closing = lab.agent.account()
    values = lab.stored()
    assert values == [BOOT * life for life in range(len(values))]  # each wake gave one reading
    ids = lab.store.devices(accounts.owner(lab.store)[0])
    assert sorted(row.next for row in ids) == sorted([closing.taken, len(values) - closing.taken])
    assert [row.missing for row in ids] == [0, 0]
    assert _boots(lab) == (2, 1)
    assert "sleep.json" not in lab.board.mpremote("fs", "ls", ":")  # flash was spared
