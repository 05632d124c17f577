"""What CPython lacks of what the agent uses, for port.py. No board loads this."""

import asyncio
import io
import time
import traceback
from ssl import SSLWantReadError, SSLWantWriteError

_PERIOD = 1 << 30  # MicroPython's ticks wrap around here
_HALF = 1 << 29
_WOULD_BLOCK = (BlockingIOError, SSLWantReadError, SSLWantWriteError)


def const(value):
    return value


def ticks_ms():
    return time.monotonic_ns() // 1000000 & (_PERIOD - 1)  # type: ignore[attr-defined]  # which the stubs do not know


def ticks_add(ticks, delta):
    return (ticks + delta) & (_PERIOD - 1)


def ticks_diff(end, start):
    return ((end - start + _HALF) & (_PERIOD - 1)) - _HALF


async def sleep_ms(ms):
    await asyncio.sleep(ms / 1000)


class _Stream(io.BytesIO):
    """CPython's print writes text."""

    def write(self, data):
        return super().write(data.encode() if isinstance(data, str) else data)


def byte_stream(size):
    return _Stream()


def send(sock, buf, start, end):
    """CPython's sockets are no streams."""
    try:
        return sock.send(memoryview(buf)[start:end])
    except _WOULD_BLOCK:
        return None


def receive(sock, buf):
    try:
        return sock.recv_into(buf)
    except _WOULD_BLOCK:
        return None


def begin_anew():
    """CPython makes a loop for each asyncio.run()."""


def collect_often(often):
    """CPython frees what nobody refers to at once."""


def printable(text):
    """Whether `text` is printable ASCII."""
    return text.isascii() and text.isprintable()


def innermost(error):
    """File and line of the innermost frame of an error's traceback. Raises IndexError when there is none."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return frame.filename, frame.lineno
