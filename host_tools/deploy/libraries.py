"""Packages of micropython-lib, each file pinned by its SHA-256: fetched once, then from the user's cache.

micropython_lib.json holds the pins: the address of one commit of micropython-lib, and for each package its version, what it
requires, and its files, by the path that they have under /lib on a board.
"""

import hashlib
import http.client
import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import platformdirs

from host_tools.deploy.errors import DeployError

_PINS = Path(__file__).with_name("micropython_lib.json")
_TIMEOUT_S = 20
_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class Pin:
    """Where a file lies below the address of all, and what is in it."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Package:
    """`files` by the path that they have under /lib."""

    name: str
    version: str
    requires: tuple[str, ...]
    files: Mapping[str, Pin]


class Libraries:
    """The packages that can be had, by name in `packages`; `source` is the address before each pin's path, `cache` a folder."""

    def __init__(self, pins: Mapping[str, Any], cache: Path) -> None:
        self._source: str = pins["source"]
        self._cache = cache
        self.packages = {name: _package(name, content) for name, content in pins["packages"].items()}

    @classmethod
    def of_user(cls) -> Self:
        """Those of plotpost's own pins, in the user's cache."""
        return cls(json.loads(_PINS.read_text(encoding="utf-8")), platformdirs.user_cache_path("plotpost") / "micropython-lib")

    def with_required(self, names: Iterable[str]) -> list[str]:
        """These packages and all that they require."""
        found: list[str] = []
        waiting = sorted(names)
        while waiting:
            if (name := waiting.pop(0)) not in found:
                found.append(name)
                waiting += self.packages[name].requires
        return found

    def files(self, name: str) -> dict[str, bytes]:
        """The sources of one package, by their path under /lib. Raises DeployError."""
        package = self.packages[name]
        return {place: self._content(package, pin) for place, pin in package.files.items()}

    def _content(self, package: Package, pin: Pin) -> bytes:
        cached = self._cache / pin.sha256
        if cached.exists() and _is_whole(content := cached.read_bytes(), pin):
            return content
        content = self._fetch(package, pin)
        self._keep(cached, content)
        return content

    def _fetch(self, package: Package, pin: Pin) -> bytes:
        address = self._source + pin.path
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
                content: bytes = answer.read(_BYTES_MAX)
        except urllib.error.HTTPError as error:
            raise self._unreachable(package, f"{address} answers {error.code} {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise self._unreachable(package, f"{address} cannot be reached: {reason}") from None
        if not _is_whole(content, pin):
            raise DeployError(
                f"{address} is not the file of {package.name} {package.version} that plotpost knows: nothing is deployed"
            )
        return content

    def _unreachable(self, package: Package, why: str) -> DeployError:
        return DeployError(
            f"the board needs micropython-lib's {package.name}, which is not in {self._cache} yet, and {why}; "
            "go online for one deploy, later ones take it from there"
        )

    def _keep(self, cached: Path, content: bytes) -> None:
        """Whole, or not at all."""
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as file:
                file.write(content)
            os.replace(file.name, cached)
        except OSError as error:
            raise DeployError(
                f"cannot write to {self._cache} ({error.strerror}); XDG_CACHE_HOME may name another folder"
            ) from None


def _package(name: str, content: Mapping[str, Any]) -> Package:
    files = {place: Pin(pin["path"], pin["sha256"]) for place, pin in content["files"].items()}
    return Package(name, content["version"], tuple(content["requires"]), files)


def _is_whole(content: bytes, pin: Pin) -> bool:
    return hashlib.sha256(content).hexdigest() == pin.sha256
