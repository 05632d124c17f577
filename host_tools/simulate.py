"""Runs the unmodified firmware on this machine's MicroPython, as a board would."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from host_tools import boards, leash, pins, resources
from host_tools.runtime import BOARD_HEAP_KIB, Runtime

_LINE = re.compile(r"(\d+\.\d{3}) ([DIWE]) (\S+) (.*)")
_CLOSING = re.compile(
    r"stopped taken=(\d+) settled=(\d+) dropped=(\d+) skipped=(\d+) reconnects=(\d+) heap_used=(\d+) heap=(\d+)"
)
_CHIP_ONLY = ("wifi", "led")  # this machine has a network of its own, and no LED
_STOP_S = 30  # the agent flushes for at most 10 s; the rest is for a slow machine

Json = dict[str, Any]


@dataclass(frozen=True)
class LogLine:
    """A line of the agent's log. `uptime` is in seconds and None for output that is no log line, such as a traceback."""

    uptime: float | None
    level: str
    module: str
    message: str

    @classmethod
    def parse(cls, text: str) -> "LogLine":
        if match := _LINE.fullmatch(text):
            return cls(float(match[1]), match[2], match[3], match[4])
        return cls(None, "E", "micropython", text)


@dataclass(frozen=True)
class Closing:
    """The agent's own account at its end. Readings, and the heap in bytes."""

    taken: int
    settled: int
    dropped: int
    skipped: int
    reconnects: int
    heap_used: int
    heap: int

    @classmethod
    def parse(cls, message: str) -> "Closing | None":
        match = _CLOSING.fullmatch(message)
        return cls(*map(int, match.groups())) if match else None


class Simulation:
    """One board. Use it in a `with` block: at its end the process and the board's files are gone.

    `on_line` is called in a thread of its own, for each line that the board logs.
    """

    def __init__(
        self,
        runtime: Runtime,
        config: Json,
        secrets: Json,
        *,
        heap_kib: int = BOARD_HEAP_KIB,
        on_line: Callable[[LogLine], None] = lambda line: None,
    ) -> None:
        self._on_line = on_line
        self.closing: Closing | None = None
        self.last_line = ""
        self._flash = tempfile.TemporaryDirectory(prefix="plotpost-board-")
        try:
            self.flash = Path(self._flash.name)
            resources.copy_firmware(self.flash)
            if any(option in entry for entry in config["sensors"] for option in pins.PIN_OPTIONS):
                config = pins.numbered(config, boards.load(config["board"]))
                resources.copy_hardware(self.flash)
            _write_private(self.flash / "config.json", {k: v for k, v in config.items() if k not in _CHIP_ONLY})
            _write_private(self.flash / "secrets.json", secrets)
            self._process = self._start(runtime.command("main.py", board_kib=heap_kib))
        except BaseException:
            self._flash.cleanup()
            raise
        assert self._process.stdout is not None
        self._output = self._process.stdout
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _start(self, argv: list[str]) -> subprocess.Popen[str]:
        """In a session of its own: a terminal's Ctrl-C reaches the board only through `interrupt`."""
        with _interrupts_held():
            return subprocess.Popen(
                leash.command(*argv),
                cwd=self.flash,
                env={**os.environ, "MICROPYPATH": ".frozen"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )

    def _read(self) -> None:
        for text in self._output:
            line = LogLine.parse(text.rstrip("\n"))
            self.closing = Closing.parse(line.message) or self.closing
            self.last_line = line.message
            self._on_line(line)

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> "Simulation":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self.wait()
        self._output.close()
        self._flash.cleanup()

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits for the board's end: its exit status, or None if it still runs after `timeout` seconds."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join()
        return status

    def interrupt(self) -> None:
        """Ctrl-C on the board: it takes no more readings, sends and confirms the rest, logs its account and ends."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def stop(self) -> int | None:
        """Interrupts the board and waits: its exit status, or None if it did not end within 30 s."""
        self.interrupt()
        return self.wait(_STOP_S)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """A board that starts in here is interrupted when its agent looks (interrupt.py of the firmware), and not while it still boots."""
    if sys.platform != "linux":  # elsewhere the firmware does not ask for signals
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _write_private(path: Path, content: Json) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
