"""retained.py: what one life leaves for the next, in RTC memory and in a file, on MicroPython and on CPython."""

import os
import sys
import time

from plotpost import log, retained

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine

sys.path.pop(0)
machine.unplug()

PORTS = ("rp2", "esp32")


class Board(machine.Plugged):
    """A board of one port, whose flash lasts until the end of the `with` block."""

    def __enter__(self):
        super().__enter__()
        self.lines = []
        log.write = self.lines.append
        self._path = retained.PATH
        retained.PATH = "/tmp/plotpost-test-%d" % (time.time_ns() // 1000)
        return self

    def __exit__(self, *_):
        log.write = print
        if self.written():
            os.remove(retained.PATH)
        retained.PATH = self._path
        super().__exit__()

    def written(self):
        try:
            os.stat(retained.PATH)
        except OSError:
            return False
        return True


def test_nothing_was_left_to_a_board_that_was_just_plugged_in():
    for port in PORTS:
        with Board(port):
            assert retained.take() is None


def test_what_was_left_is_there_after_a_reset_once():
    for port in PORTS:
        with Board(port):
            retained.leave('{"id": "0123456789abcdef"}')
            machine.come_back(machine.DEEPSLEEP_RESET)
            assert retained.take() == '{"id": "0123456789abcdef"}'
            assert retained.take() is None


def test_an_esp32_spares_its_flash():
    for port in PORTS:
        with Board(port) as board:
            retained.leave("x" * 2000)
            assert board.written() == (port == "rp2")
            assert retained.free() == (port == "esp32")


def test_rtc_memory_that_is_not_whole_is_not_believed():
    with Board("esp32"):
        for spoilt in (b"\0", b"\0\0\0\0", b"\0\0\0\0{}", b"\xff" * 2048, b"somebody else's"):
            machine.RTC().memory(spoilt)
            assert retained.take() is None, spoilt
            assert machine.RTC().memory() == b""
        retained.leave("{}")
        whole = machine.RTC().memory()
        for i in range(len(whole)):
            machine.RTC().memory(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
            assert retained.take() is None, i


class ReadOnly:
    def remove(self, path):
        raise OSError(30)  # EROFS


def test_a_file_that_cannot_be_taken_away_is_not_believed():
    with Board("rp2") as board:
        retained.leave("{}")
        kept, retained.os = retained.os, ReadOnly()
        try:
            assert retained.take() is None
        finally:
            retained.os = kept
        assert " W sleep " in board.lines[-1]


def test_a_flash_that_takes_nothing_is_said():
    with Board("rp2") as board:
        kept, retained.PATH = retained.PATH, "/nowhere/sleep.json"
        retained.leave("{}")
        assert " W sleep /nowhere/sleep.json not written (error " in board.lines[-1]
        assert retained.take() is None
        retained.PATH = kept
