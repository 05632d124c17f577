"""The agent: sensors to sampler to spool to stream, put together and taken down again."""

import asyncio
import gc
import random
from array import array

from plotpost import log, sensors
from plotpost.clock import Clock
from plotpost.delivery import Delivery
from plotpost.flash import Flash
from plotpost.port import const, device_id, forget, random_hex, sleep_ms, ticks_ms
from plotpost.sampler import Sampler, Slot
from plotpost.spool import Spool
from plotpost.stream import Uplink
from plotpost.supervisor import Supervisor, Task

_SPOOL_FOLDER = "spool"
_PATIENCE_MS = const(30000)
_STREAM_PATIENCE_MS = const(120000)  # a name look-up and a REST call block
_PLOT_AGAIN_MS = const(5000)
_SAVE_TURN_MS = const(5000)
_FLUSH_S = const(10)


class Channel:
    """One series of readings: its name in the plot, the power of ten of its integers, the token of the trace that it feeds."""

    def __init__(self, name, unit, decimals, token):
        self.name = name
        self.unit = unit
        self.decimals = decimals
        self.token = token


class Agent:
    """Everything that runs on the board, for a checked `config`."""

    def __init__(self, config):
        self._config = config
        self.clock = Clock()
        self.clock.hear(None)
        log.uptime = self.clock.uptime
        self.channels = []
        slots = self._slots()
        stream_id = random_hex(8)
        self._flash = Flash(_SPOOL_FOLDER, config.flash_bytes, config.endpoint)
        session = self._flash.session(stream_id, config.endpoint, self.channels)
        self.spool = Spool(config.ram_bytes, stream_id, self.channels, session)
        self._sampler = Sampler(slots, self.spool, self.clock)
        self._delivery = Delivery(
            self.spool, self._flash, config.checkpoint_ms, config.checkpoint_records, random.randrange, ticks_ms()
        )
        self._wifi = _wifi(config)
        self._uplink = Uplink(config, self.clock, self._delivery, self._device, self._wifi and self._wifi.link)
        self._id = device_id()
        self._plotted = config.plot is None

    def _slots(self):
        slots = []
        for number, spec in enumerate(self._config.sensors):
            try:
                driver = sensors.create(spec)
            except sensors.Absent as why:
                log.warning("agent", "%s left out: %s" % (spec["driver"], why))
                continue
            name = "%s[%d]" % (spec["driver"], number)
            slots.append(self._slot(name, spec, driver))
        return slots

    def _slot(self, name, spec, driver):
        wanted = spec["channels"]
        places = array("i", [-1] * len(driver.CHANNELS))
        for i, (channel, unit, decimals) in enumerate(driver.CHANNELS):
            if channel in wanted:
                places[i] = len(self.channels)
                self.channels.append(Channel(channel, unit, decimals, self._config.tokens[wanted[channel]]))
        return Slot(name, driver, spec["every_ms"], array("i", places), places, ticks_ms())

    def _device(self):
        """The header `plotpost-device`: the chip's id and what has happened since the boot."""
        delivery = self._delivery
        return "%s; dropped=%d; skipped=%d; reconnects=%d" % (self._id, self._dropped(), delivery.skipped, self._reconnects())

    def _dropped(self):
        return self.spool.dropped + self._flash.dropped

    def _reconnects(self):
        return max(self._delivery.connects - 1, 0)

    async def run(self):
        """Work until cancelled or interrupted."""
        log.info("agent", "{}: {} channels, {} readings fit the ring", self._config.name, len(self.channels), self.spool.capacity)
        if self._flash.waiting():
            log.info("agent", "{} readings of earlier boots wait on flash", self._flash.waiting())
        if self._flash.foreign:
            log.warning("agent", "readings for another endpoint stay on flash; they are not sent to {}", self._config.endpoint)
        tasks = [
            Task("sampler", self._sampler.run, _PATIENCE_MS),
            Task("stream", self._stream, _STREAM_PATIENCE_MS),
            Task("saver", self._save, _PATIENCE_MS),
        ]
        if self._wifi is not None:
            tasks.append(Task("wifi", self._wifi.run, _PATIENCE_MS))
        await Supervisor(tasks).run()

    async def _save(self, progress):
        while True:
            progress()
            self.spool.save(ticks_ms())
            await sleep_ms(_SAVE_TURN_MS)

    async def _stream(self, progress):
        self._uplink.disconnect()
        while self._wifi is not None and not self._wifi.link.up():
            progress()
            await sleep_ms(_PLOT_AGAIN_MS // 10)
        while not self._plotted:
            progress()
            self._create_plot()
            await sleep_ms(0 if self._plotted else _PLOT_AGAIN_MS)
        await self._uplink.run(progress)

    def _create_plot(self):
        """One attempt; `requests` and what serves it are large, and loaded for it only."""
        from plotpost import plot

        gc.collect()
        try:
            url = plot.create(self._config, self.channels)
            self._plotted = True
            log.info("plot", "drawn at {}", url)
        except plot.PlotError as error:
            log.warning("plot", "not created, trying again: {}", error)
        del plot
        forget("plotpost.plot", "requests")
        gc.collect()

    async def finish(self):
        """Send and confirm what is left, for at most 10 s. The old connection is given up: an interrupt may have cut a line."""
        self._uplink.disconnect()
        self._delivery.close(ticks_ms())
        if not self._plotted:
            self._create_plot()
        if self._plotted:
            try:
                await asyncio.wait_for(self._uplink.run(_nothing), _FLUSH_S)
            except asyncio.TimeoutError:
                log.warning("agent", "{} readings are not confirmed; they stay on flash", self.spool.waiting())
        self._uplink.disconnect()
        self.spool.spill(self.spool.in_ram())

    def report(self):
        """Log what became of the readings, in one line."""
        gc.collect()
        spool = self.spool
        used, whole = _heap()
        log.info(
            "agent",
            "stopped taken=%d settled=%d dropped=%d skipped=%d reconnects=%d heap_used=%d heap=%d"
            % (
                spool.next,
                spool.settled,
                self._dropped(),
                self._delivery.skipped,
                self._reconnects(),
                used,
                whole,
            ),
        )


def _wifi(config):
    """The radio, or None when config.json names no network: a port without `network` must not import it."""
    if not config.wifi:
        return None
    from plotpost.wifi import Wifi

    return Wifi(config.wifi)


def _nothing():
    """Nobody watches over the last minutes."""


def _heap():
    """Used and whole heap in bytes; CPython counts none."""
    if not hasattr(gc, "mem_alloc"):
        return 0, 0
    used = gc.mem_alloc()
    return used, used + gc.mem_free()


def run(config):
    """Run the agent until it is interrupted (Ctrl-C), then flush and report. False when there is nothing to run."""
    try:
        agent = Agent(config)
    except MemoryError:
        log.error("agent", "the memory does not suffice: make spool.ram smaller, or name fewer sensors, in config.json")
        return False
    if not agent.channels:
        log.error("agent", "no sensor that config.json names is on this machine: nothing to do")
        return False
    try:
        asyncio.run(agent.run())
    except KeyboardInterrupt:
        log.info("agent", "interrupted: sending what is left")
    asyncio.new_event_loop()
    try:
        asyncio.run(agent.finish())
    except KeyboardInterrupt:
        log.warning("agent", "interrupted again: not waiting")
    agent.report()
    return True
