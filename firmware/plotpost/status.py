"""What the LED says: which blink means what, and which one is due.

docs/board-life.md shows these patterns to people, and tests take them from there. A pattern is a hundred milliseconds a character, two
seconds in all, and begins again: `#` is on.
"""

from plotpost import delivery as d
from plotpost import link as l
from plotpost import log
from plotpost.port import const

SAFE_MODE = b"####--#--#----------"
_BOOTING = const(b"####################")
_JOINING = const(b"#-#-#-#-#-#-#-#-#-#-")  # WiFi, or waiting for the bridge
_NO_NETWORK = const(b"#--#----------------")  # or the wrong password
_NO_ENDPOINT = const(b"#--#--#-------------")
_REFUSED = const(b"#--#--#--#----------")  # the token
_STREAMING = const(b"#-------------------")
_SPOOLING = const(b"##########----------")
_TURN_MS = const(100)
_ON = const(35)  # ord("#")


def pattern(link, delivery):
    """How the LED is to blink now. `link` is None where the system has a network of its own.

    An endpoint that was never reached since the boot is a mistake in config.json most likely; one that was, is away for a while.
    """
    if link is not None and not link.up():
        return _NO_NETWORK if link.why in (l.NO_NETWORK, l.WRONG_KEY, l.REFUSED) else _JOINING
    if delivery.refused:
        return _REFUSED
    if delivery.failures:
        return _SPOOLING if delivery.connects else _NO_ENDPOINT
    return _STREAMING if delivery.state not in (d.OFFLINE, d.CONNECTING) or delivery.connects else _BOOTING


class Led:
    """The LED at `pin`, whatever machine.Pin takes for it. No LED is worth a reset: one that fails stays dark, and the log says so."""

    def __init__(self, pin):
        self._on = False
        self._pin = None
        try:
            from machine import Pin

            self._pin = Pin(pin, Pin.OUT)
        except Exception as error:  # ImportError, ValueError, TypeError, OSError: each port has its own
            self._give_up(error)

    def step(self, pattern, now):
        """Show `pattern`; returns the milliseconds until the next step. `now` in ticks."""
        on = pattern[now // _TURN_MS % len(pattern)] == _ON
        if on != self._on and self._pin is not None:
            self._on = on
            try:
                self._pin.value(1 if on else 0)
            except Exception as error:
                self._give_up(error)
        return _TURN_MS - now % _TURN_MS

    def _give_up(self, error):
        self._pin = None
        log.warning("led", "it stays dark, look at led in config.json: {}", type(error).__name__)
