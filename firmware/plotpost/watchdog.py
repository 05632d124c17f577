"""The hardware watchdog: it resets a board whose loop hangs. Nothing here does anything on Linux, which has none.

A watchdog cannot be stopped (micropython issue 7766) and would reset an upload: in service, after Ctrl-C, a timer feeds it. The supervisor
feeds it while every task makes progress. MicroPython leaves no way around some calls that block: a name look-up, a REST call, a
radio's start. Each is a named phase, `with watchdog.phase("dns"):`, through which it is fed for at most 30 s.
"""

import sys

from plotpost import log
from plotpost.port import const

_PHASE_MS = const(30000)
_TURN_MS = const(2000)
_FOR_EVER = const(0x3FFFFFFF)  # turns: 68 years
_RP2_MS = const(8388)  # 24 bits that count two a microsecond: RP2040 datasheet, erratum RP2040-E1
_LONG_MS = const(40000)  # esp32: outlasts a phase by itself, and no timer interrupts its blocking calls


class _Phase:
    """A context manager around a call that blocks. Phases are not nested, and there is no `await` in one."""

    def __init__(self):
        self.name = ""
        self._left = 0  # turns for which the timer may still feed
        self._timer = None
        self._fed = self._feed  # bound here: an interrupt must not allocate

    def __enter__(self):
        feed()
        if _wdt is not None and _on_rp2():
            self._left = _PHASE_MS // _TURN_MS
            self._start()

    def __exit__(self, *error):
        if self._timer is not None:
            self.stop()
            if not self._left:
                log.warning("watchdog", "{} took longer than 30 s", self.name)
        feed()

    def hold(self):
        self._left = _FOR_EVER
        self._start()

    def stop(self):
        if self._timer is not None:
            self._timer.deinit()
            self._timer = None

    def _start(self):
        from machine import Timer

        if _on_rp2():
            # hard: a soft callback waits for bytecode, and none runs inside the call that blocks
            self._timer = Timer(-1, period=_TURN_MS, mode=Timer.PERIODIC, callback=self._fed, hard=True)
        else:
            self._timer = Timer(0, period=_TURN_MS, mode=Timer.PERIODIC, callback=self._fed)

    def _feed(self, timer):
        if self._left:
            self._left -= 1
            _wdt.feed()


_wdt = None
_phase = _Phase()


def arm():
    """Start it, for ever: from now on somebody must call `feed()` every 8 seconds (esp32: 40), and no timer does."""
    global _wdt
    _phase.stop()
    try:
        from machine import WDT
    except ImportError:  # Linux
        return
    _wdt = WDT(timeout=_RP2_MS if _on_rp2() else _LONG_MS)


def feed():
    """All is well, as far as the caller knows."""
    if _wdt is not None:
        _wdt.feed()


def hold():
    """Somebody is at the REPL, or the agent is on its way: from now on a timer feeds it, until `arm()` or a reset."""
    if _wdt is not None:
        _phase.hold()


def phase(name):
    """What to wrap around a call that may block: `name` is for the log."""
    _phase.name = name
    return _phase


def _on_rp2():
    return sys.platform == "rp2"
