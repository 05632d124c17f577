"""The data folder is its owner's alone, also one that was there before, or came from a backup."""

import logging
import os
from pathlib import Path

from .store import FILENAME, LOCK_FILENAME
from .tls import SECRET_FILES

logger = logging.getLogger(__name__)

_OTHERS = 0o077
_OURS = (FILENAME, LOCK_FILENAME, "ca.", "ca-key.", "tls.", "tls-key.")  # what the names of our own files begin with


def keep_private(folder: Path) -> None:
    """Take away what others may do in the folder, and tell it. A folder that holds more than ours is left alone, and told of.

    Windows keeps such permissions elsewhere.
    """
    if os.name != "posix":
        return
    for name in SECRET_FILES:
        if (folder / name).exists():
            _narrow(folder / name, 0o600)
    if all(path.name.startswith(_OURS) for path in folder.iterdir()):
        _narrow(folder, 0o700)
    elif folder.stat().st_mode & _OTHERS:
        _tell(
            folder,
            f"may be read by others, and is left so because it holds other files too: chmod 700 {folder}, or choose another",
        )


def _narrow(path: Path, mode: int) -> None:
    if not path.stat().st_mode & _OTHERS:
        return
    try:
        path.chmod(mode)
    except OSError as error:
        _tell(path, f"may be read by others, and cannot be changed ({error.strerror}): have its owner run chmod {mode:o} {path}")
    else:
        _tell(path, "could be read by others; now it is yours alone")


def _tell(path: Path, what: str) -> None:
    logger.warning("%s %s", path, what)
