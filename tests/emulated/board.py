"""What every emulated board has: power, a serial port, a flash image, and faults on command."""

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.emulated import node
from tests.emulated.errors import BoardError
from tests.emulated.network import Network

Status = Mapping[str, Any]

_AWAIT_S = 120.0
_CONTROL_S = 60.0
_STOP_S = 20.0
_POLL_S = 0.02


class Board(ABC):
    """One board, powered from `start()` to `stop()`, or within `with`.

    `name`: as in boards/. `flash` is the file that holds its flash; None is a fresh one, forgotten at the end.

    `port` is for pyserial and mpremote; where it `comes_and_goes`, it is there only while the board's USB is, like /dev/ttyACM0.
    `terminal` is the same serial port, always there.
    """

    def __init__(self, name: str, flash: Path | None, network: Network | None, *, comes_and_goes: bool) -> None:
        self.name = name
        self.port = ""
        self.terminal = ""
        self._flash = flash
        self._network = network
        self._comes_and_goes = comes_and_goes
        self._emulator: subprocess.Popen[str] | None = None
        self._cleanup = contextlib.ExitStack()

    @abstractmethod
    def _firmware(self) -> Path | None:
        """What it runs. Raises Missing."""

    @abstractmethod
    def _settings(self, folder: Path) -> dict[str, Any]:
        """What chip/main.js is told of this kind of board; `folder` is for its files."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Powers the board and waits for its serial port, or its BOOTSEL drive. Raises Missing or BoardError."""
        try:
            self._launch(self._firmware(), node.command())
            self._await("its serial port or its drive", lambda status: bool(status["usb"] or status.get("bootsel")))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Takes the board away; its flash image stays."""
        self._cleanup.close()

    def control(self, **commands: object) -> Status:
        """Faults and settings, in order; see README.md for their names. Returns the board's status. Raises BoardError."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(_CONTROL_S)
            channel.connect(str(self._control))
            channel.sendall(json.dumps(commands).encode() + b"\n")
            with channel.makefile() as answers:
                answer = json.loads(answers.readline())
        if "error" in answer:
            raise BoardError(answer["error"])
        return dict(answer)

    def stats(self) -> Status:
        """Its state, and what was counted since `start()`: see README.md."""
        return self.control()

    def power_cut(self) -> None:
        """The plug is pulled: at once, with no word to anyone."""
        self.control(power="cut")

    def power_on(self) -> None:
        self.control(power="on")
        self.await_usb()

    def reset(self) -> None:
        """The pin that resets it, RUN or EN, is pulled low."""
        self.control(power="reset")
        self.await_usb()

    def stand_still(self, seconds: float) -> None:
        """With the machine that it is emulated on; returns at once."""
        assert self._emulator is not None
        group = self._emulator.pid  # an ESP32's chip is a process of its own
        os.killpg(group, signal.SIGSTOP)
        threading.Timer(seconds, os.killpg, [group, signal.SIGCONT]).start()

    def await_usb(self, resets: int = 0) -> None:
        """Waits until the board's serial port is there, after at least so many resets since `start()`. Raises BoardError."""
        self._await("the serial port", lambda status: bool(status["usb"]) and status["resets"] >= resets)

    def await_status(self, **wanted: int | str) -> Status:
        """Waits until the board's status has these values. Raises BoardError."""
        return self._await(str(wanted), lambda status: all(status[name] == value for name, value in wanted.items()))

    def mpremote(self, *arguments: str, timeout: float = _AWAIT_S) -> str:
        """What `mpremote connect PORT ARGUMENTS...` writes. Raises BoardError with its message, or when it takes too long."""
        command = [sys.executable, "-m", "mpremote", "connect", self.port, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as late:
            raise BoardError(f"mpremote {arguments[0]} took more than {timeout:.0f} s; so far: {late.stdout!r}") from late
        if done.returncode:
            raise BoardError(done.stdout + done.stderr)
        return done.stdout

    def run(self, code: str, timeout: float = _AWAIT_S, fresh: bool = True) -> str:
        """What a program prints. `fresh` soft-resets the interpreter first (main.py does not run then). Raises BoardError."""
        return self.mpremote(*([] if fresh else ["resume"]), "exec", code, timeout=timeout)

    def _launch(self, image: Path | None, emulator: list[str]) -> None:
        folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="plotpost-emulated-")))
        self._control = folder / "control"
        self._log = folder / "log"
        master = self._open_terminal()
        self.port = str(folder / "ttyACM0") if self._comes_and_goes else self.terminal
        settings = {
            "firmware": str(image) if image else None,
            "flash": str(self._flash or folder / "flash.bin"),
            "terminal": master,
            "port": {"device": self.terminal, "link": self.port} if self._comes_and_goes else None,
            "control": str(self._control),
            "network": asdict(self._network) if self._network else None,
            **self._settings(folder),
        }
        with self._log.open("w") as log:
            process = subprocess.Popen(
                emulator,
                stdin=subprocess.PIPE,
                stderr=log,
                pass_fds=[master],
                text=True,
                start_new_session=True,  # a terminal's Ctrl-C must not end the board before the agent on it has sent the rest
            )
        self._emulator = process
        self._cleanup.callback(self._end, process)
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()

    def _open_terminal(self) -> int:
        master, slave = pty.openpty()
        self._cleanup.callback(os.close, master)
        self._cleanup.callback(os.close, slave)  # held open, so that the port does not hang up between two users
        tty.setraw(slave)
        os.set_blocking(master, False)
        self.terminal = os.ttyname(slave)
        return master

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        """The emulator ends when its standard input does."""
        with process:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def _await(self, what: str, has_come: Callable[[Status], bool]) -> Status:
        deadline = time.monotonic() + _AWAIT_S
        while time.monotonic() < deadline:
            if self._emulator is None or self._emulator.poll() is not None:
                raise BoardError(f"The emulator ended: {self._log.read_text().strip()}")
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                status = self.stats()
                if has_come(status):
                    return status
            time.sleep(_POLL_S)
        raise BoardError(f"In {_AWAIT_S:.0f} s the board did not come to {what}")
