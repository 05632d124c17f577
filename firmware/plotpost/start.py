"""The start of a life: counted before anything can end it, safe mode, the radio's memory, the agent. Forgotten when it is done."""

import asyncio

from plotpost import boots, crash, log, port, retained, watchdog


def begin(settings):
    """What runs a coroutine, and the agent for what `settings()` gives, None when there is nothing to do. Raises KeyboardInterrupt.

    Whatever else is raised resets the board, with a reason.
    """
    run = _runner()
    boot = boots.count("", retained.take())
    port.forget("plotpost.boots", "plotpost.retained")
    agent = None
    try:
        if boot.looping():
            _wait_in_safe_mode(settings, run)
        with watchdog.phase("start"):
            agent = _prepared(settings, boot)
    except KeyboardInterrupt:
        boot.over()
        raise
    except Exception as error:
        boot.reset(_reason(error))
    if agent is None:
        boot.over()
    return run, agent


def make(config, boot):
    """The agent for `config`, in this `boot`. An ESP32's radio comes first: it needs memory that the agent's modules would take."""
    wifi = _radio(config.wifi, boot) if config.wifi else None  # a port without `network` must not import it
    from plotpost.agent import Agent

    return Agent(config, boot, wifi)


def _prepared(settings, boot):
    config = settings()
    if config is None:
        return None
    agent = make(config, boot)
    port.collect_often(False)
    if not agent.channels:
        log.error("agent", "no sensor that config.json names is on this machine: nothing to do")
        return None
    return agent


def _wait_in_safe_mode(settings, run):
    """Wait for somebody who helps, without a watchdog."""
    from plotpost import safemode

    watchdog.release()
    try:
        led = settings().led
    except Exception as error:  # they may be what ended the lives before
        log.exception("boot", error)
        led = None
    run(safemode.wait(led))
    del safemode
    port.forget("plotpost.safemode")
    watchdog.arm()


def _radio(networks, boot):
    from plotpost import radio
    from plotpost.wifi import Wifi

    try:
        return Wifi(networks)
    except radio.RAISES as error:
        boot.reset("the radio does not start: %s (%s)" % (error, type(error).__name__))


def _reason(error):
    if isinstance(error, MemoryError):
        return "the memory does not suffice: make spool.ram smaller, or name fewer sensors, in config.json"
    return crash.describe(error)


def _runner():
    """What runs a coroutine. MicroPython's unix port needs care with signals; the others take them between two bytecodes."""
    if not port.SYSTEM_NETWORK:
        return asyncio.run
    try:
        from plotpost import interrupt
    except (ImportError, OSError):  # CPython has no ffi, and macOS no sigtimedwait
        return asyncio.run
    interrupt.hold()
    return interrupt.run
