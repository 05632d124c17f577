"""The serial port of a board, held alone, with its bytes in the event loop."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Self

import serial
from serial.tools import list_ports

from host_tools.device import PortError, trouble

_BAUD = 115200  # of an ESP32's UART; USB takes no notice
_READ_S = 0.2
_WRITE_S = 0.5


class Cable:
    """Made by `plug`, within a running event loop. `lost` is set when the board is reset or its cable pulled."""

    def __init__(self, port: str, opened: serial.Serial) -> None:
        self.port = port
        self.lost = asyncio.Event()
        self._serial = opened
        self._number = _serial_number(port)
        self._loop = asyncio.get_running_loop()
        self._closing = threading.Event()
        self._reader: threading.Thread | None = None

    @classmethod
    def plug(cls, port: str) -> Self:
        """Raises PortError."""
        if os.name == "posix" and (why := trouble(port)):
            raise PortError(why)
        try:
            return cls(port, serial.Serial(port, _BAUD, timeout=_READ_S, write_timeout=_WRITE_S, exclusive=True))
        except serial.SerialException:
            raise PortError(f"{port} is in use by another program: end it, a serial monitor or Thonny most likely") from None

    def replug(self) -> Self:
        """The same board again: it may have got another port. Raises PortError."""
        return self.plug(next(_ports_of(self._number), self.port))

    def listen(self, take: Callable[[bytes], None]) -> None:
        """From now on `take` gets what comes."""
        self._reader = threading.Thread(target=self._read, args=[take], daemon=True)
        self._reader.start()

    def write(self, data: bytes) -> None:
        """What a board that hangs does not take is lost."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            pass
        except (serial.SerialException, OSError):
            self.lost.set()

    def close(self) -> None:
        self._closing.set()
        if self._reader is not None:
            self._reader.join()
        with contextlib.suppress(OSError):
            self._serial.close()

    def _read(self, take: Callable[[bytes], None]) -> None:
        try:
            while not self._closing.is_set():
                if data := self._serial.read(self._serial.in_waiting or 1):
                    self._call(take, data)
        except (OSError, TypeError):  # TypeError: pyserial's, when the port closes under it
            self._call(self.lost.set)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, *arguments)


def _serial_number(port: str) -> str | None:
    return next((found.serial_number for found in list_ports.comports() if found.device == port), None)


def _ports_of(number: str | None) -> Iterator[str]:
    if number is not None:
        yield from (found.device for found in list_ports.comports() if found.serial_number == number)
