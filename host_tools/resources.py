"""Where the firmware and the boards' descriptions lie: in a checkout, or in an installed package."""

import shutil
from pathlib import Path

_HERE = Path(__file__).parent
_IN_CHECKOUT = (_HERE.parent / "firmware").is_dir()


def boards() -> Path:
    """The folder of boards/*.json."""
    return _HERE.parent / "boards" if _IN_CHECKOUT else _HERE / "_boards"


def copy_firmware(destination: Path) -> None:
    """Puts main.py and plotpost/ into a folder, as they lie on a board."""
    main = (_HERE.parent / "firmware" if _IN_CHECKOUT else _HERE / "_firmware") / "main.py"
    shutil.copy(main, destination)
    shutil.copytree(firmware_package(), destination / "plotpost", ignore=shutil.ignore_patterns("__pycache__"))


def firmware_package() -> Path:
    """The folder of the firmware's package `plotpost`."""
    return _HERE.parent / "firmware" / "plotpost" if _IN_CHECKOUT else _HERE.parent / "plotpost"
