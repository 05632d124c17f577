"""API keys: none is guessed at faster by asking for many at once, and no guesser keeps an owner waiting, or out."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.attempts import LIMIT, Attempts
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.keys import MOST_WAITING, Keys
from host_tools.endpoint.store import Store, User
from tests.plotly_client import PATIENCE_S, PlotlyClient

GUESSER, OWNER = "192.0.2.1", "192.0.2.2"


class SlowStore(Store):
    """Counts the slow checks, and holds them back until the test lets them go."""

    def __init__(self, path: Path) -> None:
        opened = Store.open(path)
        super().__init__(opened.path, opened._db)
        self.may_go = threading.Event()
        self.checked: list[str] = []
        self.known: set[tuple[str, str]] = set()

    def check_key(self, name: str, key: str) -> User | None:
        if (name, key) not in self.known:
            self.checked.append(key)
            assert self.may_go.wait(PATIENCE_S)
        user = super().check_key(name, key)
        if user is not None:
            self.known.add((name, key))
        return user


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SlowStore]:
    opened = SlowStore(tmp_path)
    yield opened
    opened.may_go.set()
    opened.close()


async def said(asked: Awaitable[User]) -> str:
    try:
        return (await asked).name
    except Refusal as refusal:
        return f"{refusal.status} {refusal.message}"


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await scenario()

    asyncio.run(run())


def test_asking_at_once_is_no_way_to_more_guesses(store: SlowStore) -> None:
    store.create_user("ann")
    keys = Keys(store, Attempts())
    store.may_go.set()

    async def scenario() -> None:
        answers = await asyncio.gather(*(said(keys.check("ann", f"wrong{n}", GUESSER)) for n in range(150)))
        assert len(store.checked) == LIMIT
        assert sum(answer.startswith("429 too many wrong API keys") for answer in answers) == 150 - LIMIT

    play(scenario)


def test_the_same_guess_many_times_counts_each_time(store: SlowStore) -> None:
    store.create_user("ann")
    keys = Keys(store, Attempts())
    store.may_go.set()

    async def scenario() -> None:
        answers = await asyncio.gather(*(said(keys.check("ann", "wrong", GUESSER)) for _ in range(150)))
        assert sum(answer.startswith("403") for answer in answers) == LIMIT

    play(scenario)


def test_a_right_key_that_many_programs_use_at_once_is_right_for_all_and_checked_once(store: SlowStore) -> None:
    key = store.create_user("ann")
    keys = Keys(store, Attempts())
    store.may_go.set()

    async def scenario() -> None:
        answers = await asyncio.gather(*(said(keys.check("ann", key, OWNER)) for _ in range(150)))
        assert answers == ["ann"] * 150
        assert store.checked == [key]

    play(scenario)


def test_a_key_that_was_right_before_waits_behind_no_stranger_and_behind_no_lock(store: SlowStore) -> None:
    key = store.create_user("ann")
    keys = Keys(store, Attempts())

    async def scenario() -> None:
        store.may_go.set()
        await keys.check("ann", key, OWNER)
        store.may_go.clear()
        strangers = [asyncio.create_task(said(keys.check("ann", f"wrong{n}", GUESSER))) for n in range(LIMIT)]
        await asyncio.sleep(0)
        assert await said(keys.check("ann", key, OWNER)) == "ann"
        assert await said(keys.check("ann", key, GUESSER)) == "ann"
        store.may_go.set()
        await asyncio.gather(*strangers)

    play(scenario)


def test_a_key_that_was_replaced_is_right_no_longer(store: SlowStore) -> None:
    key = store.create_user("ann")
    keys = Keys(store, Attempts())
    store.may_go.set()

    async def scenario() -> None:
        user = await keys.check("ann", key, OWNER)
        new = store.rotate_key(user)
        assert (await said(keys.check("ann", key, OWNER))).startswith("403")
        assert await said(keys.check("ann", new, OWNER)) == "ann"

    play(scenario)


def test_a_new_key_waits_behind_one_guess_of_each_address_at_most(store: SlowStore) -> None:
    key = store.create_user("ann")
    keys = Keys(store, Attempts())

    async def scenario() -> None:
        guesses = [said(keys.check(f"user{n}", "wrong", GUESSER)) for n in range(150)]
        strangers = [asyncio.create_task(each) for each in guesses]
        await asyncio.sleep(0)
        owner = asyncio.create_task(said(keys.check("ann", key, OWNER)))
        await asyncio.sleep(0)
        store.may_go.set()
        assert await owner == "ann"
        assert store.checked.index(key) <= 2
        answers = await asyncio.gather(*strangers)
        assert sum("wait to be checked" in answer for answer in answers) == 150 - MOST_WAITING

    play(scenario)


def test_a_running_endpoint_looks_at_ten_of_a_hundred_keys_that_come_at_once(endpoint: ChildEndpoint) -> None:
    client = PlotlyClient(endpoint)
    with ThreadPoolExecutor(100) as programs:
        answers = list(programs.map(lambda n: client.plot_as(client.user.name, f"wrong{n}", [{"y": [1]}])["error"], range(100)))
    assert sum("no user with this name" in answer for answer in answers) <= LIMIT
    assert sum("too many" in answer for answer in answers) >= 100 - LIMIT
