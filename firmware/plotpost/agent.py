"""The agent: sensors to sampler to spool to stream, at work and taken down again."""

import asyncio
import gc
import random

from plotpost import crash, log, watchdog
from plotpost.clock import Clock
from plotpost.delivery import Delivery
from plotpost.flash import Flash
from plotpost.port import begin_anew, const, device_id, forget, sleep_ms, ticks_ms
from plotpost.sampler import Sampler
from plotpost.stream import Uplink
from plotpost.supervisor import Supervisor, Task

_PATIENCE_MS = const(30000)
_STREAM_PATIENCE_MS = const(120000)  # a name look-up and a REST call block
_PLOT_AGAIN_MS = const(5000)
_SAVE_TURN_MS = const(5000)
_HEALTHY_TURNS = const(120)


class Agent:
    """Everything that runs on the board, for a checked `config`, in this `boot`; `wifi` is None where there is no radio to join with."""

    def __init__(self, config, boot, wifi):
        from plotpost import assembly  # needed once

        self._config = config
        self.clock = Clock()
        self.clock.hear(None)
        log.uptime = self.clock.uptime
        self.channels, self.slots = assembly.sensors(config)
        self.sleep = assembly.sleep(config, self.channels, boot.carried)
        woken = self.sleep is not None and self.sleep.woken
        self.boot = boot
        self.flash = Flash("spool", config.flash_bytes, config.endpoint)
        self.spool = assembly.spool(config, self.channels, self.flash, self.sleep if woken else None)
        self.sampler = Sampler(self.slots, self.spool, self.clock)
        self.delivery = Delivery(
            self.spool, self.flash, config.checkpoint_ms, config.checkpoint_records, random.randrange, ticks_ms()
        )
        self.wifi = wifi
        self.tunnel = assembly.tunnel(config)
        self._link = self.tunnel or (self.wifi and self.wifi.link)
        self._uplink = Uplink(config, self.clock, self.delivery, self._device, self._link, self.tunnel)
        self._id = device_id()
        self.plotted = config.plot is None or self.tunnel is not None
        self.supervisor = Supervisor(self._tasks(), self.reset)
        for slot in self.slots:
            if hasattr(slot.driver, "observe"):
                slot.driver.observe(self)
        if self.sleep is not None:
            self.sleep.restore(self)
        del assembly
        forget("plotpost.assembly")

    def _tasks(self):
        tasks = [
            Task("sampler", self.sampler.run, _PATIENCE_MS),
            Task("stream", self._stream, _STREAM_PATIENCE_MS),
            Task("keeper", self._keep, _PATIENCE_MS),
        ]
        if self.wifi is not None:
            tasks.append(Task("wifi", self._join, _PATIENCE_MS))
        if self._config.led is not None:
            tasks.append(Task("led", self._blink, _PATIENCE_MS))
        return tasks

    def _device(self, source):
        """The header `plotpost-device` of a request that carries `source`: the chip's id, and what has happened since the boot.

        Readings that an earlier life dropped are counted under its own stream id.
        """
        return "%s; dropped=%d; skipped=%d; reconnects=%d; boots=%d; reset=%s" % (
            self._id,
            self.dropped() if source is self.spool else source.admit(),
            self.delivery.skipped,
            self.reconnects(),
            self.boot.number,
            crash.CAUSES[self.boot.cause],
        )

    def dropped(self):
        """How many readings were lost because everything was full."""
        return self.spool.dropped + self.flash.dropped

    def reconnects(self):
        """How many connections were made after the first."""
        return max(self.delivery.connects - 1, 0)

    def live(self, run):
        """Work until somebody interrupts it (Ctrl-C); then all is sent, or on flash. Returns True. `run` runs a coroutine."""
        try:
            run(self.run())
        except KeyboardInterrupt:
            log.info("agent", "interrupted: sending what is left")
        except Exception as error:
            self.reset(crash.describe(error))
        begin_anew()
        try:
            from plotpost import ending

            ending.end(self, run)
        finally:
            self.save()  # also when there is no room for that module
            self.boot.over()
        return True

    async def run(self):
        """Work until cancelled or interrupted, or until the board sleeps."""
        self.boot.say()
        log.info("agent", "{}: {} channels, {} readings fit the ring", self._config.name, len(self.channels), self.spool.capacity)
        if self.flash.waiting():
            log.info("agent", "{} readings of earlier boots wait on flash", self.flash.waiting())
        if self.flash.foreign:
            log.warning("agent", "readings for another endpoint stay on flash; they are not sent to {}", self._config.endpoint)
        if self.sleep is not None:
            await self.sleep.run(self)
        await self.supervisor.run()

    def reset(self, reason):
        """Save what is in RAM, and reset the board; on Linux the program ends."""
        self.boot.reset(reason, self.save)

    def save(self):
        """What is in RAM goes to flash."""
        self.spool.spill(self.spool.in_ram())

    async def _keep(self, progress):
        turns = 0
        while True:
            progress()
            self.spool.save(ticks_ms())
            if turns == _HEALTHY_TURNS:
                self.boot.healthy()
            turns = min(turns + 1, _HEALTHY_TURNS + 1)
            await sleep_ms(_SAVE_TURN_MS)

    async def _blink(self, progress):
        from plotpost import status

        led = status.Led(self._config.led)
        while True:
            progress()
            await sleep_ms(led.step(status.pattern(self._link, self.delivery), ticks_ms()))

    async def _join(self, progress):
        await self.wifi.run(progress)
        self.reset("the radio does not work: %s" % self.wifi.failure)

    async def _stream(self, progress):
        self._uplink.disconnect()
        while self.wifi is not None and not self.wifi.link.up():
            progress()
            await sleep_ms(_PLOT_AGAIN_MS // 10)
        while not self.plotted:
            progress()
            self._create_plot()
            await sleep_ms(0 if self.plotted else _PLOT_AGAIN_MS)
        await self._uplink.run(progress)

    def _create_plot(self):
        """One attempt; `requests` and what serves it are large, and loaded for it only."""
        from plotpost import plot

        gc.collect()
        try:
            url = plot.create(self._config, self.channels)
            self.plotted = True
            log.info("plot", "drawn at {}", url)
        except plot.PlotError as error:
            log.warning("plot", "not created, trying again: {}", error)
        del plot
        forget("plotpost.plot", "requests")
        gc.collect()

    def failing(self):
        """Whether there is nobody to send to at this moment."""
        return self.delivery.failures > 0 or (self._link is not None and not self._link.up())

    async def finish(self, patience_s):
        """Send and confirm what is left, for so many seconds. The old connection is given up: an interrupt may have cut a line.

        `save()` must follow, however it ends. Where the network fails already, it is saved first: a board may be reset while it tries.
        """
        if self.failing():
            self.save()
        self._uplink.disconnect()
        self.delivery.close(ticks_ms())
        try:
            await asyncio.wait_for(self._send_rest(), patience_s)
        except asyncio.TimeoutError:
            pass
        if self.spool.waiting():
            log.warning("agent", "{} readings are not confirmed; they stay on flash", self.spool.waiting())
        self._uplink.disconnect()

    async def _send_rest(self):
        if self.wifi is not None and not self.wifi.link.up():
            self._joining = asyncio.create_task(self.wifi.run(watchdog.feed))
            while not self.wifi.link.up():
                await sleep_ms(_PLOT_AGAIN_MS // 10)
        if not self.plotted:
            self._create_plot()
        if self.plotted:
            await self._uplink.run(watchdog.feed)
