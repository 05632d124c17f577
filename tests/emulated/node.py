"""Node.js and the one package that the emulated chip takes from npm."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.emulated.errors import Missing

CHIP = Path(__file__).parent / "chip"
OLDEST_NODE = 18
_INSTALL_S = 300.0


def command() -> list[str]:
    """What runs the emulator, after seeing to its package. Raises Missing."""
    node = shutil.which("node")
    if node is None or _major(node) < OLDEST_NODE:
        raise Missing(f"The emulated boards need Node.js {OLDEST_NODE} or later (Debian, Ubuntu: apt install nodejs npm)")
    with _locked():
        if not (CHIP / "node_modules" / "rp2040js").is_dir():
            _install()
    return [node, str(CHIP / "main.js")]


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.lstrip("v").split(".")[0])


@contextmanager
def _locked() -> Iterator[None]:
    """Keeps two processes from installing into the same folder at the same time."""
    folder = os.open(CHIP, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("The emulated boards need npm to install rp2040js (Debian, Ubuntu: apt install npm)")
    done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=CHIP, capture_output=True, text=True, timeout=_INSTALL_S)
    if done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Missing(f"npm ci in {CHIP} failed ({reason}); is its registry reachable?")
