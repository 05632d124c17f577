"""supervisor.py: tasks that die or get stuck are restarted and counted, on MicroPython and on CPython."""

import asyncio

from plotpost import log
from plotpost.port import sleep_ms
from plotpost.supervisor import Supervisor, Task


def watch(tasks, until):
    """Run a supervisor over `tasks` until `until()`. Gives the log and the count."""
    lines = []
    log.write = lines.append

    async def main():
        boss = Supervisor(tasks, 20)
        running = asyncio.create_task(boss.run())
        while not until():
            await sleep_ms(5)
        running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            pass
        return boss.restarts

    return lines, asyncio.run(main())


def test_a_task_that_dies_is_restarted_counted_and_said():
    starts = []

    async def mortal(progress):
        starts.append(1)
        raise ValueError("a secret")

    lines, restarts = watch([Task("mortal", mortal, 60000)], lambda: len(starts) == 3)
    assert restarts >= 2
    assert any("task mortal ended" in line for line in lines)
    assert any("ValueError" in line for line in lines)
    assert not any("a secret" in line for line in lines)


def test_a_task_that_makes_no_progress_is_cancelled_and_started_again():
    starts = []
    ends = []

    async def stuck(progress):
        starts.append(1)
        try:
            await sleep_ms(3600000)
        finally:
            ends.append(1)

    lines, restarts = watch([Task("stuck", stuck, 50)], lambda: len(starts) == 2 and len(ends) == 1)
    assert restarts == 1
    assert any("task stuck is stuck" in line for line in lines)


def test_a_task_that_makes_progress_is_left_alone():
    turns = []

    async def busy(progress):
        while True:
            progress()
            turns.append(1)
            await sleep_ms(5)

    lines, restarts = watch([Task("busy", busy, 10000)], lambda: len(turns) == 30)
    assert (lines, restarts) == ([], 0)


def test_one_death_does_not_touch_the_others():
    starts = []
    turns = []

    async def mortal(progress):
        starts.append(1)
        raise OSError(5)

    async def busy(progress):
        turns.append(0)
        while True:
            progress()
            turns.append(1)
            await sleep_ms(5)

    watch([Task("mortal", mortal, 60000), Task("busy", busy, 10000)], lambda: len(starts) == 3)
    assert turns.count(0) == 1


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

    watch([Task("one", task, 10000), Task("two", task, 10000)], lambda: len(turns) > 5)
    assert len(ends) == 2
