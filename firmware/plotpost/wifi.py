"""The radio: does what link.py says with `network.WLAN`, on a Pico W and on an ESP32."""

import network

from plotpost import link as l
from plotpost import log, watchdog
from plotpost.port import const, sleep_ms, ticks_ms

_LOOK_MS = const(250)
_OFF_MS = const(1000)  # an ESP32 needs a moment before the next connect(), or it raises "Wifi Internal Error"
_NO_POWER_SAVING = const(0xA11140)  # Pico W: `pm`, from MicroPython's documentation of network.WLAN

# network.WLAN.status(): Pico W below 0 (cyw43), ESP32 above 200 (IDF's reasons)
_SAYS = {
    -2: l.NO_NETWORK,
    -3: l.WRONG_KEY,
    -1: l.FAILED,
    201: l.NO_NETWORK,
    202: l.WRONG_KEY,
    203: l.FAILED,
    204: l.WRONG_KEY,  # handshake timeout
}


class Wifi:
    """`networks`: (name, password) in order of preference."""

    def __init__(self, networks):
        self._passwords = [password for _, password in networks]
        self.link = l.Link([name for name, _ in networks], ticks_ms())
        self._radio = network.WLAN(network.STA_IF)  # the older name of the interface: both firmware families have it

    async def run(self, progress):
        """Keep the link up; calls `progress()` at every turn."""
        await self._reset()
        while True:
            progress()
            await self._do(self._next())
            await sleep_ms(_LOOK_MS)

    def off(self):
        """The radio takes no more current."""
        self._radio.active(False)

    def rssi(self):
        """Signal strength in dBm, None without a link."""
        try:
            return self._radio.status("rssi") if self.link.up() else None
        except (OSError, ValueError):
            return None

    def _next(self):
        radio = self._radio
        return self.link.action(radio.isconnected(), _SAYS.get(radio.status(), l.NOTHING), ticks_ms())

    async def _do(self, action):
        if action == l.RESET:
            await self._reset()
        elif action == l.JOIN:
            self._join()

    def _join(self):
        link = self.link
        try:
            self._radio.disconnect()
            self._radio.connect(link.networks[link.network], self._passwords[link.network])
        except OSError as error:
            log.debug("wifi", "connect failed (error {})", error.errno)

    async def _reset(self):
        self._radio.active(False)
        await sleep_ms(_OFF_MS)
        with watchdog.phase("wifi"):
            self._radio.active(True)
        try:
            self._radio.config(pm=_NO_POWER_SAVING)
        except (OSError, ValueError, TypeError):
            pass  # an ESP32 has other words for it
