"""crash.py and boots.py: what ended the last life, and the log of bad ends, on MicroPython and on CPython, in real files."""

import json
import os
import sys
import time

from plotpost import boots, crash, log, port, retained

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine

sys.path.pop(0)
machine.unplug()


class System:
    """What `sys` tells of a board."""

    def __init__(self, port):
        self.platform = port


class Board(machine.Plugged):
    """A board of one port, with a folder of its own, which lasts until the end of the `with` block."""

    def __enter__(self):
        super().__enter__()
        self.lines = []
        log.write = self.lines.append
        self._kept = boots.sys, boots.warm, log.uptime
        boots.warm = lambda: False  # this program may have run for long
        boots.sys, log.uptime = System(self._port), lambda: (self.up, 0)
        self.folder = "/tmp/plotpost-test-%d/" % (time.time_ns() // 1000)
        self.up = 0
        os.mkdir(self.folder[:-1])
        return self

    def __exit__(self, *_):
        log.write = print
        boots.sys, boots.warm, log.uptime = self._kept
        for name in os.listdir(self.folder[:-1]):
            os.remove(self.folder + name)
        os.rmdir(self.folder[:-1])
        super().__exit__()

    def boot(self, cause=machine.PWRON_RESET, left=None):
        """What begins after `cause`; a life that fell asleep as planned left something."""
        machine.come_back(cause)
        return boots.count(self.folder, left or (retained.take() if retained.free() else None))

    def give_up(self, boot, reason="task stream cannot be cancelled", save=lambda: None):
        """The board resets itself, and boots again."""
        try:
            boot.reset(reason, save)
        except machine.Ended:
            pass
        return self.boot(machine.reset_cause())

    def log(self):
        try:
            with open(self.folder + "crash.log") as file:
                return file.read().split("\n")[:-1]
        except OSError:
            return []

    def written(self):
        """The files and when they were last written, to tell whether one was."""
        found = [(name, os.stat(self.folder + name)) for name in os.listdir(self.folder[:-1])]
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


def test_a_cause_that_no_port_tells_is_unknown():
    with Board() as board:
        assert cause(board.boot(6)) == cause(board.boot(99)) == "unknown"


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
        boot.note = full
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
    for kind, told in (("rp2", machine.WDT_RESET), ("esp32", machine.DEEPSLEEP_RESET)):
        with Board(kind) as board:
            board.boot()
            before = board.written()
            for _ in range(5):
                boot = board.boot(told, left="{}")
                assert (boot.number, cause(boot), boot.looping(), boot.carried) == (1, "deep-sleep", False, "{}")
            assert board.written() == before
            assert board.log() == []


def test_what_was_left_is_carried_over_a_planned_sleep_alone():
    for kind, causes in (("esp32", (0, 1, 2, 3, 5)), ("rp2", (1,))):
        for told in causes:
            with Board(kind) as board:
                assert board.boot(told, left="{}").carried is None, (kind, told)
    with Board("esp32") as board:
        assert board.boot(machine.DEEPSLEEP_RESET, left="running").carried is None  # somebody else's sleep


def test_a_start_after_service_is_no_boot_and_writes_nothing():
    for kind in ("rp2", "esp32"):
        with Board(kind) as board:
            board.give_up(board.boot())
            before = board.written()
            boot = started_again(board, machine.WDT_RESET)
            assert (boot.number, boot.bad, cause(boot)) == (2, 1, "soft-reset")
            assert board.written() == before


def started_again(board, told):
    """Ctrl-C, then Ctrl-D."""
    kept, boots.warm = boots.warm, lambda: True
    try:
        return board.boot(told)
    finally:
        boots.warm = kept


def test_a_panic_is_a_bad_end_that_five_of_make_safe_mode():
    with Board("esp32") as board:
        boot = board.boot()
        for _ in range(5):
            assert not boot.looping()
            boot = board.boot(machine.HARD_RESET)  # nobody has ended the life before
            assert cause(boot) == "panic"
        assert boot.looping()
        boot.say()
        assert board.lines[-1].endswith(" W boot number 6, the one before ended by: panic")
        assert board.log() == ["boot %d (0.1.0) panic: MicroPython or the IDF crashed" % n for n in range(1, 6)]


def test_a_panic_on_the_way_to_sleep_counts():
    with Board("esp32") as board:
        board.boot()
        boot = board.boot(machine.HARD_RESET, left="{}")
        assert (cause(boot), boot.carried) == ("panic", None)


def test_a_persons_own_resets_after_service_are_no_bad_ends():
    with Board("esp32") as board:
        boot = board.boot()
        for _ in range(7):
            boot.over()
            boot = board.boot(machine.HARD_RESET)
            assert (cause(boot), boot.bad) == ("reset", 0)
        assert board.log() == []


def test_a_panic_after_a_start_that_followed_service_counts():
    with Board("esp32") as board:
        board.boot().over()
        started_again(board, machine.PWRON_RESET)
        assert cause(board.boot(machine.HARD_RESET)) == "panic"


def test_a_panic_in_a_wake_counts():
    with Board("esp32") as board:
        board.boot()
        board.boot(machine.DEEPSLEEP_RESET, left="{}")
        assert cause(board.boot(machine.HARD_RESET)) == "panic"


def test_a_reset_by_itself_is_no_panic():
    with Board("esp32") as board:
        assert cause(board.give_up(board.boot())) == "recovery"


def test_that_a_life_has_begun_costs_no_flash():
    for kind in ("rp2", "esp32"):
        with Board(kind) as board:
            board.boot().over()
            assert list(board.written()) == ["boot.json"]


def test_the_very_first_start_counts_though_the_chip_was_not_reset():
    with Board() as board:
        assert [started_again(board, machine.PWRON_RESET).number for _ in range(3)] == [1, 1, 1]


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
