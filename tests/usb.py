"""A board at the end of a USB cable that a test can pull, and the bridge at the other, each a process of its own.

with Board(runtime, config, secrets, folder) as board, Bridge(board.cable.port, folder) as bridge:
    bridge.await_line("agent", "readings fit the ring")
    board.cable.pull()
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from host_tools import leash, resources
from host_tools.runtime import BOARD_HEAP_KIB, Runtime
from host_tools.simulate import Closing, LogLine

AWAIT_S = 90
COUNTING_PART = Path(__file__).parent / "emulated" / "parts" / "load.py"

_USB_BOARD = Path(__file__).parent / "simulated" / "usb_board.py"
_UNREAD_BYTES = 64 << 10  # what waits for a reader; more is dropped, as MicroPython does
_READ_BYTES = 4096
_LOOK_S = 0.02
_VDISABLE = b"\0"

Json = dict[str, Any]


def await_that(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + AWAIT_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(_LOOK_S)


class Cable:
    """Leads from `board`, the master side of a pseudo terminal or an open serial port, to `port`: a name that a bridge can open.

    It is plugged in at first. `to_host` and `to_board` change what passes that way: tests put functions there.
    """

    def __init__(self, board: int, port: Path) -> None:
        self.port = port
        self.to_host: Callable[[bytes], bytes] = lambda data: data
        self.to_board: Callable[[bytes], bytes] = lambda data: data
        self._board = board
        self._ends: tuple[int, int] | None = None  # master and slave at the host's side
        self._waiting = b""
        self._lock = threading.Lock()
        self._ending = threading.Event()
        os.set_blocking(board, False)
        self.plug()
        self._carrier = threading.Thread(target=self._carry, daemon=True)
        self._carrier.start()

    def plug(self) -> None:
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        with self._lock:
            self._ends = (master, slave)
            self._waiting = b""
        self.port.symlink_to(os.ttyname(slave))

    def pull(self) -> None:
        self.port.unlink()
        with self._lock:
            assert self._ends is not None
            for end in self._ends:
                os.close(end)
            self._ends = None

    def close(self) -> None:
        self._ending.set()
        self._carrier.join()
        if self._ends is not None:
            self.pull()

    def _carry(self) -> None:
        while not self._ending.is_set():
            with self._lock:
                ends = self._ends
                readable, _, _ = select.select([self._board, *(ends[:1] if ends else [])], [], [], 0)
                if self._board in readable:
                    self._waiting += self.to_host(_read(self._board))
                self._waiting = self._waiting[:_UNREAD_BYTES] if ends else b""
                if ends and self._waiting:
                    self._waiting = self._waiting[_write(ends[0], self._waiting) :]
                if ends and ends[0] in readable:
                    _write(self._board, self.to_board(_read(ends[0])))
            if not readable:
                time.sleep(0.001)


def _read(end: int) -> bytes:
    with contextlib.suppress(OSError):  # nobody has it open
        return os.read(end, _READ_BYTES)
    return b""


def _write(end: int, data: bytes) -> int:
    with contextlib.suppress(OSError):
        return os.write(end, data)
    return 0


class Board:
    """The unmodified firmware with the part that counts, on this machine's MicroPython; its port is a terminal that obeys Ctrl-C."""

    def __init__(self, runtime: Runtime, config: Json, secrets: Json, folder: Path) -> None:
        self.flash = folder / "board"
        self.cable: Cable
        self._argv = runtime.command("usb_board.py", board_kib=BOARD_HEAP_KIB)
        self._port = folder / "ttyACM0"
        self._process: subprocess.Popen[bytes] | None = None
        self._master = -1
        self.flash.mkdir()
        resources.copy_firmware(self.flash)
        shutil.copy(_USB_BOARD, self.flash)
        shutil.copy(COUNTING_PART, self.flash / "plotpost" / "sensors" / "load.py")
        (self.flash / "config.json").write_text(json.dumps(config))
        (self.flash / "secrets.json").write_text(json.dumps(secrets))
        (self.flash / "ca.der").write_bytes(b"\x30")  # only its first byte is looked at

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cut_power()

    def power_on(self) -> None:
        self._master, slave = pty.openpty()
        _obey_interrupt_alone(slave)
        self._process = subprocess.Popen(
            leash.command(*self._argv),
            cwd=self.flash,
            env={**os.environ, "MICROPYPATH": ".frozen"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.cable = Cable(self._master, self._port)

    def cut_power(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.cable.close()
            os.close(self._master)

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.write(self._master, b"\x03")

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(AWAIT_S)


def _obey_interrupt_alone(terminal: int) -> None:
    """Raw, but that the byte 3 interrupts the program, as on a board."""
    tty.setraw(terminal)
    settings = termios.tcgetattr(terminal)
    settings[3] |= termios.ISIG
    settings[6][termios.VINTR] = b"\x03"
    settings[6][termios.VQUIT] = settings[6][termios.VSUSP] = _VDISABLE
    termios.tcsetattr(terminal, termios.TCSANOW, settings)


def _take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Bridge:
    """`plotpost bridge --json` at `port`: what it prints is in `log` (the board's lines), `notes` (its own) and `counts` (at its end)."""

    def __init__(self, port: Path, *options: str) -> None:
        self.port = port
        self.options = options
        self.log: list[LogLine] = []
        self.notes: list[str] = []
        self.counts: dict[str, int] = {}
        self.closing: Closing | None = None
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        process = subprocess.Popen(
            leash.command(sys.executable, "-m", "host_tools.cli", "bridge", "--port", str(self.port), "--json", *self.options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._process = process
        self._readers = [
            threading.Thread(target=read, args=[process], daemon=True) for read in (self._read_log, self._read_notes)
        ]
        for reader in self._readers:
            reader.start()

    def kill(self) -> None:
        """SIGKILL: it says goodbye to nobody."""
        self.end(signal.SIGKILL)

    def stop(self) -> int:
        """Ctrl-C; its exit status."""
        return self.end(signal.SIGINT)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def end(self, how: signal.Signals) -> int:
        """Its exit status after this signal."""
        if (process := self._process) is None:
            return 0
        process.send_signal(how)
        status = process.wait(AWAIT_S)
        for reader in self._readers:
            reader.join()
        for output in (process.stdout, process.stderr):
            if output is not None:
                output.close()
        self._process = None
        return status

    def await_line(self, module: str, text: str, since: int = 0) -> int:
        """Waits for a line of the board's log, after line `since`; returns the place of the next."""
        place = 0

        def has_come() -> bool:
            nonlocal place
            place = next(
                (n for n, line in enumerate(self.log) if n >= since and line.module == module and text in line.message), -1
            )
            return place >= 0

        await_that(has_come, lambda: (self.log[since:], self.notes))
        return place + 1

    def await_note(self, text: str) -> None:
        await_that(lambda: any(text in note for note in self.notes), lambda: (self.notes, self.log))

    def _read_log(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for text in process.stdout:
            value = json.loads(text)
            if "sessions" in value:
                self.counts = value
                continue
            line = LogLine(**value)
            self.closing = Closing.parse(line.message) or self.closing
            self.log.append(line)

    def _read_notes(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        self.notes.extend(text.rstrip("\n") for text in process.stderr)
