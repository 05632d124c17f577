"""The folder that keeps a fetched MicroPython, with the checksum of each of its files."""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from host_tools.runtime.errors import FetchFailed

_MANIFEST = "manifest.json"


class Cache:
    """Holds one MicroPython in `folder`: whole, or not at all."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "micropython-i386"

    @classmethod
    def of_user(cls) -> "Cache":
        return cls(platformdirs.user_cache_path("plotpost"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from filling the same folder meanwhile. Raises FetchFailed where nothing can be written."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            lock = (self.home / "lock").open("w")
        except OSError as error:
            raise FetchFailed(f"cannot write to the cache {self.home} ({error.strerror})") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def is_whole(self) -> bool:
        """Whether every file is there as it was when it was fetched."""
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text())
        except (OSError, ValueError):
            return False
        return bool(manifest == _checksums(self.folder))

    def fill(self, fetch: Callable[[Path], object]) -> None:
        """Lets `fetch` fill an empty folder, which then takes the place of `folder` in one step."""
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=self.home) as temporary:
            fresh = Path(temporary) / "fresh"
            fresh.mkdir()
            fetch(fresh)
            (fresh / _MANIFEST).write_text(json.dumps(_checksums(fresh), indent=1))
            shutil.rmtree(self.folder, ignore_errors=True)
            fresh.rename(self.folder)


def _checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MANIFEST)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
