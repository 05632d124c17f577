"""The plug is pulled while a program of this machine talks with an emulated board."""

import contextlib
import os
import signal
import termios
import threading
from collections.abc import Iterator
from types import FrameType

from tests.emulated.board import Board

_LOOK_S = 0.02
_NEVER = 1 << 30


class Unplugged(BaseException):
    """Raised where the program is: on a desk the serial port goes away at that moment, which a pty does not."""


@contextlib.contextmanager
def unplugged(board: Board, after: int) -> Iterator[None]:
    """Cuts the power in the middle of the operation of flash of this number from now, if there are so many.

    What the board said before, and nobody has read, is gone then.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_S):
            if not board.stats()["powered"]:
                os.kill(os.getpid(), signal.SIGALRM)
                return

    former = signal.signal(signal.SIGALRM, _pull)
    watcher = threading.Thread(target=watch)
    try:
        board.control(cut_after=after)
        watcher.start()
        with contextlib.suppress(Unplugged):
            yield
            ended.set()
            watcher.join()
    finally:
        ended.set()
        watcher.join()
        signal.signal(signal.SIGALRM, former)
        board.control(cut_after=_NEVER)
        _forget(board.terminal)


def _forget(terminal: str) -> None:
    port = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    termios.tcflush(port, termios.TCIOFLUSH)
    os.close(port)


def _pull(number: int, frame: FrameType | None) -> None:
    raise Unplugged
