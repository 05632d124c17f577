"""The disk of the data folder: its end is told before it is reached."""

import logging
import shutil
from pathlib import Path

logger = logging.getLogger(__name__)

LOW_BYTES = 512 << 20  # a write-ahead log and one large plot take a fifth of that


class Disk:
    """Look at it now and then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.trouble: str | None = None  # what a person must know of it

    def look(self) -> None:
        """Find out how much room there is. A disk that does not tell is as good as one with room."""
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:
            return
        if free >= (2 * LOW_BYTES if self.trouble else LOW_BYTES):  # nobody is told again and again
            self.trouble = None
        else:
            if not self.trouble:
                logger.warning("the disk is nearly full: %d MiB are left for %s; make room on it", free >> 20, self._folder)
            self.trouble = f"The disk of this endpoint is nearly full ({free >> 20} MiB left): make room on it."
