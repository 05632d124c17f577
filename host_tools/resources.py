"""Where the firmware and the boards' descriptions lie: in a checkout, or in an installed package."""

import shutil
from pathlib import Path

_HERE = Path(__file__).parent
_INSTALLED = (_HERE / "_firmware").is_dir()  # else this is a checkout


def boards() -> Path:
    """The folder of boards/*.json."""
    return _HERE / "_boards" if _INSTALLED else _HERE.parent / "boards"


def firmware_package() -> Path:
    """The folder of the firmware's package `plotpost`."""
    return _HERE.parent / "plotpost" if _INSTALLED else _HERE.parent / "firmware" / "plotpost"


def hardware() -> Path:
    """The folder of the simulated hardware, modules for MicroPython."""
    return _HERE / "hardware"


def copy_hardware(destination: Path) -> None:
    """Puts the simulated hardware beside main.py: modules that MicroPython's unix port lacks, and the parts at their pins."""
    shutil.copytree(hardware(), destination, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def copy_firmware(destination: Path) -> None:
    """Puts main.py and plotpost/ into a folder, as they lie on a board."""
    folder = _HERE / "_firmware" if _INSTALLED else _HERE.parent / "firmware"
    shutil.copy(folder / "main.py", destination)
    shutil.copytree(firmware_package(), destination / "plotpost", ignore=shutil.ignore_patterns("__pycache__"))
