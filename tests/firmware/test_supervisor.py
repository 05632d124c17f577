"""supervisor.py: tasks that die or get stuck are restarted and counted, on MicroPython and on CPython."""

import asyncio
import time

from plotpost import log, watchdog
from plotpost.port import sleep_ms
from plotpost.supervisor import Supervisor, Task


class Reset(Exception):
    """What a reset is to a program: it goes no further."""


class Watch:
    """A supervisor over `tasks` that works until `until()`, or until it resets the board."""

    def __init__(self, tasks, until=lambda: False, cancel_ms=100, healthy_ms=600000):
        self.lines = []
        self.reason = ""
        log.write = self.lines.append
        self.boss = Supervisor(tasks, self._reset)
        self.boss.look_ms = 20
        self.boss.cancel_ms = cancel_ms
        self.boss.healthy_ms = healthy_ms
        asyncio.run(self._work(until))
        log.write = print

    def _reset(self, reason):
        self.reason = reason
        raise Reset

    async def _work(self, until):
        end = asyncio.create_task(self._end(asyncio.current_task(), until))
        try:
            await self.boss.run()
        except (asyncio.CancelledError, Reset):
            pass
        end.cancel()
        await sleep_ms(20)  # the cancelled tasks have their say

    async def _end(self, work, until):
        while not until():
            await sleep_ms(5)
        work.cancel()

    @property
    def restarts(self):
        return self.boss.restarts


class Mortal:
    """Work that ends at once, by `error` if there is one."""

    def __init__(self, error=None):
        self.starts = 0
        self._error = error

    async def work(self, progress):
        self.starts += 1
        if self._error:
            raise self._error


class Stubborn:
    """Work that makes no progress and does not let itself be cancelled; it ends so that the test does."""

    def __init__(self):
        self.starts = 0

    async def work(self, progress):
        self.starts += 1
        for _ in range(40):
            try:
                await sleep_ms(20)
            except asyncio.CancelledError:
                pass


async def busy(progress):
    while True:
        progress()
        await sleep_ms(5)


def test_a_task_that_dies_is_restarted_counted_and_said():
    mortal = Mortal(ValueError("a secret"))
    watch = Watch([Task("mortal", mortal.work, 60000)], lambda: mortal.starts == 3)
    assert watch.restarts == 2
    assert any("task mortal ended" in line for line in watch.lines)
    assert any("ValueError" in line for line in watch.lines)
    assert not any("a secret" in line for line in watch.lines)


def test_a_task_that_makes_no_progress_is_cancelled_and_started_again():
    starts = []
    ends = []

    async def stuck(progress):
        starts.append(1)
        try:
            await sleep_ms(3600000)
        finally:
            ends.append(1)

    watch = Watch([Task("stuck", stuck, 50)], lambda: len(starts) == 2 and len(ends) == 1)
    assert watch.restarts == 1
    assert any("task stuck is stuck" in line for line in watch.lines)
    assert not any("task stuck ended" in line for line in watch.lines)


def test_a_stuck_task_never_runs_twice_at_a_time():
    running = []
    most = []

    async def slow_to_end(progress):
        running.append(1)
        most.append(len(running))
        try:
            await sleep_ms(3600000)
        finally:
            await sleep_ms(60)
            running.pop()

    Watch([Task("slow", slow_to_end, 40)], lambda: len(most) == 3, cancel_ms=10000)
    assert max(most) == 1


def test_a_task_that_makes_progress_is_left_alone():
    turns = []

    async def counted(progress):
        while True:
            progress()
            turns.append(1)
            await sleep_ms(5)

    watch = Watch([Task("counted", counted, 10000)], lambda: len(turns) == 30)
    assert (watch.lines, watch.restarts) == ([], 0)


def test_one_death_does_not_touch_the_others():
    starts = []

    async def other(progress):
        starts.append(1)
        await busy(progress)

    mortal = Mortal(OSError(5))
    Watch([Task("mortal", mortal.work, 60000), Task("other", other, 10000)], lambda: mortal.starts == 3)
    assert len(starts) == 1


def test_cancelling_the_supervisor_ends_its_tasks():
    ends = []
    turns = []

    async def task(progress):
        try:
            while True:
                turns.append(1)
                await sleep_ms(5)
        finally:
            ends.append(1)

    Watch([Task("one", task, 10000), Task("two", task, 10000)], lambda: len(turns) > 5)
    assert len(ends) == 2


def test_a_task_that_five_restarts_did_not_help_has_the_board_reset_and_the_cause_is_named():
    mortal = Mortal(ValueError("a secret"))
    watch = Watch([Task("mortal", mortal.work, 60000), Task("busy", busy, 60000)])
    assert watch.reason.startswith("task mortal does not recover: ValueError at test_supervisor.py:")
    assert mortal.starts >= 6


def test_a_task_that_gets_stuck_again_and_again_has_the_board_reset():
    async def stuck(progress):
        await sleep_ms(3600000)

    watch = Watch([Task("stuck", stuck, 20)])
    assert watch.reason == "task stuck does not recover: it makes no progress"


def test_restarts_that_lie_far_apart_are_forgiven():
    starts = []

    async def long_lived(progress):
        starts.append(1)
        await sleep_ms(200)

    watch = Watch([Task("long", long_lived, 60000)], lambda: len(starts) == 8, healthy_ms=20)
    assert (watch.restarts, watch.reason) == (7, "")


def test_a_task_that_cannot_be_cancelled_has_the_board_reset():
    stubborn = Stubborn()
    watch = Watch([Task("stubborn", stubborn.work, 40)])
    assert watch.reason == "task stubborn cannot be cancelled"
    assert stubborn.starts == 1


def test_time_in_which_a_call_blocked_the_loop_is_not_held_against_the_tasks():
    blocks = []

    async def blocking(progress):
        while True:
            progress()
            blocks.append(1)
            time.sleep(0.3)
            await sleep_ms(1)

    turns = []

    async def patient(progress):
        turns.append(0)
        while True:
            progress()
            await sleep_ms(50)

    watch = Watch([Task("patient", patient, 200), Task("blocking", blocking, 60000)], lambda: len(blocks) == 5)
    assert watch.restarts == 0
    assert len(turns) == 1


def test_the_watchdog_is_fed_while_all_is_well_and_not_when_the_board_is_to_be_reset():
    fed = []
    kept, watchdog.feed = watchdog.feed, lambda: fed.append(1)
    try:
        mortal = Mortal()
        watch = Watch([Task("mortal", mortal.work, 60000)])
    finally:
        watchdog.feed = kept
    assert watch.reason
    assert len(fed) == mortal.starts - 1 == 5
