import asyncio
from collections.abc import Awaitable, Callable

import pytest

from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.turns import MOST_OF_A_STRANGER, MOST_WAITING, Asker, Turns

ANN, BOB = Asker("ann", known=True), Asker("bob", known=True)


def stranger(number: int) -> Asker:
    return Asker(f"192.0.2.{number}", known=False)


class Queue:
    """Askers before two places, and who has one, in the order of their turns."""

    def __init__(self) -> None:
        self.turns = Turns(2)
        self.served: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, asker: Asker, name: str) -> None:
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._have_turn(asker, name))
        await asyncio.sleep(0)

    async def _have_turn(self, asker: Asker, name: str) -> None:
        async with self.turns.turn(asker):
            self.served.append(name)
            await self._ends[name].wait()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self.tasks[name]
        await asyncio.sleep(0)

    async def finish(self) -> None:
        for event in self._ends.values():
            event.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def with_queue(test: Callable[[Queue], Awaitable[None]]) -> Callable[[], None]:
    async def run() -> None:
        queue = Queue()
        async with asyncio.timeout(60):
            await test(queue)
            await queue.finish()
        assert not queue.turns._inside
        assert queue.turns._served == {True: 0, False: 0}

    def wrapper() -> None:
        asyncio.run(run())

    wrapper.__name__, wrapper.__module__ = test.__name__, test.__module__
    return wrapper


@with_queue
async def test_twenty_strangers_leave_a_place_to_the_owner(queue: Queue) -> None:
    for number in range(MOST_WAITING):
        await queue.ask(stranger(number), f"s{number}")
    assert queue.served == ["s0"]
    await queue.ask(ANN, "ann")
    assert queue.served == ["s0", "ann"]


@with_queue
async def test_users_have_all_places_and_come_before_strangers(queue: Queue) -> None:
    for name in ("a1", "a2", "a3"):
        await queue.ask(ANN, name)
    await queue.ask(stranger(1), "s1")
    assert queue.served == ["a1", "a2"]
    await queue.end("a1")
    assert queue.served == ["a1", "a2", "a3"]
    await queue.end("a2")
    assert queue.served == ["a1", "a2", "a3", "s1"]


@with_queue
async def test_who_asks_for_many_waits_for_those_who_ask_for_one(queue: Queue) -> None:
    await queue.ask(ANN, "a1")
    await queue.ask(ANN, "a2")
    for name in ("a3", "a4", "a5"):
        await queue.ask(ANN, name)
    await queue.ask(BOB, "b1")
    await queue.end("a1")
    await queue.end("a2")
    assert sorted(queue.served) == ["a1", "a2", "a3", "b1"]


@with_queue
async def test_a_stranger_has_few_places_in_the_queue_and_all_of_them_have_some(queue: Queue) -> None:
    for number in range(MOST_OF_A_STRANGER):
        await queue.ask(stranger(1), f"s1.{number}")
    with pytest.raises(Refusal, match="too many pictures"):
        async with queue.turns.turn(stranger(1)):
            pass
    for number in range(2, MOST_WAITING - MOST_OF_A_STRANGER + 2):
        await queue.ask(stranger(number), f"s{number}")
    with pytest.raises(Refusal) as refused:
        async with queue.turns.turn(stranger(99)):
            pass
    assert refused.value.status == 429
    await queue.ask(ANN, "ann")
    assert queue.served == ["s1.0", "ann"]


@with_queue
async def test_who_gives_up_holds_up_nobody(queue: Queue) -> None:
    await queue.ask(ANN, "a1")
    await queue.ask(ANN, "a2")
    await queue.ask(BOB, "b1")
    await queue.ask(BOB, "b2")
    queue.tasks["b1"].cancel()
    await asyncio.sleep(0)
    await queue.end("a1")
    assert queue.served == ["a1", "a2", "b2"]


@with_queue
async def test_who_gives_up_when_their_turn_comes_gives_the_place_on(queue: Queue) -> None:
    await queue.ask(ANN, "a1")
    await queue.ask(ANN, "a2")
    await queue.ask(BOB, "b1")
    await queue.ask(BOB, "b2")
    queue._ends["a1"].set()
    await asyncio.sleep(0)  # b1 has the place, and does not know yet
    queue.tasks["b1"].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert queue.served == ["a1", "a2", "b2"]
