"""The agent on an emulated stock Pico, which has no network, through `plotpost bridge` to a real endpoint: every reading exactly once."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from tests.emulated.agent import Agent, Json, install
from tests.network import quiet_port
from tests.usb import COUNTING_PART, Bridge, Cable, await_that
from tests.usb_desk import Desk, configured

pytestmark = pytest.mark.emulated


class Board:
    """A Pico at the end of a cable."""

    def __init__(self, flash: Path, config: Json, secrets: Json, folder: Path) -> None:
        self._agent = Agent(flash, board="pico")
        self.pico = self._agent.board
        self.cable: Cable
        self._config, self._secrets = config, secrets
        self._name = folder / "ttyACM0"
        self._port = -1

    def __enter__(self) -> Self:
        self.pico.start()
        self._agent.configure(self._config, self._secrets)
        self.pico.reset()
        self._port = os.open(self.pico.port, os.O_RDWR | os.O_NOCTTY)
        self.cable = Cable(self._port, self._name)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cable.close()
        os.close(self._port)
        self.pico.stop()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.type(b"\x03")

    def type(self, keys: bytes) -> None:
        os.write(self._port, keys)


@pytest.fixture(scope="module")
def installed(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash image with the firmware, and a part that counts."""
    image = tmp_path_factory.mktemp("installed") / "flash.bin"
    install(image, [COUNTING_PART], "pico")
    return image


@pytest.fixture
def desk(installed: Path, serve: Callable[..., ChildEndpoint], tmp_path: Path) -> Iterator[Desk[Board]]:
    endpoint = serve(port=quiet_port())
    with ExitStack() as opened:
        store = opened.enter_context(accounts.opened(endpoint.data))
        config, secrets = configured(store, endpoint, every="50ms", spool={"ram": "480B"})
        flash = Path(shutil.copy(installed, tmp_path / "flash.bin"))
        board = opened.enter_context(Board(flash, config, secrets, tmp_path))
        yield Desk(board, opened.enter_context(Bridge(board.cable.port)), endpoint, store)


def test_readings_arrive_and_are_dated_by_the_endpoints_clock(desk: Desk[Board]) -> None:
    began = time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
    desk.await_stored(100)
    assert [line for line in desk.bridge.log if line.level in "WE"] == []
    assert desk.stamps()[0] >= began  # the chip's own clock starts in 2021
    desk.settle()


def test_a_pulled_cable_and_a_killed_bridge_lose_nothing_and_reset_nothing(desk: Desk[Board]) -> None:
    desk.await_stored()
    desk.board.cable.pull()
    time.sleep(1)
    desk.board.cable.plug()
    desk.await_stored()
    desk.bridge.kill()
    desk.bridge.start()
    desk.await_stored(100)
    assert desk.board.pico.stats()["resets"] == 1  # the one that started the agent
    desk.settle()


def test_what_is_on_flash_at_a_power_cut_is_stored_after_the_next_boot_once(desk: Desk[Board]) -> None:
    desk.await_stored()
    desk.endpoint.kill()
    enough = desk.board.pico.stats()["flash_programs"] + 10
    await_that(lambda: desk.board.pico.stats()["flash_programs"] >= enough, lambda: desk.bridge.log)
    desk.board.cable.pull()
    desk.board.pico.power_cut()
    desk.endpoint.start()
    desk.board.pico.power_on()
    desk.board.cable.plug()
    desk.bridge.await_line("agent", "readings of earlier boots wait on flash")
    desk.await_stored(100)
    desk.settle(boots=2)


def test_a_bridge_types_nothing_at_the_prompt_of_a_board_whose_agent_has_ended(desk: Desk[Board]) -> None:
    desk.await_stored()
    desk.settle()
    time.sleep(3)  # three hellos
    desk.bridge.stop()
    answer: list[bytes] = []
    desk.board.cable.to_host = lambda data: answer.append(data) or b""  # type: ignore[func-returns-value]
    desk.board.type(b"6*7\r")
    await_that(lambda: b"\r\n42\r\n>>> " in b"".join(answer), lambda: answer)
    assert b"".join(answer) == b"6*7\r\n42\r\n>>> "
