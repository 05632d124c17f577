"""Low power: wake, read every sensor once, put the readings on flash, connect every N-th time, sleep again.

RAM does not outlast a deep sleep (rp2: a light sleep and a reset). Readings go to the spool on flash before they are sent; stream id,
number, clock and counters are left for the next life (retained.py) when the board falls asleep. The next boot takes them away first of
all, and believes them only after a sleep: whatever else ended the life before, a new stream id begins, so that no number is ever used
twice.
"""

import asyncio
import json
import sys
from binascii import crc32

from plotpost import log, retained, watchdog
from plotpost.port import booted, const, sleep_ms, ticks_add, ticks_diff, ticks_ms

_AWAKE_MS = const(120000)  # at most
_LOOK_MS = const(10)
_ROUND_MS = const(20000)  # for the slowest sensor
_FLUSH_S = const(30)
_SHORTEST_MS = const(1000)
_STRETCH_MS = const(3600000)  # an rp2 sleeps for 71 minutes at most (its port's modmachine.c)


def possible():
    """Whether this machine can sleep at all. Linux cannot."""
    try:
        import machine
    except ImportError:
        return False
    return hasattr(machine, "deepsleep")


class Sleep:
    """One life between two sleeps, of a board that wakes every `every_ms` and connects every `connect_every`-th time.

    `carried`: what the life before left when it fell asleep, or None. `endpoint` and `channels` (objects with `token` and `decimals`):
    what the readings are for; when these have changed, nothing is carried over. `woken`: this life goes on with `stream_id` and
    number `next`.
    """

    def __init__(self, every_ms, connect_every, endpoint, channels, carried):
        self._every_ms = every_ms
        self._connect_every = connect_every
        self._purpose = _fingerprint(endpoint, channels)
        self._state = self._understood(carried)
        self.woken = self._state is not None
        self.stream_id = self._state["id"] if self.woken else None
        self.next = self._state["next"] if self.woken else 0

    def _understood(self, carried):
        try:
            state = json.loads(carried) if carried else None
        except ValueError:
            return None
        return state if isinstance(state, dict) and state.get("purpose") == self._purpose else None

    def restore(self, agent):
        """Let clock and counters go on where they were."""
        state = self._state
        if state is None:
            return
        agent.clock.resume(state["clock"])
        agent.spool.dropped, agent.delivery.skipped, agent.delivery.connects = state["counts"]
        agent.flash.given_up = agent.spool.dropped
        agent.plotted = state["plotted"]

    async def run(self, agent):
        """This life, to its end."""
        watchdog.deadline(_AWAKE_MS)
        await self._read_once(agent)
        spool = agent.spool
        spool.spill(spool.in_ram())
        wakes = self._state["wakes"] + 1 if self.woken else self._connect_every
        if wakes >= self._connect_every or spool.in_ram() or not agent.clock.known:
            await agent.finish(_FLUSH_S)
            wakes = 0
        spool.dropped += spool.in_ram()  # the flash refused them, and so did the network
        self._fall_asleep(agent, wakes)

    async def _read_once(self, agent):
        """Every sensor has its turn once. One that does not come to an end is not waited for."""
        turns = [slot.turn for slot in agent.slots]
        for slot in agent.slots:
            slot.every = self._every_ms
        sampling = asyncio.create_task(agent.sampler.run(watchdog.feed))
        while any(slot.turn == turn for slot, turn in zip(agent.slots, turns)):
            if sampling.done():
                await sampling  # raises why
            if ticks_diff(ticks_ms(), booted) > _ROUND_MS:
                log.warning("sleep", "a sensor takes longer than 20 s: not waiting for it")
                break
            await sleep_ms(_LOOK_MS)
        sampling.cancel()

    def _fall_asleep(self, agent, wakes):
        if agent.wifi is not None:
            agent.wifi.off()
        ms = max(self._every_ms - ticks_diff(ticks_ms(), booted), _SHORTEST_MS)
        state = {
            "purpose": self._purpose,
            "id": agent.spool.stream_id,
            "next": agent.spool.next,
            "wakes": wakes,
            "clock": agent.clock.carry(ms),
            "counts": (agent.spool.dropped + agent.flash.dropped, agent.delivery.skipped, agent.delivery.connects),
            "plotted": agent.plotted,
        }
        log.info("sleep", "for {} s, {} readings wait", ms // 1000, agent.spool.waiting())
        retained.leave(json.dumps(state))
        watchdog.release()
        _sleep(ms)


def _fingerprint(endpoint, channels):
    return crc32(json.dumps([endpoint, [[c.token, c.decimals] for c in channels]]).encode())


def _sleep(ms):
    import machine

    if not _on_rp2():
        machine.deepsleep(ms)
    end = ticks_add(ticks_ms(), ms)
    left = ms
    while left > 0:  # any interrupt wakes an rp2
        machine.lightsleep(min(left, _STRETCH_MS))
        left = ticks_diff(end, ticks_ms())
    machine.reset()


def _on_rp2():
    return sys.platform == "rp2"
