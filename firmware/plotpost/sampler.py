"""Reads each sensor when it is due and puts its readings into the spool. Sampling never waits for the network."""

from plotpost import log
from plotpost.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms
from plotpost.spool import NO_VALUE

_LONGEST_SLEEP_MS = const(1000)
_FAULTS = (OSError, ValueError)  # of a part: silence, and a wrong checksum


class Slot:
    """One sensor: its driver, how often it is read (milliseconds) and which of its values go to which channel of the spool."""

    def __init__(self, name, driver, every, values, channels, now):
        self.name = name
        self.driver = driver
        self.every = every
        self.values = values  # array('i'), one for each of the driver's channels
        self.channels = channels  # the spool's channel of each value, -1 when it is not wanted
        self.turn = now  # when its rhythm has it read
        self.due = now  # when to attend to it: at its turn, or when the part's result is there
        self.started = False  # the part is at work on a result
        self.failed = False

    def fail(self, error):
        """Note a failure. True for the first of a row: it leaves a gap in the plot and a line in the log, the others nothing."""
        first = not self.failed
        write = log.warning if first else log.debug
        write("sampler", "{}: no reading: {}", self.name, repr(error))
        self.failed = True
        for i in range(len(self.values)):
            self.values[i] = NO_VALUE
        return first

    def turned(self, now):
        """Its turn is over; returns the milliseconds until the next. Turns that are past are skipped, and the rhythm is kept."""
        every = self.every
        wait = every - ticks_diff(now, self.turn) % every
        self.turn = self.due = ticks_add(now, wait)
        return wait


class Sampler:
    """Fills `spool` from `slots`, stamping each reading with `clock`."""

    def __init__(self, slots, spool, clock):
        self._slots = slots
        self._spool = spool
        self._clock = clock
        self._slot = None  # that is being read

    async def run(self, progress):
        """Sample for ever; calls `progress()` at every turn."""
        while True:
            progress()
            now = ticks_ms()
            try:  # here and not below, because a handler makes a frame too large for the stack: see line.py
                pause = self.step(now) - ticks_diff(ticks_ms(), now)  # some parts hold the board while they are read
            except _FAULTS as error:
                self.failed(error, now)
                pause = 0
            await sleep_ms(pause)

    def step(self, now):
        """Read what is due; returns the milliseconds until something is due again.

        Raises OSError or ValueError when a part fails: call `failed`, then `step` again for the others.
        """
        slots = self._slots
        pause = _LONGEST_SLEEP_MS
        i = 0
        while i < len(slots):
            slot = slots[i]
            wait = ticks_diff(slot.due, now)
            if wait <= 0:
                wait = self._attend(slot, now)
            if wait < pause:
                pause = wait
            i += 1
        return pause

    def _attend(self, slot, now):
        self._slot = slot
        wait = 0 if slot.started else slot.driver.start()
        slot.started = wait > 0
        if wait:  # the part needs time between start and result: the others are not kept waiting
            slot.due = ticks_add(ticks_ms(), wait)  # not `now`: a part before it may have held the board
            return ticks_diff(slot.due, now)
        slot.driver.read(slot.values)
        slot.failed = False
        self._store(slot)
        return slot.turned(now)

    def failed(self, error, now):
        """The part that `step` has just tried did not answer, or not rightly."""
        slot = self._slot
        if slot.fail(error):
            self._store(slot)
        slot.turned(now)

    def _store(self, slot):
        self._clock.tick()
        channels = slot.channels
        i = 0
        while i < len(channels):
            if channels[i] >= 0:
                self._spool.put(channels[i], slot.values[i], self._clock)
            i += 1
