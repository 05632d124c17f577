"""Open-drain wires with parts on them, in simulated microseconds: a wire is low while anybody pulls it down.

A part has `edge(level, now)`, called when the board lets the wire go or pulls it down, and `pulls(now)`: whether the part pulls it down.
"""

now = 0  # microseconds


def begin():
    """The board begins an exchange. Where time is not simulated, this brings `now` up to date."""


_wires = {}


def wire(name):
    """The wire at the pin `name`."""
    if name not in _wires:
        _wires[name] = Wire()
    return _wires[name]


def cut_all():
    """No pin leads anywhere."""
    _wires.clear()


def sleep_us(us):
    global now
    now += us


class Wire:
    """`shorted`: it touches ground somewhere."""

    def __init__(self):
        self.parts = []
        self.shorted = False
        self._pulled = False  # by the board

    def drive(self, level):
        """The board pulls the wire down (0) or lets it go (1)."""
        if self._pulled == (not level):
            return
        self._pulled = not level
        for part in self.parts:
            part.edge(level, now)

    def level(self):
        if self._pulled or self.shorted:
            return 0
        for part in self.parts:
            if part.pulls(now):
                return 0
        return 1

    def time_pulse(self, level, timeout):
        """How long the next pulse of this level is; -2 when it does not begin, -1 when it does not end (as machine.time_pulse_us)."""
        if self.wait(level, timeout) < 0:
            return -2
        return self.wait(1 - level, timeout)

    def wait(self, level, timeout):
        """Microseconds until the wire has this level, -1 after the timeout."""
        start = now
        while self.level() != level:
            if now - start >= timeout:
                return -1
            sleep_us(1)
        return now - start
