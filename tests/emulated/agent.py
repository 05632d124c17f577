"""The whole agent on an emulated Pico W or ESP32: its firmware on the board's flash, main.py at boot, its log from the serial port.

with Agent(flash) as agent:
    agent.configure(config, secrets)
    agent.power_on()
    agent.await_log("wifi", "joined lab")
    closing = agent.account()
"""

import json
import os
import select
import shutil
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from host_tools.runtime import Runtime
from host_tools.runtime.bytecode import compile_firmware
from host_tools.simulate import Closing, LogLine
from tests.emulated.boards import BoardName, make
from tests.emulated.errors import BoardError
from tests.emulated.network import Network

MAIN = Path(__file__).parents[2] / "firmware" / "main.py"
LOOPBACK = "10.0.2.2"  # this machine, as the board sees it

_CHIP = "import sys; print(sys.implementation._mpy & 255, '%d.%d.%d' % sys.implementation[1][:3])"
_COPY_S = 240.0
_AWAIT_S = 180.0
_STOP_S = 120.0  # the agent flushes for at most 6 s of its own time; the rest is for a slow machine
_LOOK_S = 0.02
_READ_BYTES = 4096
_CTRL_C = b"\x03"
_PROMPT = ">>> "  # main.py has ended

Json = dict[str, Any]


def install(flash: Path, parts: Iterable[Path] = (), board: BoardName = "pico_w") -> None:
    """Puts the firmware, compiled for the chip, on the flash image in the file `flash`, which is made if need be.

    Each of `parts` takes the place of the driver of its name. main.py comes with `Agent.configure`. Raises Missing or BoardError.
    """
    with make(board, flash) as blank, tempfile.TemporaryDirectory(prefix="plotpost-firmware-") as temporary:
        folder = Path(temporary)
        bytecode, version = blank.run(_CHIP).split()
        compile_firmware(folder, Runtime([], 32, version, int(bytecode), board))
        for part in parts:
            place = folder / "plotpost" / "sensors"
            (place / f"{part.stem}.mpy").unlink()
            shutil.copy(part, place)
        blank.mpremote("fs", "cp", "-r", str(folder / "plotpost"), ":", timeout=_COPY_S)


class Agent:
    """A board with the firmware on `flash` (see `install`). Use it in a `with` block; the agent starts with `power_on()`.

    `on_line` is called for each line that the board prints, in a thread of its own. `closing` is the agent's account at its end.
    """

    def __init__(
        self,
        flash: Path,
        network: Network | None = None,
        on_line: Callable[[LogLine], None] = lambda line: None,
        board: BoardName = "pico_w",
    ) -> None:
        self.board = make(board, flash, network)
        self.log: list[LogLine] = []
        self.closing: Closing | None = None
        self.last_line = ""
        self._on_line = on_line
        self._ended = threading.Event()
        self._console: _Console | None = None

    def __enter__(self) -> Self:
        self.board.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._hang_up()
        self.board.stop()

    def configure(self, config: Json, secrets: Json, *others: Path) -> None:
        """Puts main.py, config.json, secrets.json and `others` on the board; an agent that runs there is interrupted."""
        self._hang_up()
        with tempfile.TemporaryDirectory(prefix="plotpost-board-") as temporary:
            files = [Path(temporary) / "config.json", Path(temporary) / "secrets.json"]
            for file, content in zip(files, (config, secrets), strict=True):
                file.write_text(json.dumps(content))
            self.board.mpremote("fs", "cp", *map(str, (*files, *others, MAIN)), ":")

    def read(self, name: str) -> str:
        """A text file on the board; an agent that runs there is interrupted."""
        self._hang_up()
        return self.board.mpremote("fs", "cat", f":{name}")

    def power_on(self) -> None:
        """Boots it. What it did before ends as by a power cut, if it did not end earlier."""
        self.cut_power()
        self.closing = None
        self._ended.clear()
        self._console = _Console(self.board.terminal, self._print)
        self.board.power_on()

    def cut_power(self) -> None:
        """The plug is pulled: at once, with no word to anyone. What is on flash stays."""
        self.board.power_cut()
        self._hang_up()

    def await_log(self, module: str, text: str, since: int = 0) -> int:
        """Waits for a line of this module that contains `text`, after line `since`; returns the place of the next line in `log`.

        Raises BoardError with all lines that came instead.
        """
        deadline = time.monotonic() + _AWAIT_S
        while time.monotonic() < deadline:
            for place, line in enumerate(self.log[since:], since + 1):
                if line.module == module and text in line.message:
                    return place
            time.sleep(_LOOK_S)
        raise BoardError(f"In {_AWAIT_S:.0f} s {module} did not say {text!r}, but:\n" + "\n".join(map(str, self.log[since:])))

    def interrupt(self) -> None:
        """Ctrl-C: the agent takes no more readings, sends and confirms the rest, logs its account and ends."""
        if self._console is not None:
            self._console.write(_CTRL_C)

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits for the agent's end: 0 if it gave its account, 1 if not; None if it still runs after `timeout` seconds."""
        if not self._ended.wait(timeout):
            return None
        return 1 if self.closing is None else 0

    def stop(self) -> int | None:
        """Interrupts the agent and waits for its end: see `wait`."""
        self.interrupt()
        return self.wait(_STOP_S)

    def account(self) -> Closing:
        """Ends the agent, and gives its own account. Raises BoardError when there is none."""
        self.stop()
        if self.closing is None:
            raise BoardError("The agent gave no account, but:\n" + "\n".join(map(str, self.log)))
        return self.closing

    def _print(self, text: str) -> None:
        if text.startswith(_PROMPT):
            self._ended.set()
            return
        line = LogLine.parse(text)
        self.closing = Closing.parse(line.message) or self.closing
        self.log.append(line)
        if line.uptime is not None:
            self.last_line = line.message
        self._on_line(line)

    def _hang_up(self) -> None:
        if self._console is not None:
            self._console.close()
            self._console = None


class _Console:
    """The board's serial port: `on_line` gets each line that comes, and the prompt, in a thread of its own."""

    def __init__(self, port: str, on_line: Callable[[str], None]) -> None:
        self._port = os.open(port, os.O_RDWR | os.O_NOCTTY)
        termios.tcflush(self._port, termios.TCIFLUSH)
        self._on_line = on_line
        self._closing, self._close = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def write(self, data: bytes) -> None:
        os.write(self._port, data)

    def close(self) -> None:
        os.close(self._close)
        self._reader.join()
        os.close(self._closing)
        os.close(self._port)

    def _read(self) -> None:
        rest = ""
        while True:
            ready, _, _ = select.select([self._port, self._closing], [], [])
            if self._closing in ready:
                return
            *lines, rest = (rest + os.read(self._port, _READ_BYTES).decode(errors="replace")).split("\r\n")
            for line in lines:
                self._on_line(line)
            if rest == _PROMPT:
                self._on_line(rest)
                rest = ""
