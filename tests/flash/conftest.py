"""Fixtures of the tests about flashing: a cache of their own, no drives but the tests' own, and what a person is told."""

from pathlib import Path

import platformdirs
import pytest

from host_tools.flash import bootsel
from tests.flash.told import Told


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the drive that there may be; it is not there yet."""
    folder = tmp_path / "RPI-RP2"
    monkeypatch.setenv(bootsel.FOLDERS, str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where downloads are kept."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: folder / name)
    return folder / "plotpost" / "firmware"
