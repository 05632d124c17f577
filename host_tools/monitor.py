"""What a board says on its serial port: the agent's log and whatever else comes there; and its crash log."""

import contextlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from host_tools.console import Back, Console, Event, Gone, Line
from host_tools.device import Device, DeviceError
from host_tools.keyboard import Keyboard
from host_tools.simulate import LogLine

CRASH_LOG = "/crash.log"
BOOT_STATE = "/boot.json"

_REPL_KEY = "\x18"  # Ctrl-X
_TRACEBACK = "Traceback (most recent call last):"
_CRASH = re.compile(r"boot (\d+) \((\S+)\) (?:after (\d+) s: )?(.*)")  # firmware/plotpost/crash.py

# What is no line of the agent's log: who says it, and how bad it is. The first that fits counts.
_OTHERS = (
    ("chip", "E", re.compile(r"Guru Meditation|Brownout detector|abort\(\) was called|Backtrace:|assert failed|.*\bpanic\b")),
    ("chip", "I", re.compile(r"ets |ESP-ROM:|Build:|rst:0x|configsip:|clk_drv:|mode:|load:0x|entry 0x|SPIWP:|Saved PC:|ho \d")),
    ("chip", "I", re.compile(r"[VDIWE] \(\d+\) ")),  # ESP-IDF's own log
    ("micropython", "I", re.compile(r"MicroPython v|Type \"help|>>> |\.\.\. |MPY: |raw REPL; CTRL-B|paste mode;|OK\b")),
    ("noise", "W", re.compile(r"(?:.*\\x[0-9a-f]{2}){3}")),  # another baud rate, or the moment of a reset
)


class Sorter:
    """Lines as they come, to lines of the log. `uptime` is None for what is none; `module` says then who speaks."""

    def __init__(self) -> None:
        self._in_traceback = False

    def sort(self, text: str) -> LogLine:
        line = LogLine.parse(text)
        if line.uptime is not None:
            self._in_traceback = False
            return line
        if text == _TRACEBACK or (self._in_traceback and text.startswith("  ")):
            self._in_traceback = True
            return LogLine(None, "E", "traceback", text)
        if self._in_traceback:  # the exception itself
            self._in_traceback = False
            return LogLine(None, "E", "traceback", text)
        module, level = next(((who, level) for who, level, form in _OTHERS if form.match(text)), ("output", "I"))
        return LogLine(None, level, module, text)


@dataclass(frozen=True)
class Entry:
    """A line with the time at which it came here. The monitor's own remarks have the module `monitor`."""

    time: datetime
    line: LogLine


def follow(port: str, show: Callable[[Entry], None], seconds: float | None = None, keyboard: Keyboard | None = None) -> None:
    """Shows what comes, for so long or until KeyboardInterrupt; Ctrl-X at `keyboard` gives the REPL there. Raises DeviceError."""
    sorter = Sorter()
    deadline = None if seconds is None else time.monotonic() + seconds

    def say(line: LogLine) -> None:
        show(Entry(datetime.now().astimezone(), line))

    with Console(port) as console:
        way_out = "Ctrl-C ends this and leaves the board alone" + (", Ctrl-X goes to its REPL" if keyboard else "")
        say(_remark("I", f"{port}: an agent that is well says little; {way_out}"))
        while deadline is None or time.monotonic() < deadline:
            with keyboard.listening() if keyboard else contextlib.nullcontext():
                wants_repl = _listen(console, keyboard, lambda event: say(_line(event, sorter)), deadline)
            if wants_repl:
                console.close()
                _converse(console.port, lambda level, text: say(_remark(level, text)))


def _listen(console: Console, keyboard: Keyboard | None, on_event: Callable[[Event], None], deadline: float | None) -> bool:
    """True when the REPL is asked for, False at the end of the time."""
    while deadline is None or time.monotonic() < deadline:
        for event in console.read():
            on_event(event)
        if keyboard and keyboard.pressed() == _REPL_KEY:
            return True
    return False


def _line(event: Event, sorter: Sorter) -> LogLine:
    match event:
        case Line(text):
            return sorter.sort(text)
        case Gone(why):
            return _remark("W", f"{why}; waiting for it")
        case Back(port):
            return _remark("I", f"the board is back at {port}")


def _remark(level: str, text: str) -> LogLine:
    return LogLine(None, level, "monitor", text)


def _converse(port: str, say: Callable[[str, str], None]) -> None:
    say("I", "ending the agent for the REPL")
    try:
        with Device.open(port) as device:
            say("I", "this is the REPL; Ctrl-] goes back, and the agent begins anew")
            device.converse()
            device.resume()
    except DeviceError as error:
        say("W", str(error))


@dataclass(frozen=True)
class Crash:
    """A life that ended badly: number of its boot, version of the agent, seconds it had lived (None: not known), and why."""

    boot: int
    version: str
    lived_s: int | None
    reason: str


@dataclass(frozen=True)
class Lives:
    """`boots` the board has had, how many of the last in a row were `bad`, and the crashes that are noted, the oldest first.

    `damaged`: lines of the crash log that cannot be read.
    """

    boots: int
    bad: int
    crashes: list[Crash]
    damaged: list[str]


def crashes(port: str) -> Lives:
    """What a board has noted of its lives. The agent is interrupted for that, and begins anew. Raises DeviceError."""
    with Device.open(port) as device:
        found = lives(device)
        device.resume()
        return found


def lives(device: Device) -> Lives:
    """What the board has noted of its lives."""
    state = _state(_text(device, BOOT_STATE))
    crashes, damaged = [], []
    for line in _text(device, CRASH_LOG).splitlines():
        if match := _CRASH.fullmatch(line):
            crashes.append(Crash(int(match[1]), match[2], int(match[3]) if match[3] else None, match[4]))
        else:
            damaged.append(line)
    return Lives(*state, crashes, damaged)


def _text(device: Device, path: str) -> str:
    try:
        return device.read(path).decode(errors="backslashreplace")
    except FileNotFoundError:
        return ""


def _state(text: str) -> tuple[int, int]:
    try:
        state = json.loads(text)
        return int(state["boots"]), int(state["bad"])
    except (ValueError, KeyError, TypeError):
        return 0, 0
