"""sensors/health.py: what the board says of itself, on MicroPython and on CPython."""

import gc
import sys
from array import array

from plotpost import crash
from plotpost.clock import Clock
from plotpost.delivery import Delivery
from plotpost.flash import Session
from plotpost.sensors import NO_VALUE, health
from plotpost.settings import Channel
from plotpost.spool import Spool

NAMES = [name for name, _, _ in health.Driver.CHANNELS]


class Parts:
    """Whatever has the attributes it was given."""

    def __init__(self, **attributes):
        for name in attributes:
            setattr(self, name, attributes[name])


def agent(**parts):
    """An agent of real parts at their beginning, but for `parts`."""
    spool = Spool(240, "0123456789abcdef", [Channel("", "", 0, "abcdefghij")])
    whole = {
        "spool": spool,
        "delivery": Delivery(spool, None, 10000, 200, lambda ms: 0, 0),
        "clock": Clock(),
        "flash": Parts(dropped=0, sessions=[]),
        "supervisor": Parts(restarts=0),
        "boot": Parts(cause=crash.WATCHDOG),
        "wifi": None,
    }
    whole.update(parts)
    return Parts(**whole)


def reading(agent):
    """One reading by name."""
    driver = health.Driver({})
    driver.observe(agent)
    values = array("i", [0] * len(NAMES))
    assert driver.start() == 0
    driver.read(values)
    return {NAMES[i]: values[i] for i in range(len(NAMES))}


def test_the_channels_are_those_of_the_contract():
    contract = "uptime_s free_heap_b rssi_dbm reconnects dropped skipped task_restarts reset_cause spool_ram spool_flash"
    assert " ".join(NAMES) == contract + " clock_error_ms"


def test_a_board_that_just_began_has_counted_nothing():
    told = reading(agent())
    for name in ("uptime_s", "reconnects", "dropped", "skipped", "task_restarts", "spool_ram", "spool_flash"):
        assert told[name] == 0, name
    assert told["reset_cause"] == crash.WATCHDOG


def test_what_a_port_does_not_tell_is_no_value():
    told = reading(agent())
    assert told["rssi_dbm"] == NO_VALUE
    assert told["clock_error_ms"] == NO_VALUE
    assert (told["free_heap_b"] == NO_VALUE) == (sys.implementation.name == "cpython")


def test_the_counters_are_those_of_the_parts():
    whole = agent(supervisor=Parts(restarts=3), wifi=Parts(rssi=lambda: -67))
    whole.delivery.connects = 5
    whole.delivery.skipped = 2
    whole.spool.dropped = 10
    whole.flash.dropped = 7
    whole.clock.known = True
    whole.clock.error = -250
    told = reading(whole)
    assert told["task_restarts"] == 3
    assert told["rssi_dbm"] == -67
    assert told["reconnects"] == 4
    assert told["skipped"] == 2
    assert told["dropped"] == 17
    assert told["clock_error_ms"] == -250


def test_a_radio_without_a_link_tells_no_strength():
    assert reading(agent(wifi=Parts(rssi=lambda: None)))["rssi_dbm"] == NO_VALUE


def test_on_an_esp32_the_heap_is_what_micropython_has_and_not_what_the_idf_could_still_give():
    if not hasattr(gc, "mem_free"):
        return  # CPython; the same file runs on MicroPython

    class Idf:
        HEAP_DATA = 4

        def idf_heap_info(kinds):
            return [(200000, 9000, 8000, 7000), (100000, 50000, 30000, 20000), (10000, 0, 0, 0)]

    own = sys.modules.get("esp32")
    try:
        sys.modules["esp32"] = Idf
        told = reading(agent())["free_heap_b"]
    finally:
        del sys.modules["esp32"]
        if own is not None:
            sys.modules["esp32"] = own
    gc.collect()
    assert abs(gc.mem_free() - 30000 - told) < 2000


def test_waiting_readings_are_counted_where_they_lie():
    earlier = Session(None, "fedcba9876543210", "http://endpoint", [])
    earlier.next = 40
    whole = agent(flash=Parts(dropped=0, sessions=[earlier]))
    whole.spool.next = 12
    assert reading(whole)["spool_ram"] == 12
    assert reading(whole)["spool_flash"] == 40


def test_uptime_goes_on_beyond_the_wrap_of_the_ticks():
    driver = health.Driver({})
    kept = health.ticks_ms
    try:
        for day in range(30):
            health.ticks_ms = lambda: (driver._ticks + 86400000) & 0x3FFFFFFF
            assert driver._uptime() == (day + 1) * 86400
    finally:
        health.ticks_ms = kept


def test_reading_allocates_nothing():
    if sys.implementation.name != "micropython":
        return
    import micropython

    driver = health.Driver({})
    driver.observe(agent())
    values = array("i", [0] * len(NAMES))
    driver.read(values)
    micropython.heap_lock()
    try:
        driver.read(values)
    finally:
        micropython.heap_unlock()
    gc.collect()
