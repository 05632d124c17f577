import logging
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from host_tools.endpoint.disk import LOW_BYTES, Disk

Usage = namedtuple("Usage", "total used free")


class Hardware:
    """A disk's own figures."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 0
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, self.free))


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> Hardware:
    return Hardware(monkeypatch)


def test_a_disk_with_room_is_no_trouble(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.look()
    assert disk.trouble is None or shutil.disk_usage(tmp_path).free < LOW_BYTES


def test_a_disk_that_is_nearly_full_is_told_once_and_again_after_it_had_room(
    hardware: Hardware, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(tmp_path)
    with caplog.at_level(logging.WARNING):
        for free, told in ((LOW_BYTES, 0), (LOW_BYTES - 1, 1), (LOW_BYTES, 1), (LOW_BYTES // 2, 1), (2 * LOW_BYTES, 1), (0, 2)):
            hardware.free = free
            disk.look()
            assert len(caplog.records) == told
    assert disk.trouble == "The disk of this endpoint is nearly full (0 MiB left): make room on it."
    assert str(tmp_path) in caplog.records[0].message


def test_a_disk_that_does_not_tell_is_no_trouble(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "gone")
    disk.look()
    assert disk.trouble is None
