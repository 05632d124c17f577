"""The agent on the ESP32s that the other tests leave out: it joins and streams within each chip's memory, the radio's share taken."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from host_tools.child_endpoint import ChildEndpoint
from tests.emulated.agent import Agent, install
from tests.emulated.boards import BoardName
from tests.emulated.lab import PART, build

pytestmark = pytest.mark.emulated

BARE: Any = "esp32_s2_bare"  # an ESP32-S2 without PSRAM


@pytest.mark.parametrize("board", ["esp32_s2", "esp32_s3", "esp32_c6"])
def test_the_agent_streams_within_the_chips_memory(
    emulator: None, board: BoardName, serve: Callable[..., ChildEndpoint], tmp_path: Path
) -> None:
    installed = tmp_path / "installed.bin"
    install(installed, [PART], board)
    with ExitStack() as opened:
        lab = build(opened, board, installed, serve(), tmp_path)
        lab.configure()
        lab.await_stored(20)
        lab.settle()


def test_without_psram_an_s2_says_that_its_radio_finds_no_memory(emulator: None, tmp_path: Path) -> None:
    flash = tmp_path / "flash.bin"
    install(flash, (), BARE)
    sensor = {"driver": "analog", "pin": 1, "every": "1s", "channels": {"voltage": {"stream": "s"}}}
    config = {
        "version": 1,
        "board": "esp32_s2",
        "name": "bare",
        "endpoint": "http://10.0.2.2",
        "wifi": ["lab"],
        "sensors": [sensor],
    }
    with Agent(flash, board=BARE) as agent:
        agent.configure(config, {"version": 1, "wifi": {"lab": "emulated-key"}, "tokens": {"s": "abcdefghij"}})
        agent.power_on()
        agent.await_log("boot", "the radio does not start: WiFi Out of Memory")
        agent.await_log("boot", "the radio does not start: WiFi Out of Memory", len(agent.log))  # a reset each time, and a reason
