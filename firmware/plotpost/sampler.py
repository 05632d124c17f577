"""Reads each sensor when it is due and puts its readings into the spool. Sampling never waits for the network."""

from plotpost import log
from plotpost.port import sleep_ms, ticks_add, ticks_diff, ticks_ms
from plotpost.spool import NO_VALUE

_LONGEST_SLEEP_MS = 1000


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
        self.started = False
        self.failed = False


class Sampler:
    """Fills `spool` from `slots`, stamping each reading with `clock`."""

    def __init__(self, slots, spool, clock):
        self._slots = slots
        self._spool = spool
        self._clock = clock

    async def run(self, progress):
        """Sample for ever; calls `progress()` at every turn."""
        while True:
            progress()
            await sleep_ms(self.step(ticks_ms()))

    def step(self, now):
        """Read what is due; returns the milliseconds until something is due again."""
        pause = _LONGEST_SLEEP_MS
        for slot in self._slots:
            if ticks_diff(now, slot.due) >= 0:
                self._attend(slot, now)
            pause = min(pause, ticks_diff(slot.due, now))
        return max(pause, 0)

    def _attend(self, slot, now):
        """A part that needs time between start and result is not waited for: its result becomes due."""
        try:
            if not slot.started:
                wait = slot.driver.start()
                if wait:
                    slot.started = True
                    slot.due = ticks_add(now, wait)
                    return
            slot.driver.read(slot.values)
            slot.failed = False
        except (OSError, ValueError) as error:
            if not self._first_failure(slot, error):
                self._next_turn(slot, now)
                return
        self._store(slot)
        self._next_turn(slot, now)

    def _first_failure(self, slot, error):
        """The first of a row of failures leaves a gap in the plot and a line in the log; the others nothing."""
        write = log.debug if slot.failed else log.warning
        write("sampler", "%s: no reading: %r" % (slot.name, error))
        first = not slot.failed
        slot.failed = True
        for i in range(len(slot.values)):
            slot.values[i] = NO_VALUE
        return first

    def _store(self, slot):
        clock = self._clock
        clock.tick()
        for i in range(len(slot.channels)):
            channel = slot.channels[i]
            if channel >= 0:
                self._spool.put(channel, clock.day, clock.ms, slot.values[i], clock.known)

    def _next_turn(self, slot, now):
        slot.started = False
        slot.turn = ticks_add(slot.turn, slot.every)
        if ticks_diff(now, slot.turn) > 0:  # too late for that one: keep the rhythm, do not hurry after it
            slot.turn = ticks_add(now, slot.every)
        slot.due = slot.turn
