"""Runs the agent's tasks: one that dies or makes no progress is noticed, restarted and counted."""

import asyncio

from plotpost import log
from plotpost.port import const, sleep_ms, ticks_diff, ticks_ms

_LOOK_MS = const(1000)


class Task:
    """A named task: `work(progress)` is a coroutine function that calls `progress()` at least every `patience` milliseconds."""

    def __init__(self, name, work, patience):
        self.name = name
        self.work = work
        self.patience = patience
        self.seen = ticks_ms()
        self.running = None

    def progress(self):
        """The task is alive."""
        self.seen = ticks_ms()


class Supervisor:
    """Keeps `tasks` running, looking after them every `look_ms`. `restarts` counts how often one had to be started again."""

    def __init__(self, tasks, look_ms=_LOOK_MS):
        self._tasks = tasks
        self._look_ms = look_ms
        self.restarts = 0

    async def run(self):
        """Watch over the tasks until cancelled."""
        for task in self._tasks:
            self._start(task)
        try:
            while True:
                await sleep_ms(self._look_ms)
                for task in self._tasks:
                    self._look_after(task)
        finally:
            for task in self._tasks:
                task.running.cancel()

    def _start(self, task):
        task.progress()
        task.running = asyncio.create_task(self._keep(task))

    def _look_after(self, task):
        if ticks_diff(ticks_ms(), task.seen) > task.patience:
            log.error("supervisor", "task %s is stuck, restarting it" % task.name)
            task.running.cancel()
            self.restarts += 1
            self._start(task)

    async def _keep(self, task):
        while True:
            try:
                await task.work(task.progress)
            except Exception as error:
                log.exception("supervisor", error)
            self.restarts += 1
            log.error("supervisor", "task %s ended, restarting it" % task.name)
            await sleep_ms(self._look_ms)
            task.progress()
