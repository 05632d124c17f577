"""A command at a terminal, and somebody who answers its questions."""

import os
import pty
import re
import select
import sys
import time

TIMEOUT_S = 90


class Terminal:
    """A command of plotpost at a terminal of its own. `shown`: all that it has shown."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.shown = ""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.environ.update({"TERM": "dumb", **environment}, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
            os.execv(sys.executable, [sys.executable, "-m", "host_tools.cli", *arguments])

    def answer(self, question: str, answer: str) -> None:
        """Waits for the question, which ends with a colon and a space, and types."""
        self.wait_for(rf"{re.escape(question)}[^\n]*: $")
        self.press(answer.encode() + b"\n")

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def wait_for(self, pattern: str) -> None:
        """Waits until something new is shown that fits."""
        self._await(pattern)

    def end(self) -> int:
        """Its exit status, when it has ended."""
        self._await(None)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _await(self, pattern: str | None) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        seen = len(self.shown)
        while pattern is None or not re.search(pattern, self.shown[seen:]):
            ready, _, _ = select.select([self._terminal], [], [], deadline - time.monotonic())
            assert ready, self.shown
            try:
                block = os.read(self._terminal, 4096)
            except OSError:  # Linux: the other end is closed
                block = b""
            if not block:
                assert pattern is None, self.shown
                return
            self.shown += block.decode()
