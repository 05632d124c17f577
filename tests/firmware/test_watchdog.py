"""watchdog.py on a simulated chip, on MicroPython and on CPython: who feeds it, and that nobody feeds it for ever."""

import sys

from plotpost import log, watchdog

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine

sys.path.pop(0)
machine.unplug()


class Platform:
    def __init__(self, port):
        self.platform = port


class Board(machine.Plugged):
    """A board of one port, from power-on to the end of the `with` block."""

    def __init__(self, port="rp2"):
        self._port = port
        self.lines = []

    def __enter__(self):
        super().__enter__()
        log.write = self.lines.append
        self._sys = watchdog.sys
        watchdog.sys = Platform(self._port)
        watchdog._wdt = None
        return self

    def __exit__(self, *_):
        watchdog.sys = self._sys
        watchdog._wdt = None
        log.write = print
        super().__exit__()

    def lives(self, ms):
        """Whether it is still there after so many milliseconds in which only timers run."""
        try:
            machine.advance(ms)
        except machine.Ended:
            return False
        return True


def test_a_board_that_hangs_is_reset():
    with Board() as board:
        watchdog.arm()
        assert board.lives(8000)
        assert not board.lives(1000)
        assert machine.reset_cause() == machine.WDT_RESET


def test_a_board_that_is_fed_lives_on():
    with Board() as board:
        watchdog.arm()
        for _ in range(10):
            assert board.lives(8000)
            watchdog.feed()


def test_the_rp2_is_never_asked_for_more_than_it_can_wait():
    with Board():
        watchdog.arm()
        assert [w.timeout for w in machine.watchdogs] == [8388]


def test_nothing_resets_a_board_on_which_it_is_not_armed():
    with Board() as board:
        watchdog.feed()
        with watchdog.phase("dns"):
            assert board.lives(100000)
        assert machine.timers == []


def test_a_phase_may_block_for_thirty_seconds_on_every_port():
    for port in ("rp2", "esp32"):
        with Board(port) as board:
            watchdog.arm()
            assert board.lives(7000)
            with watchdog.phase("dns"):
                assert board.lives(30000), port
            assert board.lives(7000), port


def test_a_phase_that_never_ends_is_not_fed_for_ever():
    for port in ("rp2", "esp32"):
        with Board(port) as board:
            watchdog.arm()
            with watchdog.phase("dns"):
                assert not board.lives(41000), port


def test_the_phases_timer_calls_back_in_the_interrupt_and_is_gone_afterwards():
    with Board():
        watchdog.arm()
        with watchdog.phase("dns"):
            assert [timer.hard for timer in machine.timers] == [True]
        assert machine.timers == []


def test_a_phase_that_fails_ends_like_any_other():
    with Board() as board:
        watchdog.arm()
        try:
            with watchdog.phase("dns"):
                raise OSError(5)
        except OSError:
            pass
        assert machine.timers == []
        assert board.lives(8000)
        assert not board.lives(1000)


def test_every_phase_has_its_thirty_seconds():
    with Board() as board:
        watchdog.arm()
        for _ in range(3):
            with watchdog.phase("rest"):
                assert board.lives(29000)


def test_a_phase_that_took_too_long_is_named():
    with Board() as board:
        watchdog.arm()
        with watchdog.phase("dns"):
            assert board.lives(33000)
        assert board.lines[-1].endswith(" W watchdog dns took longer than 30 s")
        with watchdog.phase("tls"):
            assert board.lives(3000)
        assert len(board.lines) == 1


def test_in_service_a_board_is_fed_for_as_long_as_somebody_is_there():
    for port in ("rp2", "esp32"):
        with Board(port) as board:
            watchdog.arm()
            watchdog.hold()
            assert board.lives(200000), port
            assert [timer.hard for timer in machine.timers] == [port == "rp2"]


def test_the_next_start_feeds_it_by_itself_again():
    with Board() as board:
        watchdog.arm()
        watchdog.hold()
        watchdog.arm()
        assert machine.timers == []
        assert not board.lives(9000)


def test_service_needs_no_timer_where_the_watchdog_was_never_armed():
    with Board() as board:
        watchdog.hold()
        assert machine.timers == []
        assert board.lives(200000)


def test_a_machine_without_a_watchdog_needs_none():
    kept = machine.WDT
    del machine.WDT
    try:
        with Board("linux"):
            watchdog.arm()
            watchdog.feed()
            with watchdog.phase("dns"):
                pass
    finally:
        machine.WDT = kept
    assert machine.watchdogs == []
