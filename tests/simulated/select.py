"""Where asyncio sleeps: a wait for sockets during which simulated time passes; see time.py beside it.

The sockets are real, and so is whoever answers on them, but a pause takes no time. Only a row of short pauses, which the agent makes
while it looks for the endpoint's answer, takes as long as it says: so an endpoint that is held up is not given up too early.
"""

import time

import uselect
from micropython import const
from uselect import *

_SHORT_MS = const(20)  # plotpost looks at least this often whether an answer has come
_ROW = const(4)  # no other tasks make so many short pauses one after another


class poll:
    """`select.poll`, with simulated pauses."""

    def __init__(self):
        self._poll = uselect.poll()
        self._short = 0
        self.register = self._poll.register
        self.unregister = self._poll.unregister
        self.modify = self._poll.modify

    def poll(self, timeout=-1):
        if timeout < 0:
            return self._poll.poll()
        ready = self._poll.poll(0)
        if not ready and timeout:
            ready = self._wait(timeout)
        return ready

    def ipoll(self, timeout=-1, flags=0):
        return iter(self.poll(timeout))

    def _wait(self, timeout):
        self._short = self._short + 1 if timeout <= _SHORT_MS else 0
        is_real = self._short > _ROW
        ready = self._poll.poll(timeout if is_real else 0)
        if not (ready or is_real):
            time.skip(timeout)
        return ready
