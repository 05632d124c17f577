"""The cross compiler for the boards' Cortex-M0+: found, or installed with apt by root."""

import os
import shutil
import subprocess

from tests.emulated.errors import Missing
from tests.emulated.firmware.progress import Progress

PACKAGES = (
    "cmake",
    "g++",
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "libstdc++-arm-none-eabi-newlib",
    "make",
    "python3",
)
_COMPILER = "arm-none-eabi-g++"
_LIBRARIES = ("nosys.specs", "libstdc++.a")  # of newlib and of its C++ library
_INSTALL_S = 900.0


def ensure(progress: Progress) -> None:
    """Raises Missing, with the line to type."""
    if _is_complete():
        return
    line = f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(f"Building MicroPython for the emulated boards needs a cross compiler; as root: {line}")
    progress("Installing the cross compiler (arm-none-eabi)", None)
    for command in (["apt-get", "-qq", "update"], [*line.split(), "-y", "-qq"]):
        _apt(command)
    if not _is_complete():
        raise Missing(f"apt installed {', '.join(PACKAGES)}, and yet {_COMPILER} with newlib does not work here")


def _is_complete() -> bool:
    if not all(shutil.which(tool) for tool in ("cmake", "make", "g++", "arm-none-eabi-gcc", _COMPILER)):
        return False
    return all(_finds(library) for library in _LIBRARIES)


def _finds(library: str) -> bool:
    """The compiler answers with a path for what it has, and with the bare name for what it has not."""
    answer = subprocess.run([_COMPILER, f"-print-file-name={library}"], capture_output=True, text=True).stdout
    return os.path.isabs(answer.strip())


def _apt(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_INSTALL_S, stdin=subprocess.DEVNULL)
    if done.returncode:
        reason = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise Missing(f"Cannot install the cross compiler: {reason}")
