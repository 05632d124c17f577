"""MicroPython's published firmware: the newest release for a board, downloaded once, kept with its SHA-256.

micropython.org publishes no checksums. The connection is HTTPS, the length of the file and its structure are checked, and the SHA-256
of the first download is kept beside it, so that a file that changes afterwards is noticed.
"""

import hashlib
import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from host_tools.boards import Firmware, Version
from host_tools.flash.errors import FlashError

Progress = Callable[[int, int], None]  # bytes done, of all

_LINK = re.compile(r"""href=["']([^"']+)["']""")
_TIMEOUT_S = 20
_TRIES = 3
_CHUNK_BYTES = 64 << 10
_LARGEST_BYTES = 64 << 20
_PAGE_BYTES = 4 << 20
_AGENT = {"User-Agent": "plotpost"}


class Unreachable(FlashError):
    """The server cannot be reached, or does not answer as it should."""


@dataclass(frozen=True)
class Release:
    """A file on the download page."""

    name: str
    url: str
    version: Version
    date: str


def folder() -> Path:
    """Where images are kept, as NAME and NAME.sha256."""
    return platformdirs.user_cache_path("plotpost") / "firmware"


def releases(firmware: Firmware) -> list[Release]:
    """What the board's page offers, newest first; no previews, no variants such as SPIRAM. Raises Unreachable."""
    with _opened(firmware.page) as answer:
        page = answer.read(_PAGE_BYTES).decode(errors="replace")
    links = [urllib.parse.urljoin(firmware.page, link) for link in _LINK.findall(page)]
    return _sorted(_release(firmware, link) for link in set(links))


def kept(firmware: Firmware) -> list[Release]:
    """What is in the cache, newest first."""
    return _sorted(_release(firmware, path.as_uri()) for path in folder().glob("*"))


def path_of(release: Release) -> Path:
    return folder() / release.name


def fetch(release: Release, progress: Progress) -> str:
    """Downloads it, going on where an earlier attempt ended; returns its SHA-256. Raises Unreachable, or FlashError where nothing can
    be kept."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        part = folder() / f"{release.name}.part"
        for left in reversed(range(_TRIES)):
            try:
                _go_on(release.url, part, progress)
                break
            except Unreachable:
                if not left:
                    raise
        return _keep(part, path_of(release))
    except OSError as error:
        raise FlashError(
            f"cannot keep the firmware in {folder()}: {error.strerror}; XDG_CACHE_HOME may name another folder"
        ) from None


def forget(path: Path) -> None:
    """Removes an image that turned out to be damaged, so that the next attempt downloads it anew."""
    for file in (path, _beside(path)):
        file.unlink(missing_ok=True)


def _release(firmware: Firmware, url: str) -> Release | None:
    """The release at an address, by its name: RPI_PICO_W-20260406-v1.28.0.uf2; None for anything else."""
    name = url.rpartition("/")[2]
    pattern = rf"{re.escape(firmware.name)}-(\d{{8}})-v(\d+)\.(\d+)\.(\d+){re.escape(firmware.suffix)}"
    found = re.fullmatch(pattern, name)
    return Release(name, url, (int(found[2]), int(found[3]), int(found[4])), found[1]) if found else None


def _sorted(found: Iterable[Release | None]) -> list[Release]:
    return sorted((one for one in found if one), key=lambda one: (one.version, one.date), reverse=True)


def _go_on(url: str, part: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    with _opened(url, {"Range": f"bytes={have}-"} if have else {}) as answer:
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else 0
        if total > _LARGEST_BYTES:
            raise Unreachable(f"{url} is too large for a firmware")
        with part.open("ab" if have else "wb") as file:
            while chunk := _read(answer, url):
                have += file.write(chunk)
                progress(have, total)
    if total and have != total:
        raise Unreachable(
            f"the download of {url} broke off after {have:,} of {total:,} bytes; run the command again, it goes on there"
        )


def _read(answer: http.client.HTTPResponse, url: str) -> bytes:
    try:
        return answer.read(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"the download of {url} broke off ({error}); run the command again, it goes on there") from None


def _opened(url: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={**_AGENT, **(headers or {})})
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # type: ignore[no-any-return]
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and headers:
            return _opened(url)
        raise Unreachable(f"{url} answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"cannot reach {urllib.parse.urlsplit(url).netloc} ({getattr(error, 'reason', error)})") from None


def _keep(part: Path, path: Path) -> str:
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    _beside(path).write_text(f"{digest}  {path.name}\n")
    part.replace(path)
    return digest


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
