"""Which program has a serial port open, as far as Linux tells this user."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_PROCESSES = Path("/proc")


def holder(port: str) -> str | None:
    """`screen (process 1234)`, of another process than this one; None where that cannot be known."""
    device = os.path.realpath(port)
    return next((told for told, opened in _opened() if opened == device), None)


def _opened() -> Iterator[tuple[str, str]]:
    """Of the processes that this user may look into: the program, and a file that it has open."""
    for process in _PROCESSES.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):  # it is somebody else's, or just ended
            name = (process / "comm").read_text().strip()
            for descriptor in (process / "fd").iterdir():
                yield f"{name} (process {process.name})", os.readlink(descriptor)
