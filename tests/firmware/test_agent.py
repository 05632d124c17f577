"""agent.py and ending.py: how a life of the agent ends, on MicroPython and on CPython. Its work: tests/test_agent.py."""

import asyncio

from plotpost import ending, log
from plotpost.agent import Agent


class Stub(Agent):
    """An agent whose parts do nothing; `ended` tells what was done with it in the end."""

    tunnel = None

    def __init__(self, error, failing=False):
        self.ended = []
        self._error = error
        self._fails = failing
        self.boot = self

    async def run(self):
        raise self._error

    async def finish(self, patience_s):
        self.ended.append(patience_s)
        if isinstance(self._fails, BaseException):
            raise self._fails

    def failing(self):
        return bool(self._fails)

    def save(self):
        self.ended.append("saved")

    def over(self):
        self.ended.append("over")

    def reset(self, reason):
        self.ended.append(reason)


def lives(stub):
    kept, ending._report = ending._report, lambda agent: agent.ended.append("reported")
    log.write = len
    try:
        assert stub.live(asyncio.run) is True
    finally:
        log.write = print
        ending._report = kept


def test_after_an_interrupt_what_is_left_is_sent_and_saved():
    stub = Stub(KeyboardInterrupt())
    lives(stub)
    assert stub.ended == [6, "saved", "reported", "saved", "over"]


def test_where_nobody_answers_the_repl_comes_sooner():
    stub = Stub(KeyboardInterrupt(), failing=True)
    lives(stub)
    assert stub.ended == [2, "saved", "reported", "saved", "over"]


def test_what_is_raised_while_the_rest_is_sent_leaves_the_repl():
    for error in (RuntimeError(), MemoryError(), OSError("Wifi Internal Error"), KeyboardInterrupt()):
        stub = Stub(KeyboardInterrupt(), failing=error)
        lives(stub)
        assert stub.ended == [2, "saved", "reported", "saved", "over"]


def test_what_the_agent_raises_resets_the_board_with_kind_and_place_and_no_text():
    stub = Stub(ValueError("a secret"))
    lives(stub)
    assert stub.ended[0].startswith("ValueError at test_agent.py:")


def test_without_room_for_the_code_of_its_end_everything_is_saved():
    stub = Stub(KeyboardInterrupt())
    kept, ending.end = ending.end, no_room
    try:
        stub.live(asyncio.run)
    except MemoryError:
        pass
    finally:
        ending.end = kept
    assert stub.ended == ["saved", "over"]


def no_room(agent, run):
    raise MemoryError
