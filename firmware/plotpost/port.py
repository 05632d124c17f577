"""What differs between MicroPython's ports and CPython, in one place.

Everything else in this package is the same source on a Pico W, an ESP32, MicroPython's unix port and CPython.
"""

import asyncio
import gc
import io
import os
import sys
import time

if sys.implementation.name == "micropython":
    from micropython import const

    ticks_ms = time.ticks_ms
    ticks_add = time.ticks_add
    ticks_diff = time.ticks_diff
    sleep_ms = asyncio.sleep_ms
    begin_anew = asyncio.new_event_loop  # forgets the tasks that an interrupt has left
    byte_stream = io.BytesIO  # of so many bytes at first, within which neither write() nor print() allocates

    def send(sock, buf, start, end):
        """Send `buf[start:end]` on a non-blocking socket: the number of bytes taken, None when it would block."""
        return sock.write(buf, start, end - start)

    def receive(sock, buf):
        """Fill `buf` from a non-blocking socket: the number of bytes, 0 at the end of the stream, None when there is nothing yet."""
        return sock.readinto(buf)

    def collect_often(often):
        """While modules are loaded, so that what one leaves is room for the next, and what is free stays in one piece.

        While the agent works it would take a third of a Pico's time.
        """
        gc.threshold(8192 if often else -1)

    def printable(text):
        """Whether `text` is printable ASCII. A character that was taken from a text is kept for ever, a byte is not."""
        return all(32 <= byte <= 126 for byte in text.encode())

    def innermost(error):
        """File and line of the innermost frame of an error's traceback, as texts. Raises IndexError when there is none."""
        out = io.StringIO()
        sys.print_exception(error, out)
        frame = [line for line in out.getvalue().split("\n") if line.startswith("  File ")][-1]
        _, path, rest = frame.split('"')  # '  File "x.py", line 12, in f'
        return path, rest.split(",")[1][6:]

else:
    from plotpost.cpython import (  # noqa: F401  for the other modules
        begin_anew,
        byte_stream,
        collect_often,
        const,
        innermost,
        printable,
        receive,
        send,
        sleep_ms,
        ticks_add,
        ticks_diff,
        ticks_ms,
    )

_BOOT_MS = const(10000)
booted = 0  # in ticks: a chip's begin with its reset, a wake's too (rp2: TIMER; esp32: esp_timer, after the second bootloader)
started = ticks_ms()  # main.py imports this first of all

# Linux and the like keep time by themselves; a board's clock starts anywhere (rp2: in 2021).
SYSTEM_CLOCK = sys.platform not in ("rp2", "esp32", "pyboard", "mimxrt")
SYSTEM_NETWORK = SYSTEM_CLOCK  # likewise; a board's must be joined, or there is none


def utc_ms():
    """Milliseconds since 1970 by the system's clock. Allocates: for the moments when the clock is set, not for each reading.

    The epoch is 1970 on rp2, unix and CPython, 2000 on esp32 (MicroPython's documentation of `time`).
    """
    ms = time.time_ns() // 1000000
    return ms + 946684800000 if time.gmtime(0)[0] == 2000 else ms


def random_hex(n):
    """`n` random bytes as 2n lower-case hex digits."""
    return "".join(["%02x" % b for b in os.urandom(n)])


def device_id():
    """The chip's unique id in hexadecimal; on Linux the beginning of the machine's id, "unknown" where there is none."""
    try:
        from machine import unique_id

        return "".join(["%02x" % b for b in unique_id()])
    except ImportError:
        pass
    try:
        with open("/etc/machine-id") as file:
            return file.read(16)
    except OSError:
        return "unknown"


def warm():
    """True when this program was started again without a reset of the chip, as after service: its ticks go on, long past a boot."""
    return not SYSTEM_CLOCK and not 0 <= ticks_diff(started, booted) <= _BOOT_MS


def forget(*names):
    """Unload modules that are not needed again, so that their memory can be had back."""
    for name in names:
        sys.modules.pop(name, None)
        parent, _, child = name.rpartition(".")
        if parent:
            sys.modules[parent].__dict__.pop(child, None)  # hasattr() would load it: see __init__.py


def fail():
    """End with exit status 1, where programs have one. A board would run main.py again at once, for ever: there it just ends."""
    if SYSTEM_CLOCK:
        sys.exit(1)
