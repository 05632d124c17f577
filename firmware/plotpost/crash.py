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
from plotpost.port import const, forget

# Why the board was reset; 1 to 5 are the numbers of machine.reset_cause()
WATCHDOG = const(3)
DEEP_SLEEP = const(4)
RECOVERY = const(6)  # it gave up and reset itself
PANIC = const(7)
CAUSES = ("unknown", "power-on", "reset", "watchdog", "deep-sleep", "soft-reset", "recovery", "panic")
BAD = (WATCHDOG, RECOVERY, PANIC)

RUNNING = const("running")  # what a life leaves that nobody has ended
STATE = const("boot.json")
_LOG = const("crash.log")
_LOG_BYTES = const(2048)
_LINE_MAX = const(200)
_LOOP = const(5)


def describe(error):
    """Kind and place of an error. Its text may hold a secret and is left out."""
    return "%s at %s" % (type(error).__name__, log.place(error))


class Boot:
    """This boot: its `number`, the `cause` of the reset before it (an index of CAUSES) and the `reason` in words, "" if none is known.

    boots.py makes it. `carried`: what the last life left when it fell asleep as planned and this is its wake, else None. `bad`: how many
    lives in a row ended badly before they had lasted ten minutes.
    """

    def __init__(self, folder, number, bad, cause, reason, carried):
        self._folder = folder
        self.number = number
        self.bad = bad
        self.cause = cause
        self.reason = reason
        self.carried = carried

    def over(self):
        """Somebody has ended this life; the board is at its REPL."""
        self.mark("")

    def mark(self, text):
        """Leave `text` for the next life where that costs no flash."""
        from plotpost import retained

        if retained.free():
            retained.leave(text)
        del retained
        forget("plotpost.retained")

    def looping(self):
        """True when starting the agent once more would most likely end badly once more."""
        return self.bad >= _LOOP

    def say(self):
        """What ended the last life, in one line of the log."""
        ended = self.reason or CAUSES[self.cause]
        write = log.warning if self.cause in BAD else log.info
        write("boot", "number {}, the one before ended by: {}", self.number, ended)

    def healthy(self):
        """This life has lasted ten minutes."""
        if self.bad:
            self.bad = 0
            self.keep("")

    def reset(self, reason, save=None):
        """Save what is in RAM by `save()`, write down why, and reset the board; on Linux the program ends with exit status 1."""
        log.error("boot", "resetting: {}", reason)
        try:
            if save is not None:
                save()
        except Exception as error:
            log.exception("boot", error)
        try:
            self.keep(reason)
            self.note("after %d s: %s" % (log.uptime()[0], reason))
        except MemoryError as error:  # what is full most likely: the reset must come all the same
            log.exception("boot", error)
        try:
            from machine import reset
        except ImportError:  # Linux: a service manager starts it again
            sys.exit(1)
        reset()

    def keep(self, reason):
        """Write down how many boots there were, and why the board is about to reset itself, "" when it is not."""
        self._store(STATE, json.dumps({"boots": self.number, "bad": self.bad, "reason": reason}))

    def note(self, end):
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
