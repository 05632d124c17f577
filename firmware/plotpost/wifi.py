"""Joins a network and keeps it: does what link.py says with the radio of radio.py."""

from plotpost import link as l
from plotpost import log, radio
from plotpost.port import const, sleep_ms, ticks_ms

_LOOK_MS = const(250)
_OFF_MS = const(1000)  # an ESP32 that is told to join while it still leaves raises "Wifi Internal Error"


class Wifi:
    """`networks`: (name, password) in order of preference. `failure`: what the radio raised last, in words."""

    def __init__(self, networks):
        self._passwords = [password for _, password in networks]
        self.link = l.Link([name for name, _ in networks], ticks_ms())
        self.failure = ""
        self._radio = radio.Radio()
        self._started = False

    async def run(self, progress):
        """Keep the link up; calls `progress()` at every turn. Returns when the radio is beyond help."""
        alive = True
        while alive:
            progress()
            try:
                await self._do(self._next())
            except radio.RAISES as error:
                alive = self._broke(error)
            await sleep_ms(_LOOK_MS)

    def off(self):
        """The radio takes no more current."""
        self._started = False
        try:
            self._radio.stop()
        except radio.RAISES as error:
            log.warning("wifi", "the radio stays on: {}", error)

    def rssi(self):
        """Signal strength in dBm, None without a link."""
        try:
            return self._radio.rssi() if self.link.up() else None
        except radio.RAISES:
            return None

    def _next(self):
        link = self.link
        if link.resting(ticks_ms()):
            return l.WAIT
        link.status = self._radio.status()
        return link.action(self._radio.connected(), radio.says(link.status), ticks_ms())

    async def _do(self, action):
        if action == l.RESET:
            self._started = False
            self._radio.stop()
        elif action == l.JOIN:
            await self._join()

    async def _join(self):
        link = self.link
        if self._started:
            self._radio.leave()
            await sleep_ms(_OFF_MS)
        else:
            self._radio.stop()
            await sleep_ms(_OFF_MS)
            self._radio.start()
            self._started = True
        self._radio.join(link.networks[link.network], self._passwords[link.network])

    def _broke(self, error):
        self._started = False
        self.failure = "%s (%s)" % (error, type(error).__name__)
        log.warning("wifi", "the radio fails: {}", self.failure)
        return self.link.broke(ticks_ms())
