"""The agent on this machine's own Python, without MicroPython: on a Raspberry Pi with parts at its pins, or on any Linux machine."""

import contextlib
import fcntl
import importlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from plotpost import life, log
from plotpost.config import parse

from host_tools import boards, pins
from host_tools.config import load, validate
from host_tools.simulate import LogLine

_CHIP_ONLY = ("wifi", "led")  # this machine has a network of its own, and the agent no LED here
_LOCK = "plotpost.lock"

Json = dict[str, Any]


class NotRunnable(Exception):
    """One line that says why the agent does not start here."""


def run(config: Path, secrets: Path | None, say: Callable[[LogLine], None]) -> bool:
    """Runs until Ctrl-C or SIGTERM, then sends what is left. False when there was nothing to run; the log says why.

    The folder of `config` is what the flash is to a board: readings that wait and the log of crashes lie there.
    Raises ConfigError, NotRunnable.
    """
    settings, private = load(config, secrets)
    if wrong := validate(settings, private):
        raise NotRunnable("; ".join(wrong))
    board = boards.load(settings["board"])
    _require_python(board)
    if "plot" in settings:
        raise NotRunnable(f"{config}: plot: here the agent creates none; take this key out, and run: plotpost plot new")
    with _alone_in(config.absolute().parent):
        log.write = lambda text: say(LogLine.parse(text))
        _import_adafruit(settings)
        usable = {key: value for key, value in pins.numbered(settings, board).items() if key not in _CHIP_ONLY}
        parsed = parse(usable, private)
        return bool(life.live(lambda: parsed))


def _require_python(board: boards.Board) -> None:
    if board.port not in ("cpython", "unix"):
        able = [each.name for each in boards.load_all().values() if each.port in ("cpython", "unix")]
        raise NotRunnable(
            f"a {board.product} runs the agent itself (plotpost up); this machine runs it for the boards {' and '.join(able)}"
        )


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Works in `folder`; a second agent there would number the same readings again."""
    os.chdir(folder)
    if not os.access(folder, os.W_OK):
        raise NotRunnable(f"{folder}: what is not sent yet is kept here, and this user may not write; take a folder of your own")
    with open(_LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotRunnable(
                f"{folder}: another agent runs with this folder; stop it, or give this one a folder of its own"
            ) from None
        yield


def _import_adafruit(settings: Json) -> None:
    """Before the driver does: on a Raspberry Pi it takes SIGTERM, for a helper process that is not used here."""
    if not any(entry["driver"].startswith("dht") for entry in settings["sensors"]):
        return
    handler = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(ImportError, NotImplementedError, RuntimeError):  # the driver says what is missing
        importlib.import_module("adafruit_dht")
    signal.signal(signal.SIGTERM, handler)
