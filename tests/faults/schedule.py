"""A random sequence of faults, the same for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults import proxy
from tests.faults.harness import BOARD_FROZEN, ENDPOINT_FROZEN, ENDPOINT_KILLED, ENDPOINT_STOPPED, POWER_CUT, World

_PAUSE_S = 1.5  # between two faults of a board, on average
_FOR_EVER = 0.05  # part of the lies that nobody ends: the board must find out by itself
_SHORT_S, _LONG_S = 0.1, 2.5
_REQUEST = 4000  # bytes: somewhere in a request or two
_RESPONSE = 400
_LARGEST_DELAY_S, _LARGEST_TRICKLE_S = 0.5, 0.005
_LOWEST_RATE, _HIGHEST_RATE = 300, 20_000  # bytes a second

# How often each kind comes. Those of the endpoint strike all boards at once.
_WEIGHTS = {
    proxy.CUT: 14,
    proxy.RESET: 18,
    proxy.HALF_OPEN: 6,
    proxy.DEAF: 5,
    proxy.MUTE: 8,
    proxy.LATE: 12,
    proxy.ANSWER: 10,
    proxy.DELAY: 5,
    proxy.THROTTLE: 4,
    proxy.TRICKLE: 3,
    proxy.STALL: 3,
    proxy.BLACKHOLE: 1.5,
    proxy.REFUSE: 2,
    proxy.UNACCEPTED: 1,
    POWER_CUT: 3,
    BOARD_FROZEN: 1,
    ENDPOINT_KILLED: 0.8,
    ENDPOINT_STOPPED: 0.2,
    ENDPOINT_FROZEN: 0.4,
}

# Answers that heal by themselves; what a board does about the others stands in the tests of its state machine.
_ANSWERS = (
    "408 Request Timeout",
    "449 Retry With",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "520 Request Stream Error",
)
_CAPTIVE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 26\r\n\r\n<html>Please sign in</html>",
    b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02\x46",  # a TLS alert: somebody else's server
)


@dataclass(frozen=True)
class Fault:
    """`at`: seconds since the begin. `station`: the number of the board; faults of the endpoint leave it aside."""

    at: float
    kind: str
    station: int
    seconds: float
    strike: proxy.Strike
    strength: float

    def happen(self, world: World) -> None:
        """Begin it. Only one strike at a time waits for a board's next byte: else no connection would ever live."""
        station = world.stations[self.station]
        if self.kind in proxy.STRIKES:
            if not station.proxy.pending:
                station.proxy.arm(self.strike)
        elif self.kind in proxy.WEATHER:
            station.proxy.change_weather(self.kind, self.strength, self.seconds)
        elif self.kind in proxy.DOORS:
            station.proxy.close_door(self.kind, self.seconds)
        else:
            {
                POWER_CUT: station.cut_power,
                BOARD_FROZEN: station.freeze,
                ENDPOINT_KILLED: world.kill_endpoint,
                ENDPOINT_STOPPED: world.stop_endpoint,
                ENDPOINT_FROZEN: world.freeze_endpoint,
            }[self.kind](self.seconds)


def faults(seed: int, stations: int) -> Iterator[Fault]:
    """Faults without end, in the order of their time."""
    dice = random.Random(seed)
    at = 0.0
    while True:
        at += dice.expovariate(stations / _PAUSE_S)
        kind = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        seconds = dice.uniform(_SHORT_S, _LONG_S)
        yield Fault(at, kind, dice.randrange(stations), seconds, _strike(dice, kind, seconds), _strength(dice, kind))


def _strike(dice: random.Random, kind: str, seconds: float) -> proxy.Strike:
    """At any byte of the request, or of its answer."""
    flow = dice.choice((proxy.UP, proxy.UP, proxy.DOWN))
    after = dice.randrange(_REQUEST if flow == proxy.UP else _RESPONSE)
    lasts = None if kind != proxy.LATE and dice.random() < _FOR_EVER else seconds
    return proxy.Strike(kind, flow, after, lasts, _answer(dice) if kind == proxy.ANSWER else b"")


def _answer(dice: random.Random) -> bytes:
    if dice.random() < 1 / 4:
        return dice.choice(_CAPTIVE)
    return f"HTTP/1.1 {dice.choice(_ANSWERS)}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlater".encode()


def _strength(dice: random.Random, kind: str) -> float:
    if kind == proxy.DELAY:
        return dice.uniform(0, _LARGEST_DELAY_S)
    if kind == proxy.TRICKLE:
        return dice.uniform(0, _LARGEST_TRICKLE_S)
    return dice.uniform(_LOWEST_RATE, _HIGHEST_RATE)
