"""The serial port of a board as lines of text, over resets and re-plugs, without disturbing what runs there.

with Console("/dev/ttyACM0") as console:
    while True:
        for event in console.read():
            print(event)
"""

import contextlib
import os
import re
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

from host_tools.device import PortError, connect
from host_tools.frames import Frame, Kind

_BLOCK_BYTES = 4096
_LINE_BYTES = 1024  # what is longer is shown in pieces
_TURN_S = 0.1  # how long a read waits
_QUIET_S = 1.0  # what has come without an end of line by then is shown as it is: a prompt, or noise
_RETRY_S = 0.05
_RETRY_MAX_S = 1.0
_GRACE_S = 3.0  # for the system to give a port that has just come to its group
_START = b"\xfe"
_FRAME = re.compile(rb"(?:\xfe([^\xfe\xff\x00-\x1f]*)|[^\xfe\xff\x00-\x1f]*)\xff")  # or what is left of one: host_tools/frames.py
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # ESP-IDF's log comes in colours
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # a terminal would obey them


@dataclass(frozen=True)
class Line:
    """A line that the board wrote, without its end; what is not printable is escaped."""

    text: str


@dataclass(frozen=True)
class Gone:
    """The port cannot be read: the board is being reset, or is unplugged. Comes again when the reason has changed."""

    why: str


@dataclass(frozen=True)
class Back:
    """The port can be read again, maybe under another name."""

    port: str


Event = Line | Gone | Back


class Console:
    """Nothing is ever written. `port` is opened at once: raises PortError. A board that is plugged in elsewhere is found by its number.

    mpremote opens and closes it, and moves DTR and RTS in the order in which no ESP32 is reset.
    """

    def __init__(self, port: str) -> None:
        self.port = port
        self._transport: SerialTransport | None = None
        self._lines = _Lines()
        self._came_at = 0.0  # when the last bytes did
        self._gone_at = 0.0
        self._why = ""
        self._retry_at = 0.0
        self._pause = _RETRY_S
        self._open(port)
        self._number = serial_number(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Until `read` opens it again."""
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.close()
            self._transport.serial.close()
        self._transport = None
        self._gone_at = self._retry_at = time.monotonic()
        self._pause = _RETRY_S

    def read(self) -> list[Event]:
        """What has come, after a tenth of a second at most."""
        if self._transport is None:
            return self._come_back()
        port = self._transport.serial
        try:
            data = port.read(min(max(port.in_waiting, 1), _BLOCK_BYTES))
        except (OSError, TypeError):  # TypeError: pyserial, when the port is closed under it
            return [*self._rest(), self._leave()]
        return [Line(text) for text in self._split(data)]

    def _split(self, data: bytes) -> list[str]:
        now = time.monotonic()
        if data:
            self._came_at = now
            return self._lines.feed(data)
        return self._lines.rest() if now - self._came_at > _QUIET_S else []

    def _rest(self) -> list[Line]:
        return [Line(text) for text in self._lines.rest()]

    def _leave(self) -> Gone:
        self.close()
        self._why = f"the board at {self.port} went away"
        return Gone(self._why)

    def _come_back(self) -> list[Event]:
        now = time.monotonic()
        if now < self._retry_at:
            time.sleep(min(_TURN_S, self._retry_at - now))
            return []
        self._pause = min(self._pause * 2, _RETRY_MAX_S)
        self._retry_at = now + self._pause
        port = port_of(self._number, self.port)
        try:
            self._open(port)
        except PortError as error:
            return self._still_gone(port, str(error), now - self._gone_at)
        was_away = bool(self._why)
        self.port, self._why = port, ""
        return [Back(port)] if was_away else []

    def _still_gone(self, port: str, why: str, away_s: float) -> list[Event]:
        """Told once for each reason; that the port is missing was told when the board went away."""
        if away_s < _GRACE_S or why == self._why or (self._why and not os.path.exists(port)):
            return []
        self._why = why
        return [Gone(why)]

    def _open(self, port: str) -> None:
        self._transport = connect(port)
        self._transport.serial.timeout = _TURN_S
        self._lines = _Lines()


class _Lines:
    """Bytes to lines of printable text. Of the frames that a board sends to a bridge only the log is text; others hold tokens."""

    def __init__(self) -> None:
        self._pending = b""
        self._is_text = False  # what comes before the first end of a line may be a frame whose beginning was missed

    def feed(self, data: bytes) -> list[str]:
        *whole, self._pending = _FRAME.sub(_said, self._pending + data).split(b"\n")
        self._is_text = self._is_text or bool(whole)
        while len(self._pending) > _LINE_BYTES:
            whole.append(self._pending[:_LINE_BYTES])
            self._pending = self._pending[_LINE_BYTES:]
        return [text for line in whole if (text := _text(line))]

    def rest(self) -> list[str]:
        """What has come without an end of line."""
        text, self._pending = _text(self._pending), b""
        return [text] if text and self._is_text else []


def _said(frame: re.Match[bytes]) -> bytes:
    """The line of the log in a frame, with its end; nothing for other frames, and for pieces of one."""
    decoded = Frame.decode(frame[1]) if frame[1] is not None else None
    return decoded.payload[1:] + b"\n" if decoded is not None and decoded.kind is Kind.LOG else b""


def _text(line: bytes) -> str:
    """Without a frame that has no end: a reset cut it short."""
    return printable(line.partition(_START)[0])


def printable(line: bytes) -> str:
    """Text without its end of line and its colours; what a terminal would obey is escaped."""
    text = _COLOUR.sub("", line.rstrip(b"\r").decode(errors="backslashreplace"))
    return _CONTROL.sub(lambda control: f"\\x{ord(control[0]):02x}", text)


def port_of(number: str | None, otherwise: str) -> str:
    """Where the board with this serial number is plugged in now."""
    for found in list_ports.comports():
        if number is not None and found.serial_number == number:
            return str(found.device)
    return otherwise


def serial_number(port: str) -> str | None:
    """Of the board's USB chip; None where the port is not USB's, or two boards have the same (cheap USB chips have none)."""
    real = os.path.realpath(port)
    found = list(list_ports.comports())
    number = next((each.serial_number for each in found if os.path.realpath(each.device) == real), None)
    return number if number and [each.serial_number for each in found].count(number) == 1 else None
