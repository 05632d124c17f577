"""sampler.py: when sensors are read and what becomes of it, on MicroPython and on CPython. Time is a number that the test moves."""

import asyncio
from array import array

from plotpost import log, sampler
from plotpost.clock import Clock
from plotpost.sampler import Sampler, Slot
from plotpost.spool import NO_VALUE, Spool


class Time:
    """What the clock shows."""

    now = 0

    @staticmethod
    def ticks():
        return Time.now


class Part:
    """A sensor of two values that may need time between start and result."""

    def __init__(self, wait=0):
        self.wait = wait
        self.starts = 0
        self.reads = 0
        self.error = None
        self.holds = 0  # milliseconds for which it holds the board

    def start(self):
        self.starts += 1
        Time.now += self.holds
        return self.wait

    def read(self, values):
        if self.error is not None:
            raise self.error
        self.reads += 1
        values[0] = self.reads
        values[1] = -self.reads


class Bed:
    def __init__(self, *parts, every=100, channels=(0, 1)):
        self.lines = []
        log.write = self.lines.append
        self.spool = Spool(2400)
        self.clock = Clock()
        slots = [Slot("part", p, every, array("i", [0, 0]), array("i", channels), 0) for p in parts]
        self.sampler = Sampler(slots, self.spool, self.clock)

    def step(self, now):
        Time.now = now
        kept, sampler.ticks_ms = sampler.ticks_ms, Time.ticks
        try:
            return self._step(now)
        finally:
            sampler.ticks_ms = kept

    def _step(self, now):
        while True:
            try:
                return self.sampler.step(now)
            except (OSError, ValueError) as error:
                self.sampler.failed(error, now)

    def records(self):
        out = []
        for n in range(self.spool.first, self.spool.next):
            self.spool.load(n)
            out.append((self.spool.channel, self.spool.value))
        return out


def test_each_wanted_value_becomes_a_record():
    bed = Bed(Part())
    bed.step(0)
    assert bed.records() == [(0, 1), (1, -1)]
    bed = Bed(Part(), channels=(-1, 5))
    bed.step(0)
    assert bed.records() == [(5, -1)]


def test_a_sensor_keeps_its_rhythm_although_it_is_attended_to_late():
    part = Part()
    bed = Bed(part)
    assert bed.step(0) == 100
    assert bed.step(130) == 70
    assert bed.step(199) == 1
    assert part.reads == 2


def test_a_part_is_never_read_twice_at_the_same_time_to_catch_up():
    part = Part()
    bed = Bed(part, every=250)
    bed.step(0)
    for _ in range(5):
        bed.step(750)
    assert part.reads == 2


def test_after_a_long_stop_it_does_not_hurry_to_catch_up():
    part = Part()
    bed = Bed(part)
    bed.step(0)
    assert bed.step(5000) == 100
    assert part.reads == 2


def test_a_slow_part_is_not_waited_for_and_keeps_the_rhythm():
    slow, quick = Part(wait=75), Part()
    bed = Bed(slow, quick)
    assert bed.step(0) == 75
    assert (slow.reads, quick.reads) == (0, 1)
    assert bed.step(80) == 20
    assert slow.reads == 1
    bed.step(100)
    assert slow.starts == 2


def test_a_slow_part_gets_its_time_also_behind_one_that_holds_the_board():
    holding, slow = Part(), Part(wait=75)
    holding.holds = 27
    bed = Bed(holding, slow, every=1000)
    bed.step(0)
    bed.step(75 + 26)
    assert slow.reads == 0
    bed.step(75 + 27)
    assert slow.reads == 1


def test_the_time_for_which_a_part_holds_the_board_is_not_waited_once_more():
    holding = Part()
    holding.holds = 30
    bed = Bed(holding)
    pauses = []

    async def sleep_ms(ms):
        pauses.append(ms)
        raise KeyboardInterrupt

    kept = sampler.ticks_ms, sampler.sleep_ms
    sampler.ticks_ms, sampler.sleep_ms = Time.ticks, sleep_ms
    Time.now = 0
    try:
        asyncio.run(bed.sampler.run(lambda: None))
    except KeyboardInterrupt:
        pass
    finally:
        sampler.ticks_ms, sampler.sleep_ms = kept
    assert pauses == [70]


def test_a_failing_sensor_leaves_one_gap_and_one_warning_and_comes_back():
    part = Part()
    bed = Bed(part)
    part.error = OSError(5)
    for now in (0, 100, 200):
        bed.step(now)
    assert bed.records() == [(0, NO_VALUE), (1, NO_VALUE)]
    assert len(bed.lines) == 1 and " W sampler part: no reading" in bed.lines[0]
    part.error = None
    bed.step(300)
    assert bed.records()[2:] == [(0, 1), (1, -1)]
    part.error = ValueError("checksum")
    bed.step(400)
    assert len(bed.lines) == 2


def test_the_ticks_may_wrap():
    part = Part()
    bed = Bed(part)
    slot = bed.sampler._slots[0]
    slot.turn = slot.due = (1 << 30) - 50
    bed.step((1 << 30) - 50)
    assert bed.step(49) == 1
    bed.step(50)
    assert part.reads == 2


def test_a_failing_sensor_does_not_keep_the_others_from_being_read():
    broken, sound = Part(), Part()
    broken.error = OSError(5)
    bed = Bed(broken, sound)
    assert bed.step(0) == 100
    assert sound.reads == 1


def test_a_turn_that_comes_a_little_late_is_not_given_up():
    part = Part()
    bed = Bed(part)
    for now in (0, 150, 250, 350, 450):
        bed.step(now)
    assert part.reads == 5


def test_a_reading_touches_the_heap_not_even_for_a_moment():
    try:
        from micropython import mem_total
    except ImportError:
        return  # CPython; the same file runs on MicroPython
    bed = Bed(Part(), Part())

    def read_all(start):
        before = mem_total()
        for n in range(20):
            bed.sampler.step(start + n * 100)
        return mem_total() - before

    read_all(0)
    assert read_all(2000) == 0
    assert bed.spool.next == 160
