"""The start of a life: counted before anything can end it, safe mode, settings, the radio's memory. Forgotten before the agent is made."""

import asyncio

from plotpost import boots, crash, log, port, retained, watchdog


def begin(settings):
    """What runs a coroutine, this boot, what `settings()` gives, and the radio or None. Raises KeyboardInterrupt.

    Whatever else is raised resets the board, with a reason.
    """
    run = _runner()
    boot = boots.count("", retained.take())
    port.forget("plotpost.boots", "plotpost.retained")
    config = wifi = None
    try:
        if boot.looping():
            _wait_in_safe_mode(settings, run)
        config = settings()
        if config is not None and config.wifi:  # a port without `network` must not import it
            wifi = _radio(config.wifi, boot)
    except KeyboardInterrupt:
        boot.over()
        raise
    except Exception as error:
        boot.reset(crash.describe(error))
    return run, boot, config, wifi


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
    """The radio, before the agent's modules: an ESP32's needs memory that they would take. It is not started."""
    from plotpost import radio
    from plotpost.wifi import Wifi

    try:
        with watchdog.phase("radio"):
            return Wifi(networks)
    except radio.RAISES as error:
        boot.reset("the radio does not start: %s (%s)" % (error, type(error).__name__))


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
