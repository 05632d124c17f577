"""Chromium without a window, for as long as one page takes, with as little power over this machine as it starts with."""

import asyncio
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

_FLAGS = (
    "--headless", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-pdf-header-footer",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a figure may name addresses: nobody is to be asked on its behalf
    "--virtual-time-budget=20000",  # the page is done when nothing more happens in it, however slow the machine is
)  # fmt: skip
_NOBODY = "nobody"  # Chromium has no sandbox for root, and refuses to start with one


class _Way(NamedTuple):
    """How to start it: as which user, None for ours, and whether in its sandbox."""

    user: str | None
    is_sandboxed: bool


class _CannotStart(Exception):
    """Not in this way."""


class Browser:
    """Every page has a process of its own, so that nothing of it is left for the next."""

    def __init__(self) -> None:
        self._ways = _ways()  # the first one is used

    async def run(self, program: str, folder: Path, timeout_s: float, *arguments: str) -> bytes:
        """What it prints; its profile, and all that it writes, is in the folder. Raises TimeoutError, after which nothing of it runs."""
        while True:
            way = self._ways[0]
            try:
                return await self._run(way, program, folder, timeout_s, *arguments)
            except _CannotStart:
                if self._ways[0] is way:
                    del self._ways[0]
                    _tell(self._ways[0])

    async def _run(self, way: _Way, program: str, folder: Path, timeout_s: float, *arguments: str) -> bytes:
        """Its processes are a group of their own, and all of them end here."""
        try:
            if way.user is not None:
                shutil.chown(folder, way.user)
            process = await asyncio.create_subprocess_exec(
                program, *_FLAGS, *([] if way.is_sandboxed else ["--no-sandbox"]), f"--user-data-dir={folder / 'profile'}", *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "TMPDIR": str(folder)},
                start_new_session=True, preexec_fn=None if way.user is None else _becoming(way.user),
            )  # fmt: skip
        except (PermissionError, LookupError):  # that user may not run it, or there is none
            raise _CannotStart from None
        try:
            output, complaints = await asyncio.wait_for(process.communicate(), timeout_s)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if not output and way.is_sandboxed and b"sandbox" in complaints.lower():
            raise _CannotStart
        return output


def _becoming(name: str) -> Callable[[], None]:
    """What a new process calls to be that user. (uvloop knows no better way.) Raises LookupError."""
    import pwd

    user = pwd.getpwnam(name)

    def become() -> None:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    return become


def _ways() -> list[_Way]:
    """From the best to the one that always works."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return [_Way(None, True), _Way(None, False)]
    return [_Way(_NOBODY, True), _Way(_NOBODY, False), _Way(None, False)]


def _tell(way: _Way) -> None:
    if not way.is_sandboxed:
        logger.warning(
            "pictures are drawn without Chromium's sandbox: this system gives it none (kernel.unprivileged_userns_clone)"
        )
