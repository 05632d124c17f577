"""safemode.py: a board whose lives end badly waits where it can be reached, on MicroPython and on CPython."""

import asyncio
import sys

from plotpost import log, safemode

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine

sys.path.pop(0)
machine.unplug()


def waited(led):
    """The lines of the log over ten minutes, a fraction of a second each here."""
    lines = []
    log.write = lines.append
    try:
        asyncio.run(safemode.wait(led, 25))
    finally:
        log.write = print
    return lines


def test_the_log_says_every_minute_why_what_to_do_and_how_long():
    lines = waited(None)
    assert [line.split(", or wait ")[1] for line in lines] == ["%d min" % n for n in range(10, 0, -1)]
    for line in lines:
        assert "E boot safe mode: five lives in a row ended badly (crash.log); deploy anew" in line


def test_the_led_shows_it_and_no_watchdog_is_armed():
    with machine.Plugged():
        assert len(waited("LED")) == 10
        assert "LED" in machine.levels
        assert machine.watchdogs == []
