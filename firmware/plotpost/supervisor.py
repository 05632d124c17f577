"""Runs the agent's tasks: one that dies or makes no progress is noticed, restarted and counted; a board beyond that is reset.

It alone feeds the watchdog, so that a loop that hangs, or a supervisor that does not come to its turn, ends in a reset too.
"""

import asyncio

from plotpost import crash, log, watchdog
from plotpost.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms

_LOOK_MS = const(1000)
_CANCEL_MS = const(5000)  # a cancelled task must have ended by then
_HEALTHY_MS = const(600000)  # who has lived so long has recovered
_RESTARTS_MAX = const(5)  # in a row, none of which led to a healthy life


class Task:
    """A named task: `work(progress)` is a coroutine function that calls `progress()` at least every `patience` milliseconds."""

    def __init__(self, name, work, patience):
        self.name = name
        self.work = work
        self.patience = patience
        self.running = None
        self.started = self.seen = ticks_ms()
        self.cancelled = False
        self.cancelled_at = self.seen
        self.restarts = 0  # in a row
        self.failure = "it makes no progress"

    def progress(self):
        """The task is alive."""
        self.seen = ticks_ms()

    def start(self):
        """Begin the work. Nothing of an earlier start runs any more."""
        self.cancelled = False
        self.started = self.seen = ticks_ms()
        self.running = asyncio.create_task(self._run())

    def cancel(self):
        """Ask it to end."""
        self.cancelled = True
        self.cancelled_at = ticks_ms()
        self.running.cancel()

    async def _run(self):
        try:
            await self.work(self.progress)
        except Exception as error:
            log.exception("supervisor", error)
            self.failure = crash.describe(error)


class Supervisor:
    """Keeps `tasks` running. `restarts` counts how often one had to be started again.

    `reset(reason)` is called when that does not help: a task was started again five times and never lived for ten minutes, or cannot
    be cancelled. It saves what is in RAM, resets the board and does not return.
    """

    def __init__(self, tasks, reset):
        self._tasks = tasks
        self._reset = reset
        self.restarts = 0
        self.look_ms = _LOOK_MS
        self.cancel_ms = _CANCEL_MS
        self.healthy_ms = _HEALTHY_MS

    async def run(self):
        """Watch over the tasks until cancelled."""
        for task in self._tasks:
            task.start()
        try:
            while True:
                await self._pause()
                for task in self._tasks:
                    self._look_after(task, ticks_ms())
                watchdog.feed()
        finally:
            for task in self._tasks:
                task.running.cancel()

    async def _pause(self):
        """When a call blocks the loop, nobody comes to his turn: that time does not count."""
        began = ticks_ms()
        await sleep_ms(self.look_ms)
        blocked = ticks_diff(ticks_ms(), began) - self.look_ms
        if blocked > self.look_ms:
            for task in self._tasks:
                task.seen = ticks_add(task.seen, blocked)

    def _look_after(self, task, now):
        if task.running.done():
            self._restart(task)
        elif task.cancelled:
            if ticks_diff(now, task.cancelled_at) > self.cancel_ms:
                self._reset("task %s cannot be cancelled" % task.name)
        elif ticks_diff(now, task.seen) > task.patience:
            log.error("supervisor", "task {} is stuck, restarting it", task.name)
            task.cancel()
        elif task.restarts and ticks_diff(now, task.started) > self.healthy_ms:
            task.restarts = 0

    def _restart(self, task):
        if not task.cancelled:
            log.error("supervisor", "task {} ended, restarting it", task.name)
        self.restarts += 1
        task.restarts += 1
        if task.restarts > _RESTARTS_MAX:
            self._reset("task %s does not recover: %s" % (task.name, task.failure))
        task.start()
