"""The other end of a serial port: a pseudo-terminal that says and answers what a board would."""

import contextlib
import os
import pty
import select
import threading
import tty
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

import serial

_POLL_S = 0.02


class PtyBoard:
    """`answers`: what comes back for what is received, byte for byte. `says`: what it says by itself, again and again.

    `leaves_at`: the byte at which it is unplugged. `received`: all that was written to it.
    """

    def __init__(self, answers: Mapping[bytes, bytes] | None = None, says: bytes = b"", leaves_at: bytes = b"") -> None:
        self._answers = answers or {}
        self._says = says
        self._leaves_at = leaves_at
        self.received = b""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        os.close(self._slave)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Another program has it open, alone."""
        with serial.Serial(self.port, exclusive=True):
            yield

    def _run(self) -> None:
        with open(self._master, "rb", buffering=0) as master:
            while not self._ended.is_set():
                readable, _, _ = select.select([master], [], [], _POLL_S)
                if readable:
                    self._take(master.read(256))
                elif self._says:
                    self.say(self._says)

    def say(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody reads: a board drops it too
            os.write(self._master, data)

    def _take(self, data: bytes) -> None:
        self.received += data
        for byte in data:
            self.say(self._answers.get(bytes([byte]), b""))
        if self._leaves_at and self._leaves_at in data:
            self._ended.set()
