"""The plug is pulled while a program of this machine talks with an emulated board."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from tests.emulated.pico import Pico

_LOOK_S = 0.02
_NEVER = 1 << 30


class Unplugged(BaseException):
    """Raised where the program is: on a desk the serial port goes away at that moment, which a pty does not."""


@contextlib.contextmanager
def unplugged(pico: Pico, after: int) -> Iterator[None]:
    """Cuts the power in the middle of the operation of flash of this number from now, if there are so many."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_S):
            if not pico.stats()["powered"]:
                os.kill(os.getpid(), signal.SIGALRM)
                return

    former = signal.signal(signal.SIGALRM, _pull)
    watcher = threading.Thread(target=watch)
    try:
        pico.control(cut_after=after)
        watcher.start()
        with contextlib.suppress(Unplugged):
            yield
            ended.set()
            watcher.join()
    finally:
        ended.set()
        watcher.join()
        signal.signal(signal.SIGALRM, former)
        pico.control(cut_after=_NEVER)


def _pull(number: int, frame: FrameType | None) -> None:
    raise Unplugged
