"""Links that lie, one board for each at the same time: the board finds out by itself, comes back, and loses nothing."""

import time
from collections.abc import Callable, Iterator

import pytest

from host_tools.runtime import Runtime
from tests.faults import proxy
from tests.faults.account import Account
from tests.faults.harness import Plan, Station, World
from tests.faults.proxy import DOWN, UP, Strike

PATIENCE_S = 120
PLAN = Plan(("even",), "50ms", "8KiB", checkpoint={"every": "1s", "records": 200})
SMALL = Plan(("even", "odd"), "50ms", "1KiB", checkpoint={"every": "1s", "records": 200})
CAPTIVE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 26\r\n\r\n<html>Please sign in</html>"
TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"


def _answer(answer: bytes) -> Callable[[Station], None]:
    return lambda station: station.proxy.arm(Strike(proxy.ANSWER, UP, 500, answer=answer))


def _dark_then_power_cut(station: Station) -> None:
    """An outage that fills the ring again and again; then the power goes, and comes back."""
    station.proxy.close_door(proxy.REFUSE, 10)
    deadline = time.monotonic() + PATIENCE_S
    while not station.board.segments and time.monotonic() < deadline:
        time.sleep(0.05)
    station.cut_power(0.5)


LIES: dict[str, Callable[[Station], None]] = {
    "nothing arrives in either direction, for ever": lambda station: station.proxy.strike(Strike(proxy.HALF_OPEN)),
    "nothing arrives at the endpoint, for ever": lambda station: station.proxy.strike(Strike(proxy.DEAF)),
    "no answer arrives, for ever": lambda station: station.proxy.strike(Strike(proxy.MUTE)),
    "the endpoint accepts and never reads": lambda station: station.proxy.change_weather(proxy.STALL, 0, 25),
    "the connection is never accepted": lambda station: station.proxy.close_door(proxy.UNACCEPTED, 12),
    "the answer trickles": lambda station: station.proxy.change_weather(proxy.TRICKLE, 0.005, 5),
    "an answer is cut in its middle": lambda station: station.proxy.arm(Strike(proxy.RESET, DOWN, 60)),
    "a captive portal answers": _answer(CAPTIVE),
    "somebody who speaks no HTTP answers": _answer(TLS_ALERT),
    "the power goes while readings wait on flash": _dark_then_power_cut,
}


@pytest.fixture(scope="module")
def world(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    plans = [SMALL if lie is _dark_then_power_cut else PLAN for lie in LIES.values()]
    with World(runtime, plans, tmp_path_factory.mktemp("lies")) as made:
        yield made


@pytest.fixture(scope="module")
def accounts(world: World) -> dict[str, Account]:
    """Every board streams, is lied to, comes back by itself, and is stopped."""
    _wait_until(lambda: all(station.proxy.bytes[DOWN] for station in world.stations))
    for lie, station in zip(LIES.values(), world.stations, strict=True):
        lie(station)
    _wait_until(lambda: all(station.proxy.struck.total() for station in world.stations))
    struck = [station.proxy.bytes[DOWN] for station in world.stations]
    _wait_until(lambda: all(station.proxy.bytes[DOWN] > before for station, before in zip(world.stations, struck, strict=True)))
    return dict(zip(LIES, world.finish(), strict=True))


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("the boards did not come back in time")
        time.sleep(0.1)


@pytest.mark.parametrize("lie", LIES)
def test_a_board_that_is_lied_to_comes_back_and_loses_nothing(accounts: dict[str, Account], lie: str) -> None:
    account = accounts[lie]
    assert account.unexplained == ()
    assert (account.lost, account.dropped, account.untold, account.duplicated) == (0, 0, 0, 0)
    if "power" not in lie:
        assert account.stored == account.taken > 0


def test_a_power_cut_loses_no_more_than_the_ring_holds(accounts: dict[str, Account]) -> None:
    account = accounts["the power goes while readings wait on flash"]
    assert account.stored + account.in_ram == account.taken
    assert account.in_ram <= SMALL.ring
