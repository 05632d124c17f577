"""interrupt.py: on MicroPython's unix port a signal ends the agent between two turns of its loop, and never within one."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tools.child_endpoint import ChildEndpoint
from host_tools.runtime import Runtime
from host_tools.simulate import LogLine, Simulation

_PART = Path(__file__).with_name("interrupted_part.py")


class Board(Simulation):
    """A board that signal `number` meets while its only part is read for the first time (0: none)."""

    def __init__(self, runtime: Runtime, url: str, number: int, on_line: Callable[[LogLine], None]) -> None:
        self._number = number
        sensor = {"driver": "load", "every": "10ms", "channels": {"load1": {"stream": "s1"}}}
        config = {"version": 1, "board": "linux", "name": "test", "endpoint": url, "sensors": [sensor]}
        super().__init__(runtime, config, {"version": 1, "tokens": {"s1": "abcdefghij"}}, on_line=on_line)

    def _start(self, argv: list[str]) -> Any:
        shutil.copy(_PART, self.flash / "plotpost" / "sensors" / "load.py")
        (self.flash / "signal").write_text(str(int(self._number)))
        return super()._start(argv)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_what_it_meets_is_done(runtime: Runtime, endpoint: ChildEndpoint, number: signal.Signals) -> None:
    log: list[LogLine] = []
    with Board(runtime, endpoint.url, number, log.append) as board:
        assert board.wait() == 0, log
        assert (board.flash / "whole").exists()
        assert board.closing is not None
        assert board.closing.taken > 0
    assert "interrupted: sending what is left" in [line.message for line in log]


def test_a_second_signal_ends_the_wait_for_an_endpoint_that_is_not_there(runtime: Runtime, free_port: int) -> None:
    log: list[LogLine] = []

    def interrupt_again(line: LogLine) -> None:
        log.append(line)
        if line.message == "interrupted: sending what is left":
            board.interrupt()

    with Board(runtime, f"http://127.0.0.1:{free_port}", signal.SIGINT, interrupt_again) as board:
        assert board.wait() == 0, log
    assert "interrupted again: not waiting" in [line.message for line in log]


def test_a_board_that_still_boots_is_interrupted_when_its_agent_runs(runtime: Runtime, endpoint: ChildEndpoint) -> None:
    log: list[LogLine] = []
    with Board(runtime, endpoint.url, 0, log.append) as board:
        assert board.stop() == 0, log
        assert board.closing is not None
    assert [line for line in log if line.uptime is None] == []
