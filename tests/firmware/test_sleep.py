"""sleep.py on a simulated chip: what a life between two sleeps does, and what goes on over them, on MicroPython and on CPython.

tests/test_sleep.py has the same with the whole agent, a process for each life, and a real endpoint.
"""

import asyncio
import sys
import time
from array import array

from plotpost import boots, log, retained, sleep, watchdog
from plotpost.port import sleep_ms
from plotpost.sampler import Sampler, Slot

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine

sys.path.pop(0)
machine.unplug()


class System:
    """What `sys` tells of a board."""

    class implementation:
        _machine = "Raspberry Pi Pico with RP2040"

    def __init__(self, port):
        self.platform = port


class Channel:
    def __init__(self, token="abcdefghij", decimals=1):
        self.token = token
        self.decimals = decimals


class Part:
    """A sensor that gives 0, 1, 2 .. after `wait` milliseconds."""

    def __init__(self, wait=0, error=None):
        self.reads = 0
        self._wait = wait
        self._error = error

    def start(self):
        return self._wait

    def read(self, values):
        self.reads += 1
        if self._error:
            raise self._error
        values[0] = self.reads


class Spool:
    """A ring, and a flash that takes everything unless it is `broken`."""

    def __init__(self, stream_id, number, broken=False):
        self.stream_id = stream_id
        self.next = self._flashed = number
        self.first = 0
        self.dropped = 0
        self._broken = broken

    def put(self, *reading):
        self.next += 1

    def in_ram(self):
        return self.next - self._flashed

    def waiting(self):
        return self.next - self.first

    def spill(self, count):
        if not self._broken:
            self._flashed += count


class Clock:
    def __init__(self):
        self.known = True
        self.carried = None
        self.day = self.ms = 0

    def tick(self):
        pass

    def carry(self, ms):
        return [ms]

    def resume(self, carried):
        self.carried = carried


class Counts:
    dropped = 0
    skipped = 0
    connects = 0


class Agent:
    """The parts of the agent that a sleep deals with. `finished` holds what was in RAM when it was asked to send."""

    def __init__(self, spool, parts):
        self.spool = spool
        self.clock = Clock()
        self.flash = Counts()
        self.delivery = Counts()
        self.wifi = None
        self.plotted = False
        self.slots = [Slot("part", part, 1, array("i", [0]), array("i", [0]), sleep.ticks_ms()) for part in parts]
        self.sampler = Sampler(self.slots, spool, self.clock)
        self.finished = []

    async def finish(self, patience):
        self.finished.append(self.spool.in_ram())
        self.delivery.connects += 1
        self.plotted = True
        await sleep_ms(1)


class Board(machine.Plugged):
    """A board of one port. What its lives leave to each other lasts until the end of the `with` block."""

    def __init__(self, port="esp32"):
        super().__init__(port)

    def __enter__(self):
        super().__enter__()
        self.lines = []
        log.write = self.lines.append
        self._kept = sleep.sys, sleep.booted, retained.PATH, boots.warm
        boots.warm = lambda: False  # this program may have run for long
        sleep.sys = watchdog.sys = boots.sys = System(self._port)
        retained.PATH = "/tmp/plotpost-test-%d" % (time.time_ns() // 1000)
        self.lives = 0
        return self

    def __exit__(self, *_):
        sleep.sys, sleep.booted, retained.PATH, boots.warm = self._kept
        watchdog.sys = boots.sys = sleep.sys
        watchdog.release()
        log.write = print
        super().__exit__()

    def boot(self, token="abcdefghij", endpoint="http://endpoint", every_ms=600000):
        """A life begins: its Sleep. It has just been reset."""
        sleep.booted = sleep.ticks_ms()
        boot = boots.count("/tmp/", retained.take())
        return sleep.Sleep(every_ms, 3, endpoint, [Channel(token)], boot.carried)

    def live(self, cause=None, parts=None, known=True, broken=False, **how):
        """One life after `cause`, to its sleep; gives its Sleep and its Agent."""
        machine.come_back(machine.reset_cause() if cause is None else cause)
        watchdog.arm()
        nap = self.boot(**how)
        self.lives += 1
        spool = Spool(nap.stream_id or "%016x" % self.lives, nap.next, broken)
        agent = Agent(spool, parts or [Part(), Part()])
        agent.clock.known = known
        nap.restore(agent)
        try:
            asyncio.run(nap.run(agent))
        except machine.Ended:
            pass
        return nap, agent


def test_linux_cannot_sleep():
    with Board():
        assert sleep.possible()
        kept = machine.deepsleep
        del machine.deepsleep
        try:
            assert not sleep.possible()
        finally:
            machine.deepsleep = kept


def test_id_and_number_go_on_over_the_sleeps():
    with Board() as board:
        ids = set()
        for wake in range(7):
            nap, agent = board.live()
            assert nap.woken == (wake > 0)
            assert nap.next == wake * 2
            ids.add(agent.spool.stream_id)
        assert len(ids) == 1


def test_an_rp2_calls_its_sleep_a_watchdog_reset_and_goes_on_all_the_same():
    with Board("rp2") as board:
        machine.on_sleep = end
        try:
            board.live()
            nap, _ = board.live(machine.WDT_RESET)
            assert (nap.woken, nap.next) == (True, 2)
        finally:
            machine.on_sleep = None


def end(ms):
    raise machine.Ended


def test_after_anything_but_a_planned_sleep_a_new_id_begins():
    for port, causes in (("esp32", (1, 2, 3, 5, 0)), ("rp2", (1,))):
        for cause in causes:
            with Board(port) as board:
                machine.on_sleep = end
                board.live()
                nap, _ = board.live(cause)
                machine.on_sleep = None
                assert not nap.woken, (port, cause)
                assert nap.stream_id is None


def test_a_life_that_did_not_end_in_sleep_carries_nothing_over():
    with Board() as board:
        board.live()
        assert board.boot().woken
        assert not board.boot().woken  # that one has hung, and was reset


def test_a_spoilt_state_is_not_believed():
    for content in ("", "{", "[]", "{}", '{"purpose": 1}', "null", "7"):
        with Board() as board:
            machine.come_back(machine.DEEPSLEEP_RESET)
            retained.leave(content)
            assert not board.boot().woken, content


def test_other_channels_or_another_endpoint_begin_a_new_id():
    for changed in ({"token": "klmnopqrst"}, {"endpoint": "http://elsewhere"}):
        with Board() as board:
            board.live()
            nap, _ = board.live(**changed)
            assert not nap.woken


def test_it_connects_at_the_first_boot_and_then_every_third_time():
    with Board() as board:
        connected = [bool(board.live()[1].finished) for _ in range(8)]
        assert connected == [True, False, False, True, False, False, True, False]


def test_readings_are_on_flash_before_they_are_sent():
    with Board() as board:
        _, agent = board.live()
        assert agent.finished == [0]


def test_readings_that_the_flash_refuses_are_sent_at_once():
    with Board() as board:
        board.live()
        _, agent = board.live(broken=True)
        assert agent.finished == [2]


def test_what_neither_flash_nor_network_took_is_counted_as_dropped_over_the_sleeps():
    with Board() as board:
        board.live(broken=True)
        board.live(broken=True)
        _, agent = board.live()
        assert agent.spool.dropped == 4


def test_without_the_time_it_connects_at_every_wake():
    with Board() as board:
        assert [len(board.live(known=False)[1].finished) for _ in range(4)] == [1, 1, 1, 1]


def test_every_sensor_is_read_once_however_often_config_json_would_have_it():
    with Board() as board:
        fast, slow = Part(), Part(wait=60)
        _, agent = board.live(parts=[fast, slow])
        assert (fast.reads, slow.reads) == (1, 1)
        assert agent.spool.next == 2


def test_a_sensor_that_fails_does_not_keep_the_others_from_being_read_or_the_board_awake():
    with Board() as board:
        good = Part()
        board.live(parts=[Part(error=OSError(110)), good])
        assert good.reads == 1
        assert machine.slept > 590000


def test_it_sleeps_until_the_next_wake_is_due():
    with Board() as board:
        board.live(parts=[Part(wait=200)])
        assert 595000 < machine.slept <= 599800


def test_a_life_that_lasted_longer_than_the_rhythm_is_followed_by_a_short_sleep():
    with Board() as board:
        board.live(parts=[Part(wait=1200)], every_ms=1000)
        assert machine.slept == 1000


def test_the_clock_and_the_counters_go_on():
    with Board() as board:
        _, agent = board.live()
        slept = machine.slept
        agent.delivery.skipped = 5  # too late: this life is over
        _, agent = board.live()
        assert agent.clock.carried == [slept]
        assert (agent.delivery.skipped, agent.delivery.connects) == (0, 1)
        assert agent.plotted


def test_an_rp2_sleeps_on_when_an_interrupt_wakes_it_and_longer_than_it_can_at_a_time():
    now = [0]
    naps = []

    def light(ms):
        naps.append(ms)
        now[0] += 1000 if len(naps) == 1 else ms

    with Board("rp2"):
        kept, sleep.ticks_ms = sleep.ticks_ms, lambda: now[0]
        machine.on_sleep = light
        try:
            sleep._sleep(2 * 3600000 + 5000)
        except machine.Ended:
            pass
        finally:
            machine.on_sleep = None
            sleep.ticks_ms = kept
    assert naps == [3600000, 3600000, 3600000, 4000]


def test_the_radio_is_off_in_the_sleep():
    class Wifi:
        off_at = None

        def off(self):
            self.off_at = machine.slept

    with Board() as board:
        nap = board.boot()
        agent = Agent(Spool("1" * 16, 0), [Part()])
        agent.wifi = Wifi()
        try:
            asyncio.run(nap.run(agent))
        except machine.Ended:
            pass
        assert agent.wifi.off_at == 0


def test_a_board_that_should_be_asleep_is_reset_whatever_it_does():
    class Restless(Agent):
        async def finish(self, patience):
            while True:
                watchdog.feed()
                machine.advance(1000)

    for port in ("rp2", "esp32"):
        with Board(port) as board:
            watchdog.ticks_ms, kept = lambda: machine.now, watchdog.ticks_ms
            watchdog.arm()
            try:
                asyncio.run(board.boot().run(Restless(Spool("1" * 16, 0), [Part()])))
            except machine.Ended:
                pass
            finally:
                watchdog.ticks_ms = kept
            assert machine.reset_cause() == machine.WDT_RESET, port
            assert 120000 < machine.now < 131000, port


def test_in_its_sleep_no_watchdog_bites_an_rp2():
    def sleeping(ms):
        machine.advance(ms)
        raise machine.Ended

    with Board("rp2") as board:
        machine.on_sleep = sleeping
        try:
            board.live(every_ms=30000)
            assert 29000 < machine.slept == machine.now
        finally:
            machine.on_sleep = None


def test_a_wake_is_counted_from_the_reset_that_ended_the_sleep():
    with Board() as board:
        nap = board.boot()
        sleep.booted = sleep.ticks_add(sleep.ticks_ms(), -7000)  # so long its files took to load
        try:
            asyncio.run(nap.run(Agent(Spool("1" * 16, 0), [Part()])))
        except machine.Ended:
            pass
        assert 592000 < machine.slept <= 593000


def test_a_sleep_that_the_chip_refuses_ends_with_what_it_said():
    with Board() as board:
        machine.raises["deepsleep"] = RuntimeError("esp_sleep_enable_touchpad_wakeup() failed")
        try:
            board.live()
        except RuntimeError:
            return
        raise AssertionError("it goes on")
