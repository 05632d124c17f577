"""An emulated Pico or Pico W with a serial port, a flash image, and faults on command.

with Pico("pico_w") as board:
    print(board.run("import sys; print(sys.implementation)"))
    board.control(stall=True)
"""

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.emulated import node
from tests.emulated.errors import BoardError
from tests.emulated.firmware import firmware

Board = Literal["pico", "pico_w"]
Status = Mapping[str, int]

_AWAIT_S = 120.0
_CONTROL_S = 60.0
_STOP_S = 20.0
_POLL_S = 0.02


@dataclass(frozen=True)
class Wifi:
    """The access point. `hidden`: it does not tell its name; `key` None lets everyone in; `delay` is in ms each way, `loss` a share
    of all frames.
    """

    ssid: str = "lab"
    hidden: bool = False
    key: str | None = "emulated-key"
    rssi: int = -50
    join_ms: int = 50
    delay: float = 0
    loss: float = 0
    seed: int = 1


@dataclass(frozen=True)
class Network:
    """What surrounds a Pico W: 10.0.2.2 is this machine's loopback, `hosts` are the names that its DNS knows.

    `forward` lists (port of this machine, port of the board); `window` is how much the board may send unread, in bytes;
    `frame_us` is core time charged per frame for the bus of the real radio; `pcap` is a file to record frames into.
    """

    wifi: Wifi = field(default_factory=Wifi)
    hosts: Mapping[str, str] = field(default_factory=lambda: {"host.test": "10.0.2.2"})
    forward: Sequence[tuple[int, int]] = ()
    window: int = 32768
    frame_us: float = 0
    pcap: str | None = None


class Pico:
    """One board, powered from `start()` to `stop()`, or within `with`.

    `flash` is the file that holds its flash; None is a fresh one, forgotten at the end. `port` is for pyserial and mpremote.

    With `bootsel`, a folder that is the board's alone, BOOTSEL works: that folder is the drive, and `port` comes and goes as a real one.
    `bare` is a board as from the shop: nothing is put on its flash.
    """

    def __init__(
        self,
        board: Board = "pico",
        flash: Path | None = None,
        network: Network | None = None,
        *,
        bootsel: Path | None = None,
        bare: bool = False,
    ) -> None:
        assert bootsel or not bare, "a bare board shows nothing but its BOOTSEL drive"
        self.board = board
        self.port = ""
        self._bootsel = bootsel
        self._bare = bare
        self._network = (network or Network()) if board == "pico_w" else None
        self._flash = flash
        self._emulator: subprocess.Popen[str] | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Powers the board and waits for its serial port, or its BOOTSEL drive. Raises Missing or BoardError."""
        try:
            self._launch(None if self._bare else firmware(self.board), node.command())
            self._await("its serial port or its drive", lambda status: bool(status["usb"] or status["bootsel"]))
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
        """Busy cycles, emulated ms, frames and bytes, flash operations: counted since `start()`."""
        return self.control()

    def power_cut(self) -> None:
        """The plug is pulled: at once, with no word to anyone."""
        self.control(power="cut")

    def power_on(self) -> None:
        self.control(power="on")
        self.await_usb()

    def reset(self) -> None:
        """The RUN pin is pulled low."""
        self.control(power="reset")
        self.await_usb()

    def stand_still(self, seconds: float) -> None:
        """With the machine that it is emulated on; returns at once."""
        assert self._emulator is not None
        self._emulator.send_signal(signal.SIGSTOP)
        threading.Timer(seconds, self._emulator.send_signal, [signal.SIGCONT]).start()

    def hold_bootsel(self) -> None:
        """Plugged in anew with its button held: the folder `bootsel` is the drive."""
        self.control(power="bootsel")

    def await_usb(self, resets: int = 0) -> None:
        """Waits until the board's serial port is there, after at least so many resets since `start()`. Raises BoardError."""
        self._await("the serial port", lambda status: bool(status["usb"]) and status["resets"] >= resets)

    def await_status(self, **wanted: int) -> Status:
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
        folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="plotpost-pico-")))
        self._control = folder / "control"
        self._log = folder / "log"
        master = self._open_terminal()
        port = None
        if self._bootsel:
            port = {"device": self.port, "link": str(folder / "ttyACM0")}
            self.port = port["link"]
        settings = {
            "firmware": str(image) if image else None,
            "flash": str(self._flash or folder / "flash.bin"),
            "terminal": master,
            "port": port,
            "bootsel": str(self._bootsel) if self._bootsel else None,
            "control": str(self._control),
            "network": asdict(self._network) if self._network else None,
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
        self.port = os.ttyname(slave)
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
