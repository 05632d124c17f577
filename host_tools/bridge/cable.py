"""The serial port of a board, held alone, with its bytes in the event loop."""

import asyncio
import contextlib
import threading
from typing import Self

import serial
from mpremote.transport_serial import SerialTransport

from host_tools.console import port_of, serial_number
from host_tools.device import connect

_READ_S = 0.2
_WRITE_S = 0.5


class Cable:
    """Made by `plug`, within a running event loop."""

    def __init__(self, port: str, transport: SerialTransport) -> None:
        self.port = port
        self._number = serial_number(port)
        self._transport = transport
        self._serial: serial.Serial = transport.serial
        self._serial.timeout = _READ_S
        self._serial.write_timeout = _WRITE_S
        self._loop = asyncio.get_running_loop()
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    @classmethod
    def plug(cls, port: str) -> Self:
        """Raises PortError."""
        return cls(port, connect(port))

    def replug(self) -> Self:
        """The same board again: it may have got another port. Raises PortError."""
        return self.plug(port_of(self._number, self.port))

    async def read(self) -> bytes:
        """What has come; nothing at the end: the board is being reset, or its cable was pulled."""
        return await self._came.get()

    def write(self, data: bytes) -> None:
        """What a board that hangs does not take is lost. At the end `read` tells."""
        with contextlib.suppress(serial.SerialException, OSError):
            self._serial.write(data)

    def close(self) -> None:
        self._closing.set()
        self._reader.join()
        with contextlib.suppress(OSError):
            self._transport.close()
        self._serial.close()

    def _listen(self) -> None:
        data = b""
        while not self._closing.is_set():
            try:
                data = self._serial.read(self._serial.in_waiting or 1)
            except (OSError, TypeError):  # TypeError: pyserial's, when the port closes under it
                break
            if data:
                self._hand_over(data)
        self._hand_over(b"")

    def _hand_over(self, data: bytes) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._came.put_nowait, data)
