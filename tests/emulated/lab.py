"""An endpoint with a plot, a board on the network beside it, and what became of each reading that the board took."""

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import FIRST_USER, Store
from host_tools.simulate import Closing
from tests.emulated.agent import LOOPBACK, Agent
from tests.emulated.board import Board
from tests.emulated.boards import BoardName
from tests.emulated.network import Wifi
from tests.emulated.parts.load import BOOT
from tests.faults.harness import create_plot, stored_traces

PART = Path(__file__).parent / "parts" / "load.py"
SSID, KEY = Wifi.ssid, str(Wifi.key)
AWAIT_S = 240


@dataclass
class Lab:
    """The board, ready for `configure`; its part counts, so that every reading has a value of its own."""

    agent: Agent
    endpoint: ChildEndpoint
    token: str
    store: Store

    @property
    def board(self) -> Board:
        """Return the board under the agent."""
        return self.agent.board

    def configure(self, *others: Path, wifi: dict[str, str] | None = None, every: str = "100ms", **settings: Any) -> None:
        """Put config.json, secrets.json and other files on the board, and boot it."""
        self.prepare(*others, wifi=wifi, every=every, **settings)
        self.agent.power_on()

    def prepare(self, *others: Path, wifi: dict[str, str] | None = None, every: str = "100ms", **settings: Any) -> None:
        """Put the files there and leave the board as it is."""
        networks = wifi or {SSID: KEY}
        sensor = {"driver": "load", "every": every, "channels": {"count": {"stream": "s"}}}
        config = {
            "version": 1,
            "board": self.board.name,
            "name": "emulated",
            "endpoint": self.endpoint.url.replace("127.0.0.1", LOOPBACK),
            "wifi": list(networks),
            "sensors": [sensor],
            "checkpoint": {"every": "1s"},
            **settings,
        }
        secrets: dict[str, Any] = {"version": 1, "wifi": networks, "tokens": {"s": self.token}}
        if others:
            secrets["ca"] = others[0].name
        self.agent.configure(config, secrets, *others)

    def stored(self) -> list[int]:
        """Return the values of all readings that are stored, in the order they came."""
        (plot,) = self.store.plots()
        (values,) = stored_traces(self.store, plot.id)
        return values

    def await_stored(self, more: int = 10) -> int:
        """Wait for so many more readings; return how many there are."""
        enough = len(self.stored()) + more
        deadline = time.monotonic() + AWAIT_S
        while (count := len(self.stored())) < enough:
            assert time.monotonic() < deadline, f"{count} readings are stored; the board says: {self.agent.log}"
            time.sleep(0.05)
        return count

    def settle(self) -> None:
        """End the agent. Each reading that it took is stored, once, in the order it was taken; none was given up."""
        closing = self.agent.account()
        assert (closing.settled, closing.dropped, closing.skipped) == (closing.taken, 0, 0)
        assert self.stored() == list(range(closing.taken))

    def settle_both_lives(self, closing: Closing) -> int:
        """Of the first life an unbroken beginning is stored, of the second everything, and nothing twice; return how much of the first."""
        values = self.stored()
        first = [value for value in values if value < BOOT]
        assert first == list(range(len(first)))
        assert (closing.settled, closing.dropped) == (closing.taken, 0), self.agent.log
        assert values == first + list(range(BOOT, BOOT + closing.taken))
        return len(first)

    def begin_outage(self) -> int:
        """Take the network away until the ring has overflowed to flash; return how many readings were stored before."""
        self.configure(spool={"ram": "480B"})
        before = self.await_stored()
        self.board.control(ssid="away", link=False)
        self.agent.await_log("wifi", f"network {SSID} is gone")
        enough = self.board.stats()["flash_programs"] + 20
        deadline = time.monotonic() + AWAIT_S
        while self.board.stats()["flash_programs"] < enough:
            assert time.monotonic() < deadline, self.agent.log
            time.sleep(0.05)
        return before

    def end_outage(self, before: int) -> None:
        """Boot it. The first life's readings are stored up to the first that was in RAM alone, the second's all; nothing twice."""
        booted = len(self.agent.log)
        self.board.control(ssid=SSID)
        self.agent.power_on()
        self.agent.await_log("agent", "readings of earlier boots wait on flash", booted)
        self.await_stored()
        assert self.settle_both_lives(self.agent.account()) > before


def build(opened: ExitStack, board: BoardName, installed: Path, endpoint: ChildEndpoint, folder: Path) -> Lab:
    """Return a lab with a copy of the flash image `installed`, open until `opened` closes."""
    store = opened.enter_context(accounts.opened(endpoint.data))
    token = store.new_token(accounts.owner(store)[0])
    assert endpoint.api_key is not None
    create_plot(endpoint.url, FIRST_USER, endpoint.api_key, [token])
    flash = Path(shutil.copy(installed, folder / "flash.bin"))
    return Lab(opened.enter_context(Agent(flash, board=board)), endpoint, token, store)
