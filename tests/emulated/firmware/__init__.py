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
from tests.emulated.firmware import definitions, sources, toolchain
from tests.emulated.firmware.build import Recipe
from tests.emulated.firmware.posix_esp32 import PosixEsp32
from tests.emulated.firmware.progress import Progress, silent
from tests.emulated.firmware.rp2 import Rp2

BOARDS: dict[str, Recipe] = {
    "pico": Rp2("RPI_PICO"),
    "pico_w": Rp2("RPI_PICO_W", Path(__file__).parent / "pico_w"),
    "esp32": PosixEsp32("esp32", "ESP32_GENERIC"),
    "esp32_s2": PosixEsp32("esp32_s2_psram", "ESP32_GENERIC_S2"),
    "esp32_s2_bare": PosixEsp32("esp32_s2", "ESP32_GENERIC_S2"),
    "esp32_s3": PosixEsp32("esp32_s3", "ESP32_GENERIC_S3"),
    "esp32_c3": PosixEsp32("esp32_c3", "ESP32_GENERIC_C3"),
    "esp32_c6": PosixEsp32("esp32_c6", "ESP32_GENERIC_C6"),
}
_KEY_DIGITS = 16


def firmware(board: str, progress: Progress = silent) -> Path:
    """Return the path of the firmware of one of BOARDS, built now if need be (about 100 s). Raises Missing.

    sources.txt beside it lists the packages that it was made of; beside that of a Pico symbols.txt its functions.
    """
    return firmwares([board], progress)[0]


def firmwares(boards: Sequence[str], progress: Progress = silent) -> list[Path]:
    """Return the same for several boards, from one source tree."""
    home = platformdirs.user_cache_path("plotpost") / "emulated"
    folders = {board: home / f"{board}-{_key(BOARDS[board])}" for board in boards}
    with _locked(home):
        wanting = {board: folder for board, folder in folders.items() if not folder.is_dir()}
        if wanting:
            _build(home, wanting, progress)
    return [folder / BOARDS[board].image for board, folder in folders.items()]


def _build(home: Path, wanting: dict[str, Path], progress: Progress) -> None:
    """Build what is wanting; each folder appears whole, in one step."""
    for kind in {BOARDS[board].toolchain for board in wanting}:
        toolchain.ensure(kind, progress)
    with tempfile.TemporaryDirectory(prefix="build-", dir=home) as temporary:
        work = Path(temporary)
        tree = sources.fetch(work / "source", progress)
        definitions.keep(tree)
        for board, folder in wanting.items():
            fresh = work / board
            fresh.mkdir()
            BOARDS[board].build(tree, fresh, progress)
            shutil.copy2(tree / sources.LIST, fresh)
            fresh.rename(folder)


def _key(recipe: Recipe) -> str:
    """Return a hash of all that the image is made of: packages, options, and our own files."""
    digest = hashlib.sha256(repr((sources.RECIPE, *recipe.identity())).encode())
    for path in recipe.files():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:_KEY_DIGITS]


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Keep two processes from building at the same time."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("w")
    except OSError as error:
        raise Missing(f"cannot write to the cache {home} ({error.strerror}); XDG_CACHE_HOME may name another folder") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
