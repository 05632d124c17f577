"""An attached board that runs MicroPython, held in service: what runs on it is interrupted, and its raw REPL obeys.

with Device.open("/dev/ttyACM0") as device:
    print(device.facts.machine)
    device.write("/config.json", content)
    device.resume()

mpremote speaks the protocol; here stand the agent's manners (Ctrl-C twice: it sends what is left, or is told not to) and the errors that
a person can do something about.
"""

import ast
import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import serial
from mpremote.console import Console
from mpremote.repl import do_repl_main_loop
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial.tools.list_ports import comports

from host_tools import boards
from host_tools.boards import Board
from host_tools.holders import holder

try:
    import grp
except ImportError:  # Windows
    grp = None  # type: ignore[assignment]

Progress = Callable[[int, int], None]  # done, of all

_READ_S = 1.0  # of a port at which perhaps nobody is
_PAUSE_S = 10.0  # of a board in the middle of its answer: it collects or erases, or this machine has much else to do
_ENTER_S = 3.0
_TRIES = 6  # an agent may be in a call that blocks for seconds: a name look-up, a TLS handshake
_CTRL_C = b"\x03"
_CTRL_D = b"\x04"
_PROMPT = b">>> "
_FLUSH_S = 3.0  # an agent with a good connection sends what is left in less
_POLL_S = 0.05
_FACTS = """\
import sys, os, machine, gc
print((tuple(sys.implementation[1])[:3], sys.platform, getattr(sys.implementation, '_mpy', 0), getattr(sys.implementation, '_build', ''), \
getattr(sys.implementation, '_machine', ''), bytes(machine.unique_id()).hex(), (gc.mem_alloc() + gc.mem_free()) // 1024))
"""


class DeviceError(RuntimeError):
    """It cannot be done with this board. The text says why, and what to do."""


class PortError(DeviceError):
    """The serial port cannot be opened: see `trouble`."""


class NoAnswer(DeviceError):
    """The port opens, but no MicroPython answers at it."""


class Lost(DeviceError):
    """The board went away in the middle: reset, or unplugged."""


class Raised(DeviceError):
    """What ran on the board raised an exception; the text is its last line. `trace` is all of it."""

    def __init__(self, trace: str) -> None:
        lines = trace.strip().splitlines()
        super().__init__(f"the board answered: {lines[-1] if lines else 'nothing'}")
        self.trace = trace


@dataclass(frozen=True)
class Facts:
    """What a board says of itself: version (1, 28, 0), platform "rp2", `sys.implementation._mpy`, build "RPI_PICO_W", id in hex.

    `heap_kib`: MicroPython's memory, used and free; on an ESP32 with what the IDF could still give.
    """

    version: tuple[int, int, int]
    platform: str
    mpy: int
    build: str
    machine: str
    unique_id: str
    heap_kib: int

    @property
    def release(self) -> str:
        return ".".join(map(str, self.version))


def recognised(facts: Facts, otherwise: Board | None = None) -> Board:
    """The board that says this of itself, or `otherwise`. Raises DeviceError."""
    if (found := boards.recognise(facts.build, facts.machine) or otherwise) is None:
        raise DeviceError(f"plotpost does not know {facts.machine or 'this board'}: name one like it with --board")
    return found


def trouble(port: str) -> str | None:
    """Why this port cannot be opened, and the remedy; None when nothing stands in the way."""
    absent = f"there is no port {port}: plug the board in with a cable that carries data, then look at `plotpost ports`"
    if os.name != "posix":  # Windows: a port is no file
        return None if any(info.device == port for info in comports()) else absent
    try:
        mode = os.stat(port)
    except FileNotFoundError:
        return absent
    except OSError as error:
        return f"{port}: {error.strerror}"
    if not stat.S_ISCHR(mode.st_mode):
        return _no_port(port)
    if os.access(port, os.R_OK | os.W_OK):
        return None
    group = _group(mode.st_gid)
    if group is None:
        return f"no permission to use {port}: a udev rule must give it to a group of yours (docs/boards.md)"
    return (
        f"no permission to use {port}: it belongs to the group {group}; run `sudo usermod -aG {group} $USER`, then log in again"
    )


def connect(port: str) -> SerialTransport:
    """The open port, alone; what runs there is left in peace. Raises PortError."""
    if why := trouble(port):
        raise PortError(why)
    try:
        return SerialTransport(port, timeout=_READ_S)
    except TransportError:
        raise PortError(refusal(port)) from None


def refusal(port: str) -> str:
    """Why a port that may be opened cannot be, and the remedy."""
    if not _is_terminal(port):
        return _no_port(port)
    if told := holder(port):
        return f"{port} is in use by {told}: end that first"
    return f"{port} is in use by another program: end the serial monitor, Thonny, or ModemManager that holds it"


def await_port(port: str, seconds: float) -> None:
    """Waits until the port is there, as after a reset. Raises PortError."""
    deadline = time.monotonic() + seconds
    while (why := trouble(port)) is not None:
        if time.monotonic() > deadline:
            raise PortError(why)
        time.sleep(_POLL_S)


class Device:
    """Made by `open`. Paths on the board are absolute. Every method raises DeviceError; those on files also OSError, as on any machine."""

    def __init__(self, port: str, transport: SerialTransport) -> None:
        self.port = port
        self._transport = transport

    @classmethod
    def open(cls, port: str) -> Self:
        """Interrupts what runs there, and takes over. Raises PortError or NoAnswer."""
        device = cls(port, connect(port))
        try:
            device._enter()
        except BaseException:
            device._close()
            raise
        return device

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the board at its REPL; nothing runs there until it is reset."""
        if self._transport.serial.is_open:
            with contextlib.suppress(OSError):
                self._transport.exit_raw_repl()
        self._close()

    @cached_property
    def facts(self) -> Facts:
        return Facts(*ast.literal_eval(self.run(_FACTS)))

    def run(self, code: str, timeout_s: float = 10.0, on_output: Callable[[bytes], None] = lambda data: None) -> str:
        """What a program prints; `timeout_s` is for each pause in its output, and `on_output` gets it as it comes.

        Raises Raised with the program's exception.
        """
        printed = bytearray()

        def hear(data: bytes) -> None:
            printed.extend(data)
            on_output(data)

        with self._guarded(), _quiet():
            _, error = self._transport.exec_raw(code, timeout=timeout_s, data_consumer=hear)
        if error:
            raise Raised(error.decode(errors="replace"))
        return printed.removesuffix(_CTRL_D).decode(errors="replace").replace("\r\n", "\n")

    def value(self, expression: str) -> Any:
        """A literal's value: numbers, text, bytes, tuples, lists, dictionaries."""
        return ast.literal_eval(self.run(f"print(repr({expression}))").strip())

    def read(self, path: str) -> bytes:
        """Raises FileNotFoundError."""
        with self._guarded():
            return bytes(self._transport.fs_readfile(path))

    def write(self, path: str, content: bytes, progress: Progress | None = None) -> None:
        """In place: a cut cable leaves a part of it. Write beside, and `rename`, what must be whole."""
        with self._guarded():
            self._transport.fs_writefile(path, content, progress_callback=progress)

    def rename(self, path: str, to: str) -> None:
        """In one step, over a file that may be there already."""
        self.run(f"import os\nos.rename({path!r}, {to!r})")

    def remove(self, path: str) -> None:
        """Raises FileNotFoundError."""
        with self._guarded():
            self._transport.fs_rmfile(path)

    def exists(self, path: str) -> bool:
        with self._guarded():
            return bool(self._transport.fs_exists(path))

    def make_folder(self, path: str) -> None:
        """With those above it; one that is there already stays."""
        for folder in [*reversed(PurePosixPath(path).parents), PurePosixPath(path)][1:]:
            with self._guarded(), contextlib.suppress(FileExistsError):
                self._transport.fs_mkdir(str(folder))

    def files(self, folder: str = "/") -> dict[str, int]:
        """The files in a folder and below it, with their sizes; none where there is no such folder."""
        with self._guarded():
            if not self._transport.fs_isdir(folder):
                return {}
            return dict(self._walk(PurePosixPath(folder)))

    def digest(self, path: str) -> str:
        """SHA-256 in hex, taken on the board. Raises FileNotFoundError."""
        with self._guarded():
            return str(self._transport.fs_hashfile(path, "sha256").hex())

    def converse(self) -> None:
        """mpremote's REPL on this terminal, until Ctrl-] or Ctrl-X. Raises Lost."""
        terminal = Console()
        with self._guarded():
            self._transport.exit_raw_repl()
            terminal.enter()
            try:
                is_lost = do_repl_main_loop(
                    SimpleNamespace(transport=self._transport),
                    terminal,
                    terminal.write,
                    escape_non_printable=False,
                    code_to_inject=None,
                    file_to_inject=None,
                )
            finally:
                terminal.write(b"\r\n")  # after the prompt
                terminal.exit()
        if is_lost:
            raise self._lost("it was reset, or unplugged")
        self._enter()

    def resume(self) -> None:
        """main.py runs again, without a reset of the chip: to the agent that is no boot, and nothing is written. This device is closed."""
        with contextlib.suppress(OSError):
            self._transport.serial.write(_CTRL_C)  # something may run still, when this command was interrupted itself
            self._transport.exit_raw_repl()
            self._transport.serial.write(_CTRL_D)
            self._transport.serial.flush()
        self._close()

    def bootloader(self) -> None:
        """Into the chip's own loader, if this build can go there by itself; this device is closed."""
        with contextlib.suppress(OSError, TransportError):
            self._transport.exec_raw_no_follow("import machine, time\ntime.sleep_ms(100)\nmachine.bootloader()")
        self._close()

    def _walk(self, folder: PurePosixPath) -> Iterator[tuple[str, int]]:
        for entry in self._transport.fs_listdir(str(folder)):
            path = folder / entry.name
            if stat.S_ISDIR(entry.st_mode):
                yield from self._walk(path)
            else:
                yield str(path), entry.st_size

    def _enter(self) -> None:
        """The first Ctrl-C asks the agent to end, mpremote's own, in a while, not to wait for the network."""
        self._transport.serial.timeout = _READ_S
        for attempt in range(_TRIES):
            try:
                self._transport.serial.write(_CTRL_C)
                self._transport.read_until(1, _PROMPT, timeout_overall=_POLL_S if attempt else _FLUSH_S)
                with _quiet():
                    self._transport.enter_raw_repl(soft_reset=False, timeout_overall=_ENTER_S)
                self._transport.serial.timeout = _PAUSE_S
                return
            except TransportError:
                continue
            except OSError as error:
                raise self._lost(error) from None
        raise NoAnswer(
            f"nothing answers at {self.port} like MicroPython: if the board is new, put MicroPython on it with `plotpost flash`; "
            "if it hangs, unplug it and plug it in again"
        )

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """mpremote's and pyserial's errors, as ours; those of the board's file system pass."""
        try:
            yield
        except TransportExecError as error:
            raise Raised(error.error_output) from None
        except TransportError as error:
            raise self._lost(error) from None
        except OSError as error:
            if isinstance(error, serial.SerialException) or error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV, errno.EBADF):
                raise self._lost(error) from None
            raise

    def _lost(self, error: Exception | str) -> Lost:
        return Lost(f"the board at {self.port} went away ({error}): check the cable, and run the command again")

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._transport.close()
        with contextlib.suppress(OSError):
            self._transport.serial.close()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """mpremote prints what surprises it, beside the error that it raises."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _no_port(port: str) -> str:
    return f"{port} is not a serial port; `plotpost ports` lists those that there are"


def _is_terminal(port: str) -> bool:
    """As serial ports are; true also of one that cannot be looked at."""
    if os.name != "posix":
        return True
    try:
        descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:  # held alone by another program
        return True
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def _group(number: int) -> str | None:
    """The group that may use a port, unless it is root's own."""
    if grp is None or number == 0:
        return None
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return None
