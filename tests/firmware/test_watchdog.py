"""watchdog.py on a simulated chip, on MicroPython and on CPython: who feeds it, that nobody feeds it for ever, and that it lets go."""

import sys

from plotpost import log, watchdog

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine

sys.path.pop(0)
machine.unplug()


PORTS = ("rp2", "esp32")


class System:
    """What `sys` tells of a board."""

    class implementation:
        _machine = "Raspberry Pi Pico W with RP2040"

    def __init__(self, port):
        self.platform = port


class Board(machine.Plugged):
    """A board of one port, from power-on to the end of the `with` block."""

    def __init__(self, port="rp2"):
        super().__init__(port)
        self.lines = []

    def __enter__(self):
        super().__enter__()
        log.write = self.lines.append
        self._kept = watchdog.sys, watchdog.ticks_ms
        watchdog.sys, watchdog.ticks_ms = System(self._port), lambda: machine.now
        watchdog._armed, watchdog._wdt, watchdog._deadline = False, None, None
        return self

    def __exit__(self, *_):
        watchdog._phase.stop()
        watchdog._armed, watchdog._wdt, watchdog._deadline = False, None, None
        watchdog.sys, watchdog.ticks_ms = self._kept
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
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            assert board.lives(8000)
            assert not board.lives(2001)
            assert machine.reset_cause() == machine.WDT_RESET


def test_a_board_that_is_fed_lives_on():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            for _ in range(10):
                assert board.lives(8000)
                watchdog.feed()


def test_the_rp2_is_never_asked_for_more_than_it_can_wait():
    with Board():
        watchdog.arm()
        assert [w.timeout for w in machine.watchdogs] == [8388]


def test_nothing_resets_a_board_on_which_it_is_not_armed():
    for port in PORTS:
        with Board(port) as board:
            watchdog.feed()
            with watchdog.phase("dns"):
                assert board.lives(100000)
            watchdog.release()
            assert machine.timers == []
            assert machine.watchdogs == []


def test_a_phase_may_block_for_thirty_seconds_on_every_port():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            assert board.lives(7000)
            with watchdog.phase("dns"):
                assert board.lives(30000), port
            assert board.lives(7000), port


def test_after_a_phase_a_board_that_hangs_is_reset_as_soon_as_before_it():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            with watchdog.phase("dns"):
                pass
            assert not board.lives(10001), port


def test_a_phase_that_never_ends_is_not_fed_for_ever():
    for port in PORTS:
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
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            try:
                with watchdog.phase("dns"):
                    raise OSError(5)
            except OSError:
                pass
            assert machine.timers == []
            assert board.lives(8000)
            assert not board.lives(2001)


def test_every_phase_has_its_thirty_seconds():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            for _ in range(3):
                with watchdog.phase("rest"):
                    assert board.lives(29000)


def test_a_phase_that_took_too_long_is_named():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            with watchdog.phase("dns"):
                assert board.lives(33000)
            assert board.lines[-1].endswith(" W watchdog dns took longer than 30 s")
            with watchdog.phase("tls"):
                assert board.lives(3000)
            assert len(board.lines) == 1


def test_a_released_board_is_not_reset_whatever_runs_there_until_the_next_start():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            watchdog.release()
            machine.timers.clear()  # as a soft reset into the raw REPL does
            assert board.lives(400000), port
            watchdog.arm()
            assert not board.lives(10001), port


def test_it_is_released_from_within_a_phase_too():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            try:
                with watchdog.phase("rest"):
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                watchdog.release()
            assert machine.timers == []
            assert board.lives(100000), port


def test_a_second_interrupt_on_the_way_does_not_keep_it_from_being_released():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            stop = watchdog._phase.stop

            def interrupted(stop=stop):
                watchdog._phase.stop = stop
                raise KeyboardInterrupt

            watchdog._phase.stop = interrupted
            watchdog.release()
            assert board.lives(100000), port


def test_both_chips_of_the_rp2_port_are_released_by_their_own_register():
    for name, register in (("Raspberry Pi Pico W with RP2040", 0x4005B000), ("Raspberry Pi Pico 2 W with RP2350", 0x400DB000)):
        with Board() as board:
            written = []

            class Registers:
                def __setitem__(self, address, value, written=written):
                    written.append((address, value))

            watchdog.sys.implementation = System.implementation()
            watchdog.sys.implementation._machine = name
            kept, machine.mem32 = machine.mem32, Registers()
            watchdog.arm()
            watchdog.release()
            machine.mem32 = kept
            assert written == [(register, 1 << 30)], board


def test_after_its_deadline_nobody_feeds_it():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            watchdog.deadline(120000)
            for _ in range(14):
                watchdog.feed()
                assert board.lives(8000), port
            watchdog.feed()
            for _ in range(3):
                if board.lives(8000):
                    watchdog.feed()
            assert machine.reset_cause() == machine.WDT_RESET, port


def test_a_deadline_is_lifted_by_its_release():
    for port in PORTS:
        with Board(port) as board:
            watchdog.arm()
            watchdog.deadline(120000)
            watchdog.release()
            assert board.lives(200000), port
            watchdog.arm()
            watchdog.feed()
            assert board.lives(8000)
            watchdog.feed()
            assert board.lives(8000)


def test_a_chip_that_refuses_the_watchdog_goes_on_without_it_and_says_so():
    for error in (OSError(-258, "ESP_ERR_INVALID_ARG"), OSError(259), ValueError("WDT timeout too short")):
        with Board("esp32") as board:
            machine.raises["WDT"] = error
            watchdog.arm()
            watchdog.feed()
            with watchdog.phase("dns"):
                pass
            watchdog.release()
            assert " E watchdog it cannot be armed: " in board.lines[0]
            assert board.lives(100000)


def test_a_machine_without_a_watchdog_needs_none():
    kept = machine.WDT
    del machine.WDT
    try:
        with Board("linux"):
            watchdog.arm()
            watchdog.feed()
            with watchdog.phase("dns"):
                pass
            watchdog.release()
    finally:
        machine.WDT = kept
    assert machine.watchdogs == []
