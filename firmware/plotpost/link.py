"""The state machine of the WiFi link: which network to join, how long to wait for it, when to start the interface afresh.

No radio in it and no clock: wifi.py does what `action()` says. A wrong password is not told reliably by either chip, so that being
connected, and a deadline, decide; what the radio says only shortens the wait and tells why (docs/board-life.md).
"""

from plotpost import log
from plotpost.port import const, ticks_add, ticks_diff

# States
DOWN = const(0)  # the next attempt is at `retry_at`
JOINING = const(1)
SETTLING = const(2)  # connected, but not long enough to be believed
UP = const(3)

# Actions
WAIT = const(0)
JOIN = const(1)  # join `network`
RESET = const(2)  # interface off and on again

# What became of an attempt, whatever numbers the radio has for it: radio.py
NOTHING = const(0)  # so far
NO_NETWORK = const(1)
WRONG_KEY = const(2)
REFUSED = const(3)  # a wrong key most often, but a weak signal looks like it
FAILED = const(4)
BROKEN = const(5)  # the radio itself refused a call

_JOIN_MS = const(20000)
_REFUSED_MS = const(6000)  # both chips report failures for a while on the way up
_SETTLE_MS = const(2000)
_GONE_MS = const(5000)
_SILENT_MS = const(180000)
_RETRY_MS = const(2000)
_RETRY_MAX_MS = const(60000)
_BREAKS_MAX = const(5)

_WHY = (
    "no answer from network {}",
    "network {} is not in sight: is it 5 GHz only, or out of reach?",
    "network {} refuses the password: check secrets.json",
    "network {} refuses the password, or is hardly in reach: check secrets.json",
    "network {} cannot be joined (the radio says {})",
)


class Link:
    """Joins one of `networks` (names in order of preference). `network` is the index of the one that is tried or joined.

    `status`: the radio's own number for what it says, for the log.
    """

    def __init__(self, networks, now):
        self.networks = networks
        self.network = 0
        self.state = DOWN
        self.why = NOTHING  # of the last failure
        self.retry_at = now
        self.joins = 0
        self.status = 0
        self._since = now
        self._stale = NOTHING  # what the radio still says of the attempt before
        self._seen = now  # when it was last connected
        self._heard = now  # when the endpoint was last heard
        self._failed = 0  # networks that failed in a row
        self._breaks = 0  # of the radio, with no whole attempt between them

    def up(self):
        """True when there is a network to send through."""
        return self.state == UP

    def resting(self, now):
        """True until the next attempt is due: nothing has to be known of the radio."""
        return self.state == DOWN and ticks_diff(now, self.retry_at) < 0

    def heard(self, now):
        """The endpoint was heard: the link is alive, whatever the radio says."""
        self._heard = now

    def action(self, connected, says, now):
        """What to do now: WAIT, JOIN or RESET. `connected`: with an address. `says`: NOTHING to FAILED."""
        state = self.state
        if state == UP:
            return self._watch(connected, now)
        if state == DOWN:
            return WAIT if self.resting(now) else self._join(says, now)
        if connected:
            return self._settle(now)
        if says == NOTHING:
            self._stale = NOTHING
        waited = ticks_diff(now, self._since)
        if state == SETTLING or waited >= _JOIN_MS or (says != self._stale and waited >= _REFUSED_MS):
            return self._fail(says, now)
        return WAIT

    def broke(self, now):
        """The radio refused a call: it has to be started afresh, after a pause. False when five times in a row that did not help."""
        self._breaks += 1
        self.why = BROKEN
        self.state = DOWN
        self.network = (self.network + 1) % len(self.networks)
        self.retry_at = ticks_add(now, _pause(self._breaks))
        return self._breaks < _BREAKS_MAX

    def _join(self, says, now):
        self.state = JOINING
        self._since = now
        self._stale = says
        return JOIN

    def _settle(self, now):
        if self.state == JOINING:
            self.state = SETTLING
            self._since = now
        elif ticks_diff(now, self._since) >= _SETTLE_MS:
            self.state = UP
            self.why = NOTHING
            self.joins += 1
            self._failed = self._breaks = 0
            self._seen = self._heard = now
            log.info("wifi", "joined {}", self.networks[self.network])
        return WAIT

    def _fail(self, says, now):
        write = log.debug if self._failed >= len(self.networks) else log.warning
        write("wifi", _WHY[says], self.networks[self.network], self.status)
        self.why = says
        self._failed += 1
        self._breaks = 0
        self.network = (self.network + 1) % len(self.networks)
        self.state = DOWN
        if self.network:  # the others first
            self.retry_at = now
            return WAIT
        self.retry_at = ticks_add(now, _pause(self._failed // len(self.networks)))
        return RESET

    def _watch(self, connected, now):
        if connected:
            self._seen = now
        if ticks_diff(now, self._seen) >= _GONE_MS:
            log.warning("wifi", "network {} is gone", self.networks[self.network])
        elif ticks_diff(now, self._heard) >= _SILENT_MS:
            log.warning("wifi", "nothing heard for three minutes: starting the radio afresh")
        else:
            return WAIT
        self.state = DOWN
        self.network = 0
        self.retry_at = now
        return RESET


def _pause(rounds):
    return min(_RETRY_MS << min(rounds, 6), _RETRY_MAX_MS)
