"""What ended the board's last life, how many lives there were, and a short log on flash of those that ended badly.

    crash.log   the last bad ends, oldest first, one a line: `boot 12 (0.1.0) after 86400 s: task stream cannot be cancelled`
    boot.json   how many boots there were, how many ended badly in a row, and why the board is about to reset itself

Flash wear: boot.json is written at each boot and before a reset by itself, crash.log (at most 2 KiB) at a bad end alone; a file costs
littlefs two erases or so. A wake from deep sleep writes neither, nor does a start after service (Ctrl-C, then Ctrl-D).
"""

import json
import os
import sys

from plotpost import __version__, log
from plotpost.port import const, warm

# Why the board was reset; 1 to 5 are the numbers of machine.reset_cause()
WATCHDOG = const(3)
DEEP_SLEEP = const(4)
_UNKNOWN = const(0)
_SOFT = const(5)
_RECOVERY = const(6)  # it gave up and reset itself
CAUSES = ("unknown", "power-on", "reset", "watchdog", "deep-sleep", "soft-reset", "recovery")

_LOG = const("crash.log")
_STATE = const("boot.json")
_LOG_BYTES = const(2048)
_LINE_MAX = const(200)
_LOOP = const(5)


def describe(error):
    """Kind and place of an error. Its text may hold a secret and is left out."""
    return "%s at %s" % (type(error).__name__, log.place(error))


class Boot:
    """This boot: its `number`, the `cause` of the reset before it (an index of CAUSES) and the `reason` in words, "" if none is known.

    `folder`: "" or with "/" at its end. `uptime()` gives seconds and milliseconds. `woken`: out of a planned deep sleep, which counts
    as no boot. `bad`: how many lives in a row ended badly before they had lasted ten minutes. `warm`: no boot either, but a start
    after service.
    """

    def __init__(self, folder, uptime, woken=False):
        self._folder = folder
        self._uptime = uptime
        self.number, self.bad, self.reason = self._read()
        self.warm = not woken and warm()
        self.cause = _SOFT if self.warm else DEEP_SLEEP if woken else _RECOVERY if self.reason else reset_cause()
        if not woken and not (self.warm and self.number):  # the very first start follows a deploy, without a reset
            self._count()

    def looping(self):
        """True when starting the agent once more would most likely end badly once more."""
        return self.bad >= _LOOP

    def say(self):
        """What ended the last life, in one line of the log."""
        ended = self.reason or CAUSES[self.cause]
        write = log.warning if self.cause in (WATCHDOG, _RECOVERY) else log.info
        write("boot", "number {}, the one before ended by: {}", self.number, ended)

    def healthy(self):
        """This life has lasted ten minutes."""
        if self.bad:
            self.bad = 0
            self._write("")

    def reset(self, reason, save):
        """Save what is in RAM by `save()`, write down why, and reset the board; on Linux the program ends with exit status 1."""
        log.error("boot", "resetting: {}", reason)
        try:
            save()
        except Exception as error:
            log.exception("boot", error)
        try:
            self._write(reason)
            self._append("after %d s: %s" % (self._uptime()[0], reason))
        except MemoryError as error:  # what is full most likely: the reset must come all the same
            log.exception("boot", error)
        try:
            from machine import reset
        except ImportError:  # Linux: a service manager starts it again
            sys.exit(1)
        reset()

    def _count(self):
        if self.cause == WATCHDOG:
            self._append("watchdog: the loop hung")
        self.number += 1
        self.bad = self.bad + 1 if self.cause in (WATCHDOG, _RECOVERY) else 0
        self._write("")

    def _read(self):
        try:
            with open(self._folder + _STATE) as file:
                state = json.load(file)
            return int(state["boots"]), int(state["bad"]), str(state["reason"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0, ""

    def _write(self, reason):
        self._store(_STATE, json.dumps({"boots": self.number, "bad": self.bad, "reason": reason}))

    def _append(self, end):
        """Note how the life of this number ended; the oldest lines go when there is no room."""
        line = ("boot %d (%s) %s" % (self.number, __version__, end))[:_LINE_MAX] + "\n"
        room = _LOG_BYTES - len(line)
        try:
            with open(self._folder + _LOG) as file:
                lines = file.read(_LOG_BYTES)
        except (OSError, ValueError):
            lines = ""
        if len(lines) > room:
            lines = lines[-room:]
            lines = lines[lines.find("\n") + 1 :]
        self._store(_LOG, lines + line)

    def _store(self, name, text):
        """A power cut leaves the old file or the new one, also on FAT."""
        path = self._folder + name
        try:
            with open(path + ".new", "w") as file:
                file.write(text)
            os.rename(path + ".new", path)
        except OSError as error:
            log.warning("boot", "{} not written (error {})", name, error.errno)


def reset_cause():
    """What the chip tells, UNKNOWN on Linux. An rp2 tells only watchdog or power-on (its port's modmachine.c)."""
    try:
        from machine import reset_cause as told
    except ImportError:
        return _UNKNOWN
    cause = told()
    return cause if cause < _RECOVERY else _UNKNOWN
