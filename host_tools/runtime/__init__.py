"""Finds a real MicroPython for this machine, or fetches one: `find()` gives a `Runtime`."""

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from host_tools.runtime import build, debian
from host_tools.runtime.cache import Cache
from host_tools.runtime.debian import Say
from host_tools.runtime.errors import FetchFailed, RuntimeMissing

__all__ = ["BOARD_HEAP_KIB", "MICROPYTHON", "Runtime", "RuntimeMissing", "find"]

MICROPYTHON = "PLOTPOST_MICROPYTHON"  # environment: the path of a MicroPython to use instead of all others
BOARD_HEAP_KIB = 160  # what a Pico W or a plain ESP32 leaves to a program
_PROBE = """\
import sys
name, version = sys.implementation[:2]
print(name, sys.maxsize, getattr(sys.implementation, "_mpy", 0) & 255, "%d.%d.%d" % version[:3])
"""

Fetch = Callable[[Path, Say], None]

_SOURCES: dict[str, Fetch] = {
    "Debian's package": debian.fetch,
    "Debian's snapshot archive": debian.fetch_snapshot,
    "Debian's source": build.fetch,
}


@dataclass(frozen=True)
class Runtime:
    """A MicroPython that runs here. `bytecode` is the version of .mpy files that it loads."""

    argv: list[str]
    bits: int
    version: str
    bytecode: int
    source: str

    @property
    def label(self) -> str:
        return f"MicroPython {self.version}, {self.bits} bit"

    def heap_kib(self, board_kib: int = BOARD_HEAP_KIB) -> int:
        """The heap in KiB that holds what `board_kib` hold on a board: objects are twice as large with 64-bit words."""
        return board_kib * self.bits // 32

    def command(self, *arguments: str, board_kib: int = BOARD_HEAP_KIB) -> list[str]:
        return [*self.argv, "-X", f"heapsize={self.heap_kib(board_kib)}k", *arguments]


def find(say: Say = lambda line: None, cache: Cache | None = None) -> Runtime:
    """The best MicroPython of this machine: PLOTPOST_MICROPYTHON, the cache, Debian's 32-bit build, the system's.

    `say` is told what takes time. Raises RuntimeMissing.
    """
    if chosen := os.environ.get(MICROPYTHON):
        return _chosen(chosen)
    cache = cache or Cache.of_user()
    try:
        return _fetched(cache, say)
    except FetchFailed as failure:
        if system := shutil.which("micropython"):
            return _chosen(system)
        raise RuntimeMissing(_remedy(str(failure))) from failure


def _chosen(path: str) -> Runtime:
    try:
        return _probe([path], path)
    except FetchFailed as failure:
        raise RuntimeMissing(str(failure)) from failure


def _fetched(cache: Cache, say: Say) -> Runtime:
    """The 32-bit build from the cache, after putting it there if need be. Raises FetchFailed."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "i686"):
        raise FetchFailed(f"the 32-bit build does not run on {platform.system()} {platform.machine()}")
    with cache.locked():
        if not cache.is_whole():
            _fill(cache, say)
    return _probe(_argv(cache.folder), str(cache.folder))


def _fill(cache: Cache, say: Say) -> None:
    """Asks each source in turn for a MicroPython that runs."""
    reasons = []
    for source, fetch in _SOURCES.items():

        def fetch_and_try(folder: Path, fetch: Fetch = fetch, source: str = source) -> None:
            fetch(folder, say)
            _probe(_argv(folder), source)

        try:
            return cache.fill(fetch_and_try)
        except (FetchFailed, OSError) as failure:
            reasons.append(f"{source}: {failure}")
    raise FetchFailed("; ".join(reasons))


def _argv(folder: Path) -> list[str]:
    """How to start what lies in `folder`: with its own loader and libraries, if it brought them."""
    program, libraries = folder / "micropython", folder / "lib"
    if not libraries.exists():
        return [str(program)]
    return [str(libraries / "ld-linux.so.2"), "--library-path", str(libraries), str(program)]


def _remedy(reason: str) -> str:
    if platform.system() == "Darwin":
        return "MicroPython is missing: brew install micropython"
    return (
        "MicroPython is missing: install it (Debian 13, Ubuntu: sudo apt install micropython)"
        f" or set {MICROPYTHON} to the path of one. The 32-bit build could not be fetched: {reason}"
    )


def _probe(argv: list[str], source: str) -> Runtime:
    """Starts it once to see what it is. Raises FetchFailed."""
    try:
        done = subprocess.run([*argv, "-c", _PROBE], capture_output=True, text=True, timeout=20, check=True)
        name, maxsize, bytecode, version = done.stdout.split()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise FetchFailed(f"{source} is not a MicroPython that runs here ({error})") from error
    if name != "micropython":
        raise FetchFailed(f"{source} is not MicroPython but {name}")
    return Runtime(argv, 32 if int(maxsize) < 1 << 32 else 64, version, int(bytecode), source)
