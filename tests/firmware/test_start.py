"""start.py and main.py on a simulated chip, on MicroPython and on CPython: all ends in a reset with a reason, or at the REPL."""

import os
import sys
import time

from plotpost import boots, life, log, start, watchdog

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine
import network

sys.path.pop(0)
machine.unplug()
network.unplug()

PORTS = ("rp2", "esp32")
EVERYTHING = (
    MemoryError(),
    OSError("WiFi Out of Memory"),
    OSError(28),
    RuntimeError("Wifi Unknown Error 0x0101"),
    ValueError("a secret"),
    ImportError("plotpost.agent"),
    TypeError(),
)


class System:
    """What `sys` tells of a board."""

    class implementation:
        _machine = "Raspberry Pi Pico with RP2040"

    def __init__(self, port):
        self.platform = port


class Settings:
    """What config.json says, as far as it is read before there is an agent."""

    led = None

    def __init__(self, *wifi):
        self.wifi = wifi


class Agent:
    """Has channels, and lives."""

    channels = (0,)

    def live(self, run):
        return True


class Making:
    """In place of the module plotpost.agent: its class is what a test says."""

    agent = None

    @property
    def Agent(self):
        return lambda config, boot, wifi: Making.agent(config, boot)


class Board(machine.Plugged):
    """A board of one port with a radio, in a folder of its own, until the end of the `with` block."""

    def __enter__(self):
        super().__enter__()
        self._network = network.Plugged(self._port)
        self._network.__enter__()
        start.port.forget("plotpost.wifi", "plotpost.radio")  # they may know another one
        self.lines = []
        log.write = self.lines.append
        self._kept = boots.sys, boots.warm, start.port.SYSTEM_NETWORK, os.getcwd()
        boots.warm = lambda: False  # this program may have run for long
        boots.sys = watchdog.sys = System(self._port)
        start.port.SYSTEM_NETWORK = False
        self.folder = "/tmp/plotpost-test-%d" % (time.time_ns() // 1000)
        os.mkdir(self.folder)
        os.chdir(self.folder)
        self._agent = sys.modules.get("plotpost.agent")
        sys.modules["plotpost.agent"] = Making()
        return self

    def __exit__(self, *_):
        log.write = print
        boots.sys, boots.warm, start.port.SYSTEM_NETWORK, cwd = self._kept
        watchdog.release()
        watchdog.sys = boots.sys
        for name in os.listdir(self.folder):
            os.remove(self.folder + "/" + name)
        os.chdir(cwd)
        sys.modules.pop("plotpost.agent")
        if self._agent is not None:
            sys.modules["plotpost.agent"] = self._agent
        os.rmdir(self.folder)
        self._network.__exit__()
        super().__exit__()

    def live(self, settings, cause=machine.PWRON_RESET):
        """One life after `cause`: what it gave back, or "reset"."""
        machine.come_back(cause)
        watchdog.arm()
        try:
            return life.live(settings)
        except machine.Ended:
            return "reset"
        except KeyboardInterrupt:
            return "interrupted"
        finally:
            sys.modules["plotpost.start"] = start  # which it forgets
            sys.modules["plotpost.boots"] = boots

    def log(self):
        with open("crash.log") as file:
            return file.read().split("\n")[:-1]

    def lives(self, ms):
        try:
            machine.advance(ms)
        except machine.Ended:
            return False
        return True


def failing(error):
    def fail(*_):
        raise error

    return fail


def made(agent):
    Making.agent = lambda config, boot: agent
    return agent


def test_whatever_is_raised_before_the_agent_runs_resets_the_board_with_a_reason():
    for port in PORTS:
        for error in EVERYTHING:
            for where in ("settings", "agent"):
                with Board(port) as board:
                    Making.agent = failing(error)
                    assert board.live(failing(error) if where == "settings" else Settings) == "reset"
                    assert machine.reset_cause() == (machine.HARD_RESET if port == "esp32" else machine.WDT_RESET)
                    (line,) = board.log()
                    wanted = type(error).__name__ + " at "
                    if isinstance(error, MemoryError) and where == "agent":
                        wanted = "the memory does not suffice: make spool.ram smaller"
                    assert line.startswith("boot 1 (0.1.0) after ") and wanted in line, line
                    assert "a secret" not in line


def test_five_lives_that_end_so_make_safe_mode():
    with Board("esp32") as board:
        Making.agent = failing(MemoryError())
        for _ in range(5):
            assert board.live(Settings, machine.reset_cause()) == "reset"
        in_safe_mode(board)


def in_safe_mode(board, settings=Settings):
    """The next life waits, without a watchdog and without having touched the radio, then tries once more."""
    network.calls.clear()
    turns = []

    def run(work):
        work.close()
        turns.append(board.lives(600000 if board._port == "rp2" else 60000) and "WLAN" not in network.calls)

    kept, start._runner = start._runner, lambda: run
    try:
        board.live(settings, machine.reset_cause())
    finally:
        start._runner = kept
    assert turns[0]


def test_a_radio_without_memory_resets_the_board_and_its_words_are_in_the_crash_log():
    for error in (OSError("WiFi Out of Memory"), RuntimeError("Wifi Unknown Error 0x0101")):
        with Board("esp32") as board:
            network.raises["WLAN"] = error
            assert board.live(lambda: Settings(("home", "key"))) == "reset"
            (line,) = board.log()
            assert "the radio does not start: %s (%s)" % (error, type(error).__name__) in line


def test_the_radio_has_its_memory_before_the_agent_is_made_and_is_not_started():
    with Board("esp32") as board:
        Making.agent = lambda config, boot: seen.append(set(network.calls)) or Agent()
        seen = []
        assert board.live(lambda: Settings(("home", "key"))) is True
        assert seen == [{"WLAN"}]
        assert network.calls == {"WLAN"}


def test_a_panic_at_every_start_of_the_radio_ends_in_safe_mode():
    class Panic(BaseException):
        """The chip resets itself: nothing that it does not do itself happens."""

    with Board("esp32") as board:
        Making.agent = failing(Panic())
        for n in range(6):
            try:
                if n == 5:
                    in_safe_mode(board)
                board.live(Settings, machine.HARD_RESET if n else machine.PWRON_RESET)
            except Panic:
                pass
        assert board.log()[:5] == ["boot %d (0.1.0) panic: MicroPython or the IDF crashed" % (n + 1) for n in range(5)]


def test_a_start_that_hangs_is_reset():
    for port in PORTS:
        with Board(port) as board:
            Making.agent = lambda config, boot, board=board: machine.advance(50000)
            assert board.live(Settings) == "reset"
            assert machine.reset_cause() == machine.WDT_RESET
            assert machine.now < 45000


def test_an_interrupt_of_the_start_is_no_bad_end():
    for where in ("settings", "agent"):
        with Board("esp32") as board:
            Making.agent = failing(KeyboardInterrupt())
            for _ in range(6):
                cause = machine.HARD_RESET  # by whoever has interrupted it
                assert board.live(failing(KeyboardInterrupt()) if where == "settings" else Settings, cause) == "interrupted"
            assert "crash.log" not in os.listdir(board.folder)


def test_nothing_to_do_is_nothing_to_reset_for():
    with Board("esp32") as board:
        assert board.live(lambda: None) is False
        agent = made(Agent())
        agent.channels = ()
        assert board.live(Settings) is False
        assert "crash.log" not in os.listdir(board.folder)


def test_at_the_end_of_main_nobody_is_bitten():
    for port in PORTS:
        with Board(port) as board:
            sys.modules.pop("main", None)
            begun = life.live
            life.live = armed
            try:
                __import__("main")
            except SystemExit:
                pass
            finally:
                life.live = begun
            assert board.lives(200000), port


def armed(settings):
    """A life on an armed board, which finds no config.json."""
    assert len(machine.watchdogs) == 1
    return settings() is not None
