"""Puts a set of files on a board all at once: whenever the power is cut, main.py starts with the old set or with the new one.

1. What differs is written to /plotpost.new, and read back. The old set is untouched, and still starts.
2. One rename puts a small program in the place of main.py. It moves the new files to their places, takes away the old ones, and gives
   main.py back at the end.
3. That program is run. If the board loses its power meanwhile, it starts with it and ends what was begun.

/plotpost/SHA256SUMS lists what was put there: what it does not list is somebody else's, and stays.
"""

import contextlib
import hashlib
import itertools
import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from host_tools.deploy.errors import DeployError
from host_tools.device import Device, Raised

Progress = Callable[[str, int, int], None]  # one of STEPS; how much is done, of all

STEPS = ("compare", "send", "check", "move")
MAIN = "main.py"
SUMS = "plotpost/SHA256SUMS"
_HOME = "plotpost"
STAGE = "/plotpost.new"
_FINISH = "finish.py"
_KEPT = "main.old{}.py"
_RESERVE_BLOCKS = 12  # for folders, of which each takes two
_SURVEY_S = 30.0  # for the hash of one file
_MOVE_S = 20.0  # for one rename: at most two erases, by the emulated boards' count, each in 0.4 s (W25Q32JV datasheet, tSE)
_LARGEST = 3

_MARK = '"""Ends a deploy of plotpost that was cut short, then gives main.py back."""'
_FINISHER = """\
{mark}

import os

stage = {stage!r}
for name in {names!r}:
    try:
        os.rename(stage + "/" + name, "/" + name.replace("-", "/"))
        print(end=".")  # who waits sees that it goes on
    except OSError as error:
        if error.errno != 2:
            raise
        # moved before the power was cut

def try_all(take_away, paths):
    for path in paths:
        try:
            take_away(path)
        except OSError:
            pass  # gone already, or a folder that holds something else

try_all(os.remove, {files!r})
try_all(os.rmdir, {folders!r})
os.rename(stage + "/" + {main!r}, "/" + {main!r})
try_all(os.rmdir, [stage])
if __name__ == "__main__":
    import machine

    machine.soft_reset()
"""
_SURVEY = """\
import hashlib, os
def look(path, is_folder):
    if is_folder:
        for entry in os.ilistdir(path):
            look(path + '/' + entry[0], entry[1] & 0x4000)
        return
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                break
            digest.update(buffer[:count])
    print(''.join(['%02x' % byte for byte in digest.digest()]), path)
buffer = memoryview(bytearray(1024))
for path in {paths!r}:
    try:
        mode = os.stat(path)[0]
    except OSError:
        continue
    look(path, mode & 0x4000)
"""


@dataclass(frozen=True)
class Plan:
    """What has to be done. Paths are without the first "/"; the manifest counts as no file.

    `is_recorded`: the manifest on the board is as it is to be. `staged` lies in /plotpost.new already, with the right content or
    another. `kept` is the new name of a main.py that is not ours.
    """

    write: Mapping[str, bytes]
    remove: tuple[str, ...]
    unchanged: int
    sums: bytes
    is_recorded: bool
    staged: Mapping[str, str]
    kept: str | None

    @property
    def is_empty(self) -> bool:
        return not self.write and not self.remove and self.is_recorded


def recorded(device: Device) -> dict[str, str]:
    """The files of the last deploy by their path, with their SHA-256."""
    try:
        lines = device.read(f"/{SUMS}").decode(errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    pairs = [line.split("  ", 1) for line in lines if "  " in line]
    return {path: digest for digest, path in pairs}


def plan(device: Device, files: Mapping[str, bytes], progress: Progress) -> Plan:
    """Compares what is on the board with what is to be there, main.py among it. A deploy that was cut short is ended first."""
    _end_what_was_begun(device, progress)
    listed = recorded(device)
    elsewhere = (f"/{path}" for path in {*files, *listed} if not path.startswith(f"{_HOME}/"))
    there = survey(device, [f"/{_HOME}", *elsewhere], _counted(progress, "compare", b"\n", len(files)))
    wanted = {path: sha256(content) for path, content in files.items()}
    sums = "".join(f"{digest}  {path}\n" for path, digest in sorted(wanted.items())).encode()
    own = {path for path, digest in listed.items() if there.get(path) == digest}
    return Plan(
        write={path: content for path, content in files.items() if there.get(path) != wanted[path]},
        remove=tuple(sorted((own - wanted.keys()) | (shadows(wanted) & there.keys()))),
        unchanged=sum(there.get(path) == digest for path, digest in wanted.items()),
        sums=sums,
        is_recorded=listed == wanted,
        staged={posixpath.basename(path): digest for path, digest in survey(device, [STAGE]).items()},
        kept=_free_name(device) if MAIN in there and MAIN not in own and there[MAIN] != wanted[MAIN] else None,
    )


def carry_out(device: Device, plan: Plan, main: bytes, progress: Progress) -> None:
    """Does what the plan says; `main` is the content of main.py. Raises DeployError before anything has changed."""
    moved = {_name(path): content for path, content in {**plan.write, SUMS: plan.sums}.items() if path != MAIN}
    new = {**moved, MAIN: main, _FINISH: _finisher(plan, moved)}
    missing = {name: content for name, content in new.items() if plan.staged.get(name) != sha256(content)}
    _tidy(device, set(plan.staged) - (new.keys() - missing.keys()))
    _require_room(device, missing)
    _stage(device, missing, progress)
    _read_back(device, new, progress)
    for folder in sorted({posixpath.dirname(path) for path in (*plan.write, SUMS)} - {""}):
        device.make_folder(f"/{folder}")
    if plan.kept:
        device.rename(f"/{MAIN}", f"/{plan.kept}")
    device.rename(f"{STAGE}/{_FINISH}", f"/{MAIN}")
    _run_finisher(device, _counted(progress, "move", b".", len(moved)))


def tidy(device: Device, plan: Plan) -> None:
    """Takes away what is left of a deploy that was cut short."""
    if device.exists(STAGE):
        _tidy(device, plan.staged)
        with contextlib.suppress(Raised):  # a file that littlefs did not list: see _finisher
            device.run(f"import os\nos.rmdir({STAGE!r})")


def survey(device: Device, paths: Iterable[str], on_output: Callable[[bytes], None] = lambda data: None) -> dict[str, str]:
    """The SHA-256 of these files, and of all in these folders, taken on the board; by path without the first "/".

    A line comes for each.
    """
    printed = device.run(_SURVEY.format(paths=sorted(paths)), _SURVEY_S, on_output)
    pairs = (line.split(" /", 1) for line in printed.splitlines())
    return {path: digest for digest, path in pairs}


def shadows(paths: Iterable[str]) -> set[str]:
    """The sources that MicroPython would import in place of our bytecode, such as those of a copy by hand."""
    return {path.removesuffix(".mpy") + ".py" for path in paths if path.startswith(f"{_HOME}/") and path.endswith(".mpy")}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _name(path: str) -> str:
    """Of a file in /plotpost.new, where there are no folders: the program that moves it reads the path from it."""
    return path.replace("/", "-")


def _finisher(plan: Plan, names: Iterable[str]) -> bytes:
    """It knows the files by their names: after a power cut within a rename, littlefs lists one too few until something is written."""
    folders = {posixpath.dirname(path) for path in plan.remove} - {posixpath.dirname(path) for path in plan.write}
    return _FINISHER.format(
        mark=_MARK,
        stage=STAGE,
        main=MAIN,
        names=tuple(names),
        files=tuple(f"/{path}" for path in plan.remove),
        folders=tuple(f"/{folder}" for folder in sorted(folders - {"", "lib", _HOME})),
    ).encode()


def _counted(progress: Progress, step: str, mark: bytes, of: int) -> Callable[[bytes], None]:
    """Tells how far a step is by the marks that the board prints."""
    done = 0

    def hear(data: bytes) -> None:
        nonlocal done
        if count := data.count(mark):
            done = min(done + count, of)
            progress(step, done, of)

    return hear


def _end_what_was_begun(device: Device, progress: Progress) -> None:
    try:
        main = device.read(f"/{MAIN}")
    except FileNotFoundError:
        return
    if main.startswith(_MARK.encode()):
        try:
            _run_finisher(device, _counted(progress, "move", b".", main.count(b".mpy")))
        except Raised:  # somebody took away what it was to move
            device.remove(f"/{MAIN}")


def _run_finisher(device: Device, on_output: Callable[[bytes], None]) -> None:
    """As a module, so that it does not restart the board at its end."""
    device.run(f"with open('/{MAIN}') as file:\n exec(file.read(), {{'__name__': 'finish'}})", _MOVE_S, on_output)


def _free_name(device: Device) -> str:
    names = (_KEPT.format(number or "") for number in itertools.count())
    return next(name for name in names if not device.exists(f"/{name}"))


def _tidy(device: Device, names: Iterable[str]) -> None:
    for name in sorted(names):
        device.remove(f"{STAGE}/{name}")


def _stage(device: Device, files: Mapping[str, bytes], progress: Progress) -> None:
    device.make_folder(STAGE)
    whole = sum(map(len, files.values()))
    done = 0

    def report(sent: int, _: int) -> None:
        progress("send", done + sent, whole)

    report(0, 0)
    for name, content in files.items():
        try:
            device.write(f"{STAGE}/{name}", content, report)
        except OSError as error:
            raise DeployError(
                f"the board cannot write {STAGE}/{name} ({error.strerror or error}): what it had still runs"
            ) from None
        done += len(content)


def _read_back(device: Device, files: Mapping[str, bytes], progress: Progress) -> None:
    found = survey(device, [STAGE], _counted(progress, "check", b"\n", len(files)))
    for name, content in files.items():
        if found.get(f"{STAGE}/{name}"[1:]) != sha256(content):
            raise DeployError(
                f"the board holds something else in {STAGE}/{name} than was sent: what it had still runs; "
                "take another cable or port, and deploy again"
            )


def _require_room(device: Device, files: Mapping[str, bytes]) -> None:
    block, free = device.value("(lambda s: (s[1], s[3]))(__import__('os').statvfs('/'))")
    needed = sum(-(-len(content) // block) for content in files.values()) + _RESERVE_BLOCKS
    if needed <= free:
        return
    sizes = sorted(device.files("/").items(), key=lambda file: -file[1])[:_LARGEST]
    largest = ", ".join(f"{path} ({_kib(size)})" for path, size in sizes)
    raise DeployError(
        f"the board has {_kib(free * block)} free, this deploy needs {_kib(needed * block)}: remove files that are not needed, with "
        f"`mpremote connect {device.port} fs rm :NAME`; the largest are {largest}"
    )


def _kib(size: int) -> str:
    return f"{-(-size // 1024)} KiB"
