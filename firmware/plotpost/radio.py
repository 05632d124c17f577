"""The radio: what `network.WLAN` of each port raises, returns and needs, in one place.

Read in network_wlan.c and network_common.c (esp32) and in network_cyw43.c (Pico W) of MicroPython 1.26 to 1.28. Whatever an ESP32's radio
dislikes is an OSError with a text in place of a number, or a RuntimeError; a Pico's is an OSError with a number; an argument that a
port does not know is a ValueError or a TypeError.
"""

import sys

import network

from plotpost import link as l
from plotpost import log, watchdog
from plotpost.port import const

RAISES = (OSError, RuntimeError, ValueError, TypeError)

# What WLAN.status() says of an attempt that failed. ESP32: IDF's reasons, wifi_err_reason_t in esp_wifi_types_generic.h
_IDF = {
    2: l.REFUSED,  # the authentication has expired
    15: l.WRONG_KEY,  # the 4-way handshake takes too long
    201: l.NO_NETWORK,
    202: l.REFUSED,  # the authentication failed; MicroPython says so of 205, no connection, too
    204: l.WRONG_KEY,  # the handshake takes too long
    212: l.NO_NETWORK,  # too weak
}
_IDF_IDLE = const(1000)  # from here on: idle, joining, joined
_CYW43 = {-2: l.NO_NETWORK, -3: l.WRONG_KEY}  # Pico W: cyw43.h. From 0 on: down, joining, no address yet, joined


def says(status):
    """What a number of `WLAN.status()` stands for: NOTHING, NO_NETWORK, WRONG_KEY, REFUSED or FAILED of link.py."""
    if sys.platform == "esp32":
        return _IDF.get(status, l.FAILED) if 0 < status < _IDF_IDLE else l.NOTHING
    return _CYW43.get(status, l.FAILED) if status < 0 else l.NOTHING


class Radio:
    """The station. Making it takes the radio's memory on an ESP32, but starts nothing. Any call may raise one of RAISES."""

    def __init__(self):
        self._wlan = network.WLAN(network.STA_IF)  # the older name of the interface: both ports have it

    def start(self):
        """Switch it on. It saves no power, and tries no network by itself: then it tells why one could not be joined."""
        with watchdog.phase("radio"):
            self._wlan.active(True)
        self._set("pm", getattr(network.WLAN, "PM_NONE", 0))
        self._set("reconnects", 0)

    def _set(self, name, value):
        try:
            self._wlan.config(**{name: value})
        except RAISES as error:  # a Pico knows no `reconnects`; no network is missed for want of either
            log.debug("wifi", "{} cannot be set: {}", name, error)

    def stop(self):
        """Switch it off: it takes no more current."""
        with watchdog.phase("radio"):
            self._wlan.active(False)

    def leave(self):
        """Leave the network, or give up joining it."""
        self._wlan.disconnect()

    def join(self, name, password):
        """Begin to join a network. An ESP32 has to have left the one before for a while."""
        self._wlan.connect(name, password)

    def connected(self):
        """Whether there is a network, with an address."""
        return self._wlan.isconnected()

    def status(self):
        """The radio's own number for how it stands: see `says`."""
        return self._wlan.status()

    def rssi(self):
        """Signal strength in dBm."""
        return self._wlan.status("rssi")
