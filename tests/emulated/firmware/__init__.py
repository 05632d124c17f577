"""MicroPython for the emulated boards: built once from Debian's source packages, then kept in the user's cache."""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from tests.emulated.errors import Missing
from tests.emulated.firmware import build, sources, toolchain
from tests.emulated.firmware.progress import Progress, silent

BOARDS: dict[str, build.Recipe] = {
    "pico": build.Recipe(micropython_board="RPI_PICO"),
    "pico_w": build.Recipe(micropython_board="RPI_PICO_W", folder=Path(__file__).parent / "pico_w"),
}
_KEY_DIGITS = 16


def firmware(board: str, progress: Progress = silent) -> Path:
    """The path of firmware.bin for "pico" or "pico_w", built now if need be (about 100 s). Raises Missing.

    symbols.txt beside it lists its functions, and sources.txt the packages it was made of.
    """
    return firmwares([board], progress)[0]


def firmwares(boards: Sequence[str], progress: Progress = silent) -> list[Path]:
    """The same for several boards, from one source tree."""
    home = platformdirs.user_cache_path("plotpost") / "emulated"
    folders = {board: home / f"{board}-{_key(BOARDS[board])}" for board in boards}
    with _locked(home):
        wanting = {board: folder for board, folder in folders.items() if not folder.is_dir()}
        if wanting:
            _build(home, wanting, progress)
    return [folder / build.IMAGE for folder in folders.values()]


def _build(home: Path, wanting: dict[str, Path], progress: Progress) -> None:
    """Each folder appears whole, in one step."""
    toolchain.ensure(progress)
    with tempfile.TemporaryDirectory(prefix="build-", dir=home) as temporary:
        work = Path(temporary)
        tree = sources.fetch(work / "source", progress)
        for board, folder in wanting.items():
            fresh = work / board
            fresh.mkdir()
            build.build(tree, BOARDS[board], fresh, progress)
            shutil.copy2(tree / sources.LIST, fresh)
            fresh.rename(folder)


def _key(recipe: build.Recipe) -> str:
    """A hash of all that the image is made of: packages, options, and our own files."""
    digest = hashlib.sha256(repr((sources.RECIPE, build.OPTIONS, build.MANIFEST, recipe.micropython_board)).encode())
    for path in recipe.files():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:_KEY_DIGITS]


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Keeps two processes from building at the same time."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("w")
    except OSError as error:
        raise Missing(f"cannot write to the cache {home} ({error.strerror}); XDG_CACHE_HOME may name another folder") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
