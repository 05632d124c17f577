"""MicroPython's own definitions of the boards that plotpost knows: a few files of its source tree, kept beside the firmware built of it."""

import hashlib
import shutil
import tempfile
from pathlib import Path

import platformdirs

from tests.emulated.firmware import sources
from tests.emulated.firmware.progress import Progress, silent

_PATTERNS = (
    "ports/rp2/boards/RPI_PICO*/*",
    "ports/rp2/boards/*_af.csv",
    "ports/esp32/boards/ESP32_GENERIC*/*",
    "ports/esp32/boards/sdkconfig.*",
    "ports/esp32/partitions-*.csv",
    "ports/esp32/machine_adc.c",
    "ports/esp32/machine_i2c.h",
    "ports/esp32/mpconfigport.h",
    "lib/pico-sdk/src/boards/include/boards/pico*.h",
)


def folder(progress: Progress = silent) -> Path:
    """Return where they lie, as in the tree; fetched now if no firmware was built since (about 40 MB). Raises Missing."""
    home = _home()
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="build-", dir=home.parent) as temporary:
            keep(sources.fetch(Path(temporary) / "source", progress))
    return home


def keep(tree: Path) -> None:
    """Copy them from a source tree; the folder appears whole, in one step."""
    home = _home()
    if home.is_dir():
        return
    with tempfile.TemporaryDirectory(prefix="build-", dir=home.parent) as temporary:
        fresh = Path(temporary) / home.name
        for pattern in _PATTERNS:
            for path in filter(Path.is_file, tree.glob(pattern)):
                target = fresh / path.relative_to(tree)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
        fresh.rename(home)


def _home() -> Path:
    digest = hashlib.sha256(repr((sources.RECIPE, _PATTERNS)).encode()).hexdigest()[:16]
    return platformdirs.user_cache_path("plotpost") / "emulated" / f"definitions-{digest}"
