"""crash.py: what ended the last life, and the log of bad ends, on MicroPython and on CPython, in real files."""

import json
import os
import sys
import time

from plotpost import crash, log, port

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine

sys.path.pop(0)
machine.unplug()


class Board(machine.Plugged):
    """A board with a folder of its own, which lasts until the end of the `with` block."""

    def __enter__(self):
        super().__enter__()
        self.lines = []
        log.write = self.lines.append
        self.folder = "/tmp/plotpost-test-%d/" % (time.time_ns() // 1000)
        self.up = 0
        os.mkdir(self.folder[:-1])
        return self

    def __exit__(self, *_):
        log.write = print
        for name in os.listdir(self.folder):
            os.remove(self.folder + name)
        os.rmdir(self.folder[:-1])
        super().__exit__()

    def boot(self, cause=machine.PWRON_RESET, **how):
        machine.come_back(cause)
        return crash.Boot(self.folder, lambda: (self.up, 0), **how)

    def give_up(self, boot, reason="task stream cannot be cancelled", save=lambda: None):
        """The board resets itself, and boots again as an rp2 does."""
        try:
            boot.reset(reason, save)
        except machine.Ended:
            pass
        return crash.Boot(self.folder, lambda: (self.up, 0))

    def log(self):
        try:
            with open(self.folder + "crash.log") as file:
                return file.read().split("\n")[:-1]
        except OSError:
            return []

    def written(self):
        """The files and when they were last written, to tell whether one was."""
        found = [(name, os.stat(self.folder + name)) for name in os.listdir(self.folder)]
        return {name: (stat[6], stat[8]) for name, stat in found}  # not when they were read


def cause(boot):
    return crash.CAUSES[boot.cause]


def test_boots_are_counted_over_power_cuts():
    with Board() as board:
        assert [board.boot().number for _ in range(3)] == [1, 2, 3]
        assert board.log() == []


def test_the_chip_tells_what_ended_the_last_life():
    with Board() as board:
        for told, word in ((1, "power-on"), (2, "reset"), (3, "watchdog"), (4, "deep-sleep"), (5, "soft-reset"), (0, "unknown")):
            assert cause(board.boot(told)) == word


def test_a_watchdog_reset_leaves_a_line_with_the_boot_that_hung():
    with Board() as board:
        board.boot()
        board.boot(machine.WDT_RESET)
        board.boot()
        assert board.log() == ["boot 1 (0.1.0) watchdog: the loop hung"]


def test_a_reset_by_itself_is_not_taken_for_the_watchdog_that_an_rp2_resets_by():
    with Board() as board:
        board.up = 86400
        boot = board.give_up(board.boot())
        assert machine.reset_cause() == machine.WDT_RESET
        assert cause(boot) == "recovery"
        assert boot.reason == "task stream cannot be cancelled"
        assert board.log() == ["boot 1 (0.1.0) after 86400 s: task stream cannot be cancelled"]


def test_the_reason_is_told_once():
    with Board() as board:
        board.give_up(board.boot())
        boot = board.boot(machine.WDT_RESET)
        assert (cause(boot), boot.reason) == ("watchdog", "")


def test_the_log_says_at_boot_what_ended_the_last_life():
    with Board() as board:
        boot = board.boot()
        boot.say()
        assert board.lines[-1].endswith(" I boot number 1, the one before ended by: power-on")
        board.give_up(boot).say()
        assert board.lines[-1].endswith(" W boot number 2, the one before ended by: task stream cannot be cancelled")


def test_what_is_in_ram_is_saved_before_the_reset():
    with Board() as board:
        order = []
        board.give_up(board.boot(), save=lambda: order.append(board.log()))
        assert order == [[]]


def test_a_save_that_fails_does_not_keep_the_board_from_its_reset():
    def save():
        raise MemoryError

    with Board() as board:
        assert cause(board.give_up(board.boot(), save=save)) == "recovery"
        assert any(" E boot MemoryError at " in line for line in board.lines)


def test_a_flash_that_takes_nothing_does_not_keep_the_board_from_its_reset():
    with Board() as board:
        boot = board.boot()
        board.folder, kept = "/nowhere/", board.folder
        boot._folder = "/nowhere/"
        assert board.give_up(boot).number == 1
        board.folder = kept


def test_a_heap_that_is_full_does_not_keep_the_board_from_its_reset_and_leaves_the_reason():
    def full(end):
        raise MemoryError

    with Board() as board:
        boot = board.boot()
        boot._append = full
        assert board.give_up(boot).reason == "task stream cannot be cancelled"
        assert any(" E boot MemoryError at " in line for line in board.lines)


def test_the_log_is_bounded_and_loses_its_oldest_lines():
    with Board() as board:
        boot = board.boot()
        for n in range(100):
            boot = board.give_up(boot, "reason %d" % n)
        lines = board.log()
        assert lines[-1].endswith("reason 99")
        assert not any(line.endswith("reason 0") for line in lines)
        assert len(lines) > 20
        assert os.stat(board.folder + "crash.log")[6] <= 2048


def test_a_long_reason_cannot_push_all_others_out():
    with Board() as board:
        boot = board.give_up(board.boot(), "first")
        board.give_up(boot, "x" * 5000)
        assert [len(line) for line in board.log()] == [len("boot 1 (0.1.0) after 0 s: first"), 200]


def test_a_wake_from_deep_sleep_is_no_boot_and_writes_nothing():
    with Board() as board:
        board.boot()
        before = board.written()
        for _ in range(5):
            boot = board.boot(machine.WDT_RESET, woken=True)
            assert (boot.number, cause(boot), boot.looping()) == (1, "deep-sleep", False)
        assert board.written() == before
        assert board.log() == []


def test_a_start_after_service_is_no_boot_and_writes_nothing():
    with Board() as board:
        board.give_up(board.boot())
        before = board.written()
        crash.warm = lambda: True
        try:
            boot = board.boot(machine.WDT_RESET)
        finally:
            crash.warm = port.warm
        assert (boot.number, boot.bad, cause(boot), boot.warm) == (2, 1, "soft-reset", True)
        assert board.written() == before


def test_the_very_first_start_counts_though_the_chip_was_not_reset():
    with Board() as board:
        crash.warm = lambda: True
        try:
            assert [board.boot().number for _ in range(3)] == [1, 1, 1]
        finally:
            crash.warm = port.warm


def test_a_chip_whose_ticks_had_just_begun_has_booted():
    kept = port.SYSTEM_CLOCK, port.started
    try:
        for port.SYSTEM_CLOCK, port.started, warm in ((False, 3000, False), (False, 15000, True), (True, 15000, False)):
            assert port.warm() == warm
    finally:
        port.SYSTEM_CLOCK, port.started = kept


def test_spoilt_files_do_no_harm():
    with Board() as board:
        for content in ("", "{" * 5000, "[]", '{"boots": "many"}', '{"boots": 7}'):
            with open(board.folder + "boot.json", "w") as file:
                file.write(content)
            with open(board.folder + "crash.log", "w") as file:
                file.write(content)
            assert board.boot(machine.WDT_RESET).number == 1
            assert board.log()[-1].endswith("boot 0 (0.1.0) watchdog: the loop hung")


def test_five_bad_ends_in_a_row_are_a_loop():
    with Board() as board:
        boot = board.boot()
        for n in range(5):
            assert not boot.looping()
            boot = board.give_up(boot) if n % 2 else board.boot(machine.WDT_RESET)
        assert boot.looping()
        assert not board.boot(machine.PWRON_RESET).looping()


def test_a_life_that_lasted_ends_a_loop_and_writes_only_then():
    with Board() as board:
        boot = board.boot()
        for _ in range(4):
            boot = board.give_up(boot)
        boot.healthy()
        boot = board.give_up(boot)
        assert boot.bad == 1
        boot.healthy()
        before = board.written()
        boot.healthy()
        assert board.written() == before


def test_on_linux_the_program_ends_with_status_one():
    with Board() as board:
        boot = board.boot()
        sys.modules["machine"] = json  # has no `reset`, as Linux's own `machine`
        try:
            boot.reset("why", lambda: None)
        except SystemExit as end:
            assert end.args[0] == 1
        else:
            raise AssertionError("it goes on")
        assert board.log() == ["boot 1 (0.1.0) after 0 s: why"]
        assert board.lines[-1].endswith(" E boot resetting: why")


def test_a_described_error_has_its_kind_and_place_but_not_its_text():
    try:
        raise ValueError("a secret")
    except ValueError as error:
        text = crash.describe(error)
    assert text.startswith("ValueError at test_crash.py:")
