"""The compilers that the builds need: found, or installed with apt by root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.emulated.errors import Missing
from tests.emulated.firmware.progress import Progress

_INSTALL_S = 900.0


@dataclass(frozen=True)
class Toolchain:
    """A compiler: what it is, Debian's packages of it, and how to tell that it is here and whole."""

    name: str
    packages: tuple[str, ...]
    is_complete: Callable[[], bool]


def ensure(toolchain: Toolchain, progress: Progress) -> None:
    """Install what is missing. Raises Missing, with the line to type."""
    if toolchain.is_complete():
        return
    line = f"apt-get install --no-install-recommends {' '.join(toolchain.packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(f"Building MicroPython for the emulated boards needs a {toolchain.name}; as root: {line}")
    progress(f"Installing the {toolchain.name}", None)
    for command in (["apt-get", "-qq", "update"], [*line.split(), "-y", "-qq"]):
        _apt(command)
    if not toolchain.is_complete():
        raise Missing(f"apt installed {', '.join(toolchain.packages)}, and yet the {toolchain.name} does not work here")


def _has_arm() -> bool:
    if not all(shutil.which(tool) for tool in ("cmake", "make", "g++", "arm-none-eabi-gcc", "arm-none-eabi-g++")):
        return False
    return all(_finds(library) for library in ("nosys.specs", "libstdc++.a"))  # of newlib and of its C++ library


def _finds(library: str) -> bool:
    """Tell whether the compiler answers with a path, as for what it has; else it gives the bare name."""
    answer = subprocess.run(["arm-none-eabi-g++", f"-print-file-name={library}"], capture_output=True, text=True).stdout
    return os.path.isabs(answer.strip())


def _has_multilib() -> bool:
    """Tell whether a program of 32 bits can be linked, and runs."""
    if not all(shutil.which(tool) for tool in ("gcc", "make")):
        return False
    with tempfile.TemporaryDirectory(prefix="plotpost-m32-") as folder:
        source, program = Path(folder) / "nothing.c", Path(folder) / "nothing"
        source.write_text("int main(void) { return 0; }\n")
        linked = subprocess.run(["gcc", "-m32", "-o", str(program), str(source)], capture_output=True)
        return linked.returncode == 0 and subprocess.run([str(program)]).returncode == 0


def _apt(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_INSTALL_S, stdin=subprocess.DEVNULL)
    if done.returncode:
        reason = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise Missing(f"Cannot install the compiler: {reason}")


ARM = Toolchain(
    "cross compiler (arm-none-eabi)",
    ("cmake", "g++", "gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "libstdc++-arm-none-eabi-newlib", "make", "python3"),
    _has_arm,
)
MULTILIB = Toolchain("compiler for programs of 32 bits (gcc -m32)", ("gcc", "gcc-multilib", "make", "python3"), _has_multilib)
