"""The board's own health, as channels that can be plotted like any other reading."""

import gc

from plotpost.port import ticks_diff, ticks_ms
from plotpost.sensors import NO_VALUE


class Driver:
    """`observe(agent)` comes before the first reading. What a port does not tell is no value.

    free_heap_b is taken after a collection, so that what it loses over days is a leak and nothing else; on an ESP32 without what the IDF
    could still give, and therefore larger after it gave some. reset_cause is an index of crash.CAUSES. spool_ram and spool_flash are
    readings that wait there. clock_error_ms: how much the clock was behind when it was last compared with the endpoint's.
    """

    CHANNELS = (
        ("uptime_s", "s", 0),
        ("free_heap_b", "B", 0),
        ("rssi_dbm", "dBm", 0),
        ("reconnects", "", 0),
        ("dropped", "", 0),
        ("skipped", "", 0),
        ("task_restarts", "", 0),
        ("reset_cause", "", 0),
        ("spool_ram", "", 0),
        ("spool_flash", "", 0),
        ("clock_error_ms", "ms", 0),
    )
    OPTIONS = ()
    MIN_EVERY_MS = 1000  # a collection takes tens of milliseconds on a small chip

    def __init__(self, options):
        self._agent = None
        self._idf = _idf()
        self._seconds = 0
        self._ms = 0
        self._ticks = ticks_ms()

    def observe(self, agent):
        """Report on `agent`: its `spool`, `flash`, `delivery`, `clock`, `supervisor`, `boot` and `wifi` (or None)."""
        self._agent = agent

    def start(self):
        return 0

    def read(self, values):
        agent = self._agent
        values[0] = self._uptime()
        values[1] = self._free_heap()
        rssi = None if agent.wifi is None else agent.wifi.rssi()
        values[2] = NO_VALUE if rssi is None else rssi
        values[3] = max(agent.delivery.connects - 1, 0)
        values[4] = agent.spool.dropped + agent.flash.dropped
        values[5] = agent.delivery.skipped
        values[6] = agent.supervisor.restarts
        values[7] = agent.boot.cause
        values[8] = agent.spool.in_ram()
        values[9] = agent.spool.waiting() - agent.spool.in_ram() + _waiting(agent.flash.sessions)
        values[10] = agent.clock.error if agent.clock.known else NO_VALUE

    def _free_heap(self):
        if not hasattr(gc, "mem_free"):  # CPython
            return NO_VALUE
        gc.collect()
        free = gc.mem_free()
        idf = self._idf
        if idf is not None:  # the largest block that could still be taken is counted in: gc_get_max_new_split() in gccollect.c
            free -= max([heap[2] for heap in idf.idf_heap_info(idf.HEAP_DATA)])
        return max(free, 0)

    def _uptime(self):
        """Whole seconds. The clock's own uptime would be a new tuple each time."""
        now = ticks_ms()
        self._ms += ticks_diff(now, self._ticks)
        self._ticks = now
        self._seconds += self._ms // 1000
        self._ms %= 1000
        return self._seconds


def _idf():
    try:
        import esp32  # type: ignore[import-not-found]  # the stubs of rp2 have none
    except ImportError:
        return None
    return esp32


def _waiting(sessions):
    count = 0
    for session in sessions:
        count += session.waiting()
    return count
