"""A simulated `network`: WLAN of the esp32 port or of a Pico W, which joins what is in the `air`, and raises what the test says.

`with network.Plugged("esp32"):` a program finds it; outside of it, what its system has. Time is that of machine.py beside it.
"""

import sys

import machine

STA_IF = 0

air = {}  # name: key
port = "esp32"
raises = {}  # name of a call: what it raises, each time, until it is taken away
calls = set()  # the names of the calls that were made
reason = 0  # that an ESP32 gives for a failed join; 0: the one that fits

_JOIN_MS = 1500
_IDLE, _JOINING, _JOINED = range(3)
_STATUS = {"esp32": (1000, 1001, 1010), "rp2": (0, 1, 3)}
_NO_NETWORK = {"esp32": 201, "rp2": -2}
_WRONG_KEY = {"esp32": 15, "rp2": -3}
_SPECIAL = (201, 202, 210, 211, 212)  # reasons that network_wlan.c goes on telling while it joins


class Plugged:
    """`on`: the name of a port."""

    def __init__(self, on="esp32"):
        self._port = on

    def __enter__(self):
        global port, reason
        port = self._port
        reason = 0
        air.clear()
        raises.clear()
        calls.clear()
        self._own = sys.modules.get("network")
        sys.modules["network"] = _this
        return self

    def __exit__(self, *_):
        unplug()
        if self._own is not None:
            sys.modules["network"] = self._own


def unplug():
    """A program that imports `network` finds what its system has."""
    sys.modules.pop("network", None)


def _say(name):
    calls.add(name)
    if name in raises:
        raise raises[name]


class WLAN:
    PM_NONE = 0

    def __init__(self, interface):
        assert interface == STA_IF
        self.is_active = False
        self._wanted = None
        self._since = 0
        self._told = 0  # what was told of the last failure
        self.reconnects = -1
        _say("WLAN")

    def active(self, on):
        _say("active(%s)" % on)
        if not on:
            self._wanted = None
        self.is_active = on

    def config(self, **settings):
        for name, value in settings.items():
            _say("config(%s)" % name)
            if name == "pm" and value > 2:
                raise RuntimeError("Wifi Unknown Error 0x0102")
            if name == "reconnects":
                if port == "rp2":
                    raise ValueError("unknown config param")
                self.reconnects = value

    def connect(self, name, key):
        _say("connect")
        if not self.is_active:
            raise OSError("Wifi Not Started")
        if self._wanted is not None:
            raise OSError("Wifi Internal Error")
        self._wanted = (name, key)
        self._since = machine.now

    def disconnect(self):
        _say("disconnect")
        if not self.is_active:
            raise OSError("Wifi Not Started")
        self._wanted = None

    def isconnected(self):
        _say("isconnected")
        return self._state() == _JOINED

    def status(self, what=None):
        _say("status" if what is None else "status(%s)" % what)
        if what is not None:
            return -57
        state = self._state()
        if state == _JOINED:
            self._told = 0
        told = self._told
        if told and (state == _IDLE or told in _SPECIAL):
            return told
        return _STATUS[port][state]

    def _state(self):
        if self._wanted is None:
            return _IDLE
        if machine.now - self._since < _JOIN_MS:
            if port == "rp2":
                self._told = 0
            return _JOINING
        name, key = self._wanted
        if air.get(name) == key:
            return _JOINED
        self._told = reason or (_WRONG_KEY if name in air else _NO_NETWORK)[port]
        if self.reconnects < 0 and port == "esp32" and self._told not in _SPECIAL:
            self._told = 0  # it tries again, and says that it is joining
            return _JOINING
        self._wanted = None
        return _IDLE


_this = sys.modules["network"]
