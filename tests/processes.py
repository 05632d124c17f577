"""Running `plotpost` as a user does, in a process of its own, and finding what it leaves behind."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from host_tools import leash

TIMEOUT_S = 300  # a command that hangs is killed then, so that no test waits for ever
_ENDING_S = 60


def start(folder: Path, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """Starts `plotpost` with `folder` as the place of its temporary files, by which all its processes can be found."""
    process = subprocess.Popen(
        leash.command(sys.executable, "-m", "host_tools.cli", *arguments),
        env={**os.environ, "TMPDIR": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.daemon = True
    watchdog.start()
    return process


def run(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs it to its end."""
    process = start(folder, *arguments, **environment)
    out, err = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def last_json(output: str) -> Any:
    return json.loads(output.splitlines()[-1])


def left_behind(folder: Path) -> list[str]:
    """What lies in `folder`, and the processes that were started with it."""
    return [str(path) for path in folder.iterdir()] + left_running(folder)


def left_running(folder: Path) -> list[str]:
    """The processes that were started with `folder`, after those that are ending had time to."""
    deadline = time.monotonic() + _ENDING_S
    while (found := _processes(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _processes(folder: Path) -> list[str]:
    marker = f"TMPDIR={folder}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it ended meanwhile, or belongs to somebody else
            continue
    return found
