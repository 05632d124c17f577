"""A command at a terminal, and somebody who reads there, answers its questions, and presses keys."""

import codecs
import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from types import TracebackType
from typing import Self

TIMEOUT_S = 180


class Terminal:
    """A command of plotpost at a terminal of its own, for a `with` block. `shown`: all that it has shown."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.shown = ""
        self._seen = 0  # of it, up to the end of what was waited for
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._terminal, other_end = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "host_tools.cli", *arguments],
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            env={**os.environ, "TERM": "dumb", **environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(other_end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def answer(self, question: str, answer: str) -> None:
        """Waits for the question, which ends with a colon and a space, and types."""
        self.wait_for(rf"{re.escape(question)}[^\n]*: $")
        self.press(answer.encode() + b"\n")

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def wait_for(self, pattern: str) -> None:
        """Waits until it shows that, after what was waited for before."""
        deadline = time.monotonic() + TIMEOUT_S
        while (found := re.compile(pattern).search(self.shown, self._seen)) is None:
            assert self._read(deadline), self.shown
        self._seen = found.end()

    def end(self) -> int:
        """Its exit status, when it has ended."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._read(deadline):
            pass
        return self._process.wait(TIMEOUT_S)

    def _read(self, deadline: float) -> bool:
        """More of what it shows; False when nobody is at the other end any more."""
        ready, _, _ = select.select([self._terminal], [], [], max(deadline - time.monotonic(), 0))
        assert ready, self.shown
        try:
            block = os.read(self._terminal, 4096)
        except OSError:  # Linux: the other end is closed
            return False
        self.shown += self._decode(block)
        return bool(block)


def _take_terminal() -> None:
    """Its session's terminal is standard input, so that Ctrl-C comes as a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
