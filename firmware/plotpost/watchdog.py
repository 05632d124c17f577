"""The hardware watchdog: it resets a board whose loop hangs. Nothing here does anything on Linux, which has none.

main.py arms it before anything that may hang. The supervisor feeds it while every task makes progress; in the life between two sleeps the
tasks feed it themselves. MicroPython leaves no way around some calls that block: a name look-up, a REST call, the radio's start. Each is
a named phase, `with watchdog.phase("dns"):`, of at most 30 s. Whoever uses the board as MicroPython's users do, at the REPL, by
mpremote or in Thonny, finds it released until the agent starts again.
"""

import sys

from plotpost import log
from plotpost.port import const, ticks_add, ticks_diff, ticks_ms

_PHASE_MS = const(30000)

# rp2: its registers are written where MicroPython has no word for it, as pico-sdk's watchdog_disable() does
_RP2_MS = const(8388)  # 24 bits that count two a microsecond: RP2040 datasheet, erratum RP2040-E1
_TURN_MS = const(2000)  # no longer wait is possible there, so a timer feeds it through a phase
_RP2040_CTRL = const(0x40058000)  # RP2040 datasheet 4.7.6
_RP2350_CTRL = const(0x400D8000)  # RP2350 datasheet 12.9.7
_CLEAR = const(0x3000)  # writing there clears bits: RP2040 datasheet 2.1.2, RP2350 datasheet 2.1.3
_ENABLE = const(1 << 30)

# esp32: asked again, it takes another patience (machine_wdt.c), and no timer calls back inside a call that blocks
_ESP32_MS = const(10000)
_ESP32_PHASE_MS = const(40000)
_ESP32_RELEASED_MS = const(1000000000)  # 11 days; the IDF counts 2^32 quarters of a millisecond (task_wdt_impl_timergroup.c)


class _Phase:
    """A context manager around a call that blocks. Phases are not nested, and there is no `await` in one."""

    def __init__(self):
        self.name = ""
        self._began = ticks_ms()
        self._left = 0  # turns for which the timer may still feed
        self._timer = None
        self._fed = self._feed  # bound here: an interrupt must not allocate

    def __enter__(self):
        self._began = ticks_ms()
        if _wdt is None:
            return
        feed()
        if _on_rp2():
            self._left = _PHASE_MS // _TURN_MS
            self._start()
        else:
            _wait(_ESP32_PHASE_MS)

    def __exit__(self, *error):
        self.stop()
        if _wdt is None:
            return
        if not _on_rp2():
            _wait(_ESP32_MS)
        if ticks_diff(ticks_ms(), self._began) > _PHASE_MS:
            log.warning("watchdog", "{} took longer than 30 s", self.name)
        feed()

    def stop(self):
        if self._timer is not None:
            self._timer.deinit()
            self._timer = None

    def _start(self):
        from machine import Timer

        # hard: a soft callback waits for bytecode, and none runs inside the call that blocks
        self._timer = Timer(-1, period=_TURN_MS, mode=Timer.PERIODIC, callback=self._fed, hard=True)

    def _feed(self, timer):
        if self._left:
            self._left -= 1
            _wdt.feed()


_wdt = None
_armed = False  # or about to be: an interrupt may come between the two
_phase = _Phase()
_deadline = None  # in ticks: nobody feeds it after that


def arm():
    """Start it: from now on somebody must call `feed()` every 8 seconds (esp32: 10)."""
    global _armed
    _armed = True
    _wait(_RP2_MS if _on_rp2() else _ESP32_MS)


def feed():
    """All is well, as far as the caller knows."""
    if _wdt is not None and (_deadline is None or ticks_diff(_deadline, ticks_ms()) > 0):
        _wdt.feed()


def deadline(ms):
    """Give the board so long until `release()`: whatever it does, nobody feeds it then."""
    global _deadline
    _deadline = ticks_add(ticks_ms(), ms)


def release():
    """Let the board live whatever it does, until `arm()`."""
    if not _armed:
        return
    try:
        _release()
    except KeyboardInterrupt:  # a second one, on the way: whoever is so impatient is not bitten either
        _release()


def phase(name):
    """What to wrap around a call that may block: `name` is for the log."""
    _phase.name = name
    return _phase


def _release():
    global _armed, _deadline, _wdt
    _phase.stop()
    if not _on_rp2():
        _wait(_ESP32_RELEASED_MS)
    else:
        from machine import mem32

        mem32[(_RP2350_CTRL if "RP2350" in sys.implementation._machine else _RP2040_CTRL) + _CLEAR] = _ENABLE
    _wdt = _deadline = None
    _armed = False


def _wait(ms):
    """Start it, or give it another patience."""
    global _wdt
    try:
        from machine import WDT

        _wdt = WDT(timeout=ms)
    except ImportError:  # Linux
        pass
    except (OSError, ValueError) as error:
        log.error("watchdog", "it cannot be armed: {}", error)


def _on_rp2():
    return sys.platform == "rp2"
