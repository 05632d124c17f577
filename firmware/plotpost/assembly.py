"""The parts of the agent that depend on its settings and on the machine, made once when it starts."""

import sys
from array import array

from plotpost import crash, log
from plotpost import sensors as drivers
from plotpost.port import SYSTEM_NETWORK, random_hex, ticks_ms
from plotpost.sampler import Slot
from plotpost.settings import Channel
from plotpost.spool import Spool


def sensors(config):
    """The channels, and a slot for each sensor that is there; the log names the others."""
    channels = []
    slots = []
    for number, spec in enumerate(config.sensors):
        try:
            driver = drivers.create(spec)
        except (drivers.Absent, ValueError) as why:
            log.warning("agent", "%s left out: %s" % (spec["driver"], why))
            continue
        except (OSError, RuntimeError, TypeError) as error:  # a part of the chip that refuses: the others go on
            log.warning("agent", "%s left out: %s" % (spec["driver"], crash.describe(error)))
            continue
        name = "%s[%d]" % (spec["driver"], number)
        slots.append(_slot(name, spec, driver, config.tokens, channels))
    return channels, slots


def _slot(name, spec, driver, tokens, channels):
    """Adds the channels of a driver that are wanted."""
    wanted = spec["channels"]
    places = array("i", [-1] * len(driver.CHANNELS))
    for i, (channel, unit, decimals) in enumerate(driver.CHANNELS):
        if channel in wanted:
            places[i] = len(channels)
            channels.append(Channel(channel, unit, decimals, tokens[wanted[channel]]))
    return Slot(name, driver, spec["every_ms"], array("i", places), places, ticks_ms())


def spool(config, channels, flash, sleep):
    """The readings of this boot, or those that go on from before `sleep`, which is None when nothing does."""
    if sleep is None:
        stream_id = random_hex(8)
        session = flash.session(stream_id, config.endpoint, channels)
        return Spool(config.ram_bytes, stream_id, channels, session)
    session = flash.resume(sleep.stream_id, sleep.next, config.endpoint, channels)
    resumed = Spool(config.ram_bytes, sleep.stream_id, channels, session)
    resumed.resume(sleep.next)
    return resumed


def tunnel(config):
    """The way through the USB port of a board that has no network, or None."""
    if config.wifi or SYSTEM_NETWORK:
        return None
    from plotpost.tunnel import Tunnel

    if config.plot:
        log.warning("plot", "not created: a board without a network cannot; make it with plotpost plot new")
    return Tunnel(sys.stdin.buffer, sys.stdout.buffer)


def sleep(config, channels, carried):
    """What lets the board sleep, or None when it is to stay awake. `carried`: what was left for this wake, or None."""
    if config.sleep is None:
        return None
    from plotpost.sleep import Sleep, possible

    if possible():
        every_ms, connect_every = config.sleep
        return Sleep(every_ms, connect_every, config.endpoint, channels, carried)
    log.warning("agent", "this machine cannot sleep: staying awake")
    return None
