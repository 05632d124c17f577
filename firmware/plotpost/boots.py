"""Counts the boots, and judges what ended the life before. Done once in a life, and forgotten then.

An ESP32 calls a crash of MicroPython or the IDF a reset like any other, so a life leaves in RTC memory, which costs no flash, that it has
begun, and takes that back when somebody ends it.
"""

import json
import sys

from plotpost import crash
from plotpost.port import const, warm

_UNKNOWN = const(0)
_RESET = const(2)
_SOFT = const(5)


def count(folder, left):
    """This boot. `folder`: "" or with "/" at its end. `left`: what the last life left, or None, see retained.py.

    A wake from deep sleep is no boot and writes nothing, nor does a start after service.
    """
    number, bad, reason = _read(folder)
    restarted = warm()
    cause = _SOFT if restarted else reset_cause()
    carried = None
    asleep = (
        crash.WATCHDOG if sys.platform == "rp2" else crash.DEEP_SLEEP
    )  # an rp2 ends its sleep by its watchdog; a power cut it tells
    if cause == asleep and left not in (None, crash.RUNNING):
        cause, carried = crash.DEEP_SLEEP, left
    elif reason and not restarted:
        cause = crash.RECOVERY
    elif cause == _RESET and left is not None:  # nobody has ended that life; if it was to sleep, it did not come to it
        cause = crash.PANIC
    boot = crash.Boot(folder, number, bad, cause, reason, carried)
    boot.mark(crash.RUNNING)
    if carried is None and not (restarted and number):  # the very first start follows a deploy, without a reset
        _begin(boot)
    return boot


def _begin(boot):
    if boot.cause == crash.WATCHDOG:
        boot.note("watchdog: the loop hung")
    elif boot.cause == crash.PANIC:
        boot.note("panic: MicroPython or the IDF crashed")
    boot.number += 1
    boot.bad = boot.bad + 1 if boot.cause in crash.BAD else 0
    boot.keep("")


def _read(folder):
    try:
        with open(folder + crash.STATE) as file:
            state = json.load(file)
        return int(state["boots"]), int(state["bad"]), str(state["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0, ""


def reset_cause():
    """What the chip tells, UNKNOWN on Linux. An rp2 tells only watchdog or power-on (its port's modmachine.c)."""
    try:
        from machine import reset_cause as told
    except ImportError:
        return _UNKNOWN
    cause = told()
    return cause if cause < crash.RECOVERY else _UNKNOWN
