"""Plotly's own clients, as published: each installed once, into a folder of its own in the user's cache."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import platformdirs

HERE = Path(__file__).parent
_INSTALL_S = 600.0


class Missing(Exception):
    """A client cannot be had here. The message names the remedy."""


def python(name: str) -> Path:
    """The Python of a virtual environment that holds what `name`.txt lists. Raises Missing."""
    requirements = HERE / f"{name}.txt"
    folder = _folder(name, sys.version, requirements)

    def install() -> None:
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], HERE)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
        _run([*pip, "-r", str(requirements)], HERE)

    _once(folder, install)
    return folder / "bin" / "python"


def node() -> Path:
    """A folder whose node_modules holds npm's plotly and hyperquest. Raises Missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("npm's clients need Node.js and npm (Debian, Ubuntu: apt install nodejs npm)")
    lock = HERE / "node" / "package-lock.json"
    folder = _folder("node", "", lock)

    def install() -> None:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / file, folder)
        _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)

    _once(folder, install)
    return folder


def _folder(name: str, runtime: str, pins: Path) -> Path:
    """A folder for just these versions."""
    version = hashlib.sha256(runtime.encode() + pins.read_bytes()).hexdigest()[:12]
    return platformdirs.user_cache_path("plotpost") / "clients" / f"{name}-{version}"


def _once(folder: Path, install: Callable[[], None]) -> None:
    """Install unless it was done before; two test runs at once wait for each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / ".installed"
        if not done.exists():
            install()
            done.touch()


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_S)
    except subprocess.TimeoutExpired:
        raise Missing(f"{' '.join(command[:4])} took more than {_INSTALL_S:g} s; is its registry reachable?") from None
    if done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Missing(f"{' '.join(command[:4])} failed ({reason}); is its registry reachable?")
