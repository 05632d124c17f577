"""What the LED says: which blink means what, and which one is due.

docs/board-life.md shows this table to people, and a test keeps the two equal. A pattern is a hundred milliseconds a character, two
seconds in all, and begins again: `#` is on.
"""

from plotpost import delivery as d
from plotpost import link as l
from plotpost.port import const

BOOTING = const(0)
JOINING = const(1)
NO_NETWORK = const(2)
NO_ENDPOINT = const(3)
REFUSED = const(4)
STREAMING = const(5)
SPOOLING = const(6)
SAFE_MODE = const(7)

PATTERNS = (
    ("booting", b"####################"),
    ("joining WiFi, or waiting for the bridge", b"#-#-#-#-#-#-#-#-#-#-"),
    ("no such network, or wrong password", b"#--#----------------"),
    ("no endpoint", b"#--#--#-------------"),
    ("token refused", b"#--#--#--#----------"),
    ("streaming", b"#-------------------"),
    ("spooling", b"##########----------"),
    ("safe mode", b"####--#--#----------"),
)
_TURN_MS = const(100)
_ON = const(35)  # ord("#")


def state(link, delivery):
    """What the board is at: BOOTING to SPOOLING. `link` is None where the system has a network of its own.

    An endpoint that was never reached since the boot is a mistake in config.json most likely; one that was, is away for a while.
    """
    if link is not None and not link.up():
        return NO_NETWORK if link.why in (l.NO_NETWORK, l.WRONG_KEY) else JOINING
    if delivery.refused:
        return REFUSED
    if delivery.failures:
        return SPOOLING if delivery.connects else NO_ENDPOINT
    return STREAMING if delivery.state not in (d.OFFLINE, d.CONNECTING) or delivery.connects else BOOTING


class Led:
    """The LED at `pin`, whatever machine.Pin takes for it."""

    def __init__(self, pin):
        from machine import Pin

        self._pin = Pin(pin, Pin.OUT)
        self._on = False

    def step(self, state, now):
        """Show `state`; returns the milliseconds until the next step. `now` in ticks."""
        pattern = PATTERNS[state][1]
        on = pattern[now // _TURN_MS % len(pattern)] == _ON
        if on != self._on:
            self._on = on
            self._pin.value(1 if on else 0)
        return _TURN_MS - now % _TURN_MS
