import asyncio
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from host_tools.endpoint.commit import Lane
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.plots import PlotInfo
from host_tools.endpoint.store import DeviceRow, JournalInput, Store
from host_tools.endpoint.streams import Session
from tests.endpoint.core import PATIENCE_S, STREAM_ID, Core, finish, head, in_core, stream_until_killed

ROOT = Path(__file__).parents[2]


class NumberedLane(Lane):
    """A device's."""

    __slots__ = ("device",)

    def __init__(self, device: DeviceRow) -> None:
        super().__init__()
        self.device = device

    def row(self) -> DeviceRow:
        return self.device


@dataclass
class OneLine:
    """A job of one row."""

    lane: Lane
    token: str
    text: str
    told: Callable[[int | Refusal], None]

    @property
    def rows(self) -> list[JournalInput]:
        return [(self.token, 1, 1, self.text)]

    @property
    def size(self) -> int:
        return len(self.text)

    def written(self, seq: int) -> None:
        self.told(seq)

    def failed(self, refusal: Refusal) -> None:
        self.told(refusal)


class Recorder:
    """Makes jobs, and keeps what the committer told of them."""

    def __init__(self, core: Core, token: str) -> None:
        self.core, self.token = core, token
        self.told: list[tuple[str, int | Refusal]] = []
        self.all_told = asyncio.Event()

    def submit(self, name: str, lane: Lane | None = None, size: int = 10) -> None:
        text = f'{{"x":"{name}","y":"{"." * size}"}}\n'
        self.core.committer.submit(OneLine(lane or Lane(), self.token, text, lambda result: self.told.append((name, result))))

    @property
    def failures(self) -> dict[str, Refusal]:
        return {name: result for name, result in self.told if isinstance(result, Refusal)}


async def recorder(core: Core) -> tuple[Recorder, PlotInfo]:
    info, token = await core.streamed_plot()
    return Recorder(core, token), info


async def fill_disk(core: Core) -> None:
    """From now on SQLite has room for a few pages only: a real SQLITE_FULL, as on a full disk."""
    await core.committer.flush()
    (pages,) = core.committer._store._rows("PRAGMA page_count")[0]
    core.committer._store._rows(f"PRAGMA max_page_count = {pages + 1}")


async def make_room(core: Core) -> None:
    await core.committer.flush()
    core.committer._store._rows("PRAGMA max_page_count = 1000000")


@in_core
async def test_callbacks_come_in_the_order_of_the_jobs_and_after_the_commit(core: Core) -> None:
    jobs, info = await recorder(core)
    for number in range(100):
        jobs.submit(str(number))
        if number % 7 == 0:
            await asyncio.sleep(0.002)
    assert len(jobs.told) < 100
    await core.committer.flush()
    assert [name for name, _ in jobs.told] == core.stored_x(info) == [str(number) for number in range(100)]
    seqs = [seq for _, seq in jobs.told]
    assert seqs == sorted(set(seqs))  # type: ignore[type-var]


@in_core
async def test_jobs_of_one_moment_share_a_transaction(core: Core) -> None:
    jobs, _ = await recorder(core)
    transactions: list[str] = []
    core.committer._store._db.set_trace_callback(lambda sql: transactions.append(sql) if sql == "COMMIT" else None)
    for number in range(500):
        jobs.submit(str(number))
    await core.committer.flush()
    assert len(jobs.told) == 500
    assert len(transactions) == 1


@in_core
async def test_a_batch_waits_while_another_is_written(core: Core) -> None:
    """Group commit: all that arrives during a slow commit goes into the next one."""
    jobs, _ = await recorder(core)
    transactions: list[str] = []
    slow = threading.Event()
    blocked = asyncio.create_task(core.committer.run(lambda store: slow.wait(PATIENCE_S)))
    await asyncio.sleep(0)
    core.committer._store._db.set_trace_callback(lambda sql: transactions.append(sql) if sql == "COMMIT" else None)
    for number in range(20):
        jobs.submit(str(number))
        await asyncio.sleep(0.003)
    assert jobs.told == []
    slow.set()
    assert await blocked
    await core.committer.flush()
    assert len(jobs.told) == 20
    assert len(transactions) == 2


@in_core
async def test_what_somebody_waits_for_is_written_at_once_with_all_before_it(core: Core) -> None:
    jobs, info = await recorder(core)
    core.committer._interval = 3600
    jobs.submit("the first finds an idle thread")
    session = core.open(jobs.token, (STREAM_ID, 0))
    session.lines(b'{"x":"mine"}\n')
    assert await finish(session) is None
    assert core.stored_x(info) == ["the first finds an idle thread", "mine"]
    jobs.submit("waits for more")
    session = core.open(jobs.token, (STREAM_ID, 1))
    session.lines(b'{"x":"mine again"}\n')
    assert await finish(session) is None
    assert core.stored_x(info)[2:] == ["waits for more", "mine again"]


@in_core
async def test_a_full_disk_refuses_the_whole_batch_with_a_remedy(core: Core) -> None:
    jobs, info = await recorder(core)
    await fill_disk(core)
    jobs.submit("small", lane=NumberedLane(DeviceRow(core.user.id, STREAM_ID, 5, 0, 0, None)))
    jobs.submit("large", size=100_000)
    await core.committer.flush()
    assert set(jobs.failures) == {"small", "large"}
    assert {refusal.status for refusal in jobs.failures.values()} == {503}
    assert "disk is full: make room" in jobs.failures["small"].message
    await make_room(core)
    assert core.stored_x(info) == []
    assert core.store.device(core.user.id, STREAM_ID) is None


@in_core
async def test_it_goes_on_by_itself_when_there_is_room_again(core: Core) -> None:
    jobs, info = await recorder(core)
    await fill_disk(core)
    jobs.submit("lost", size=100_000)
    await core.committer.flush()
    await make_room(core)
    jobs.submit("kept", size=100_000)
    await core.committer.flush()
    assert core.stored_x(info) == ["kept"]
    assert list(jobs.failures) == ["lost"]


@in_core
async def test_after_a_failure_the_rest_of_that_lane_fails_too_and_no_other(core: Core) -> None:
    jobs, info = await recorder(core)
    lane = Lane()
    await fill_disk(core)
    jobs.submit("first", lane, size=100_000)
    failing = asyncio.create_task(core.committer.flush())
    await asyncio.sleep(0)
    jobs.submit("second", lane)  # under way while nobody knows of the failure
    await failing
    await make_room(core)
    jobs.submit("third", lane)
    jobs.submit("other")
    await core.committer.flush()
    assert set(jobs.failures) == {"first", "second", "third"}
    assert core.stored_x(info) == ["other"]


@in_core
async def test_a_store_that_another_program_locks_is_told_and_recovers(core: Core) -> None:
    jobs, info = await recorder(core)
    core.committer._store._rows("PRAGMA busy_timeout = 10")
    other = Store.open(core.store.path.parent)
    with other.transaction():
        jobs.submit("locked out")
        await core.committer.flush()
    other.close()
    jobs.submit("kept")
    await core.committer.flush()
    assert "locked by another program" in jobs.failures["locked out"].message
    assert core.stored_x(info) == ["kept"]


@in_core
async def test_work_of_rest_follows_what_was_submitted_before(core: Core) -> None:
    jobs, _ = await recorder(core)
    jobs.submit("before")
    points = await core.committer.run(lambda store: [row.points for row in store.plots()])
    assert points == [1]
    assert [name for name, _ in jobs.told] == ["before"]


@in_core
async def test_work_that_fails_changes_nothing_and_hands_on_its_error(core: Core) -> None:
    def fail(store: Store) -> None:
        store.new_token(core.user)
        raise Refusal(404, "no")

    with pytest.raises(Refusal, match="404"):
        await core.committer.run(fail)
    assert core.store.tokens() == []


@in_core
async def test_a_failing_callback_does_not_keep_the_others_from_being_told(core: Core) -> None:
    jobs, _ = await recorder(core)
    reported: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(str(context["exception"])))

    def fail(result: int | Refusal) -> None:
        raise ValueError("broken callback")

    core.committer.submit(OneLine(Lane(), jobs.token, "{}\n", fail))
    jobs.submit("after")
    await core.committer.flush()
    assert [name for name, _ in jobs.told] == ["after"]
    assert reported == ["broken callback"]


def test_closing_writes_what_is_left(tmp_path: Path) -> None:
    async def run() -> None:
        core = Core(tmp_path)
        jobs, _ = await recorder(core)
        jobs.submit("last")
        await core.close()

    asyncio.run(run())
    again = Store.open(tmp_path)
    assert again.plots()[0].points == 1
    again.close()


@pytest.mark.parametrize("seed", range(3))
def test_all_that_was_settled_is_there_exactly_once_after_sigkill(tmp_path: Path, seed: int) -> None:
    """A process that streams is killed at random moments, started again, and goes on with the number it finds."""

    async def prepare() -> PlotInfo:
        core = Core(tmp_path)
        info, _ = await core.streamed_plot()
        await core.close()
        return info

    info = asyncio.run(prepare())
    moments = random.Random(seed)
    command = f"from tests.endpoint.core import {stream_until_killed.__name__} as stream; stream({str(tmp_path)!r})"
    for _ in range(4):
        child = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert child.stdout is not None
        child.stdout.readline()  # it has begun
        time.sleep(moments.uniform(0, 0.3))
        child.kill()
        settled = [int(line) for line in child.stdout.read().split("\n")[:-1]]
        child.stdout.close()
        child.wait()
        stored, expected = stored_numbers(tmp_path, info)
        assert stored == list(range(len(stored)))
        assert expected == len(stored)
        assert expected >= max(settled, default=0)
    assert stored


def stored_numbers(folder: Path, info: PlotInfo) -> tuple[list[int], int]:
    """The numbers in the plot, and the one that its device must go on with."""

    async def run() -> tuple[list[int], int]:
        core = Core(folder)
        try:
            device = core.store.device(core.user.id, STREAM_ID)
            return core.stored_x(info), device.next if device else 0
        finally:
            await core.close()

    return asyncio.run(run())


@in_core
async def test_a_session_hears_of_a_failed_commit_and_the_next_one_goes_on(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token, (STREAM_ID, 0))
    await fill_disk(core)
    session.lines(b'{"x":0,"text":"%s"}\n' % (b"." * 100_000))
    refusal = await finish(session)
    assert refusal is not None
    assert refusal.status == 503
    assert session.settled == 0
    await make_room(core)
    session = core.open(token, (STREAM_ID, 0))
    session.lines(b'{"x":0}\n{"x":1}\n')
    assert await finish(session) is None
    assert session.settled == 2
    assert core.x(info) == core.stored_x(info) == [0, 1]


@in_core
async def test_a_board_that_comes_back_at_once_after_a_failed_commit_is_served(core: Core) -> None:
    info, token = await core.streamed_plot()
    again: list[Session] = []

    def come_back(refusal: Refusal | None) -> None:
        core.committer._store._rows("PRAGMA max_page_count = 1000000")
        again.append(core.open(token, (STREAM_ID, 0)))
        again[0].lines(b'{"x":0}\n')

    session = core.streams.open(head(token, (STREAM_ID, 0)), come_back)
    await fill_disk(core)
    session.lines(b'{"x":0,"text":"%s"}\n' % (b"." * 100_000))
    await core.committer.flush()
    assert await finish(again[0]) is None
    assert core.x(info) == core.stored_x(info) == [0]
