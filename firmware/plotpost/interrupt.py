"""Ctrl-C and SIGTERM on MicroPython's unix port, taken where nothing is half done.

The port raises KeyboardInterrupt inside the signal's handler, wherever the program is (MICROPY_ASYNC_KBD_INTR in its mpconfigport.h).
Where that is the allocator, its lock is never given back and the program hangs for ever. So the signals are blocked, and asked for
between two turns of the loop. Chips raise it between two bytecodes, and need nothing of this.
"""

import asyncio

import ffi

from plotpost.port import const, sleep_ms

_SIGINT = const(2)
_SIGTERM = const(15)
_SIG_BLOCK = const(0)
_LOOK_MS = const(100)

_libc = ffi.open(None)
_wait = _libc.func("i", "sigtimedwait", "ppp")  # sigtimedwait(2)
_signals = bytearray(128)  # sigset_t, of glibc and musl alike
_no_time = bytes(16)  # struct timespec


def hold():
    """From now on the two signals wait until `run` looks for them."""
    add = _libc.func("i", "sigaddset", "pi")
    add(_signals, _SIGINT)
    add(_signals, _SIGTERM)
    _libc.func("i", "sigprocmask", "ipp")(_SIG_BLOCK, _signals, None)


def run(work):
    """Run the coroutine `work` to its end. Raises KeyboardInterrupt when one of the signals has come."""
    asyncio.run(_watched(work))


async def _watched(work):
    watching = asyncio.create_task(_watch())
    await work
    watching.cancel()


async def _watch():
    while _wait(_signals, None, _no_time) < 0:
        await sleep_ms(_LOOK_MS)
    raise KeyboardInterrupt
