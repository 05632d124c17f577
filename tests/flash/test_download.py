"""The newest release is downloaded once, goes on after a break, and is noticed when it changes in the cache."""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools import boards, flash
from host_tools.boards import Board
from host_tools.flash.errors import FlashError, ImageError
from tests.flash import pico_images
from tests.flash.firmware_server import FirmwareServer
from tests.flash.told import Told

NEWEST = "RPI_PICO-20260406-v1.28.0.uf2"
OLDER = "RPI_PICO-20250911-v1.26.1.uf2"


@pytest.fixture
def server() -> Iterator[FirmwareServer]:
    files = {
        "RPI_PICO-20260901-v1.29.0-preview.99.gdeadbeef.uf2": b"not this one",
        "RPI_PICO_W-20260406-v1.99.0.uf2": b"nor this one",
        "RPI_PICO-THREADLESS-20260406-v1.98.0.uf2": b"nor a variant",
        OLDER: pico_images.firmware(version="1.26.1"),
        "RPI_PICO-20260406-v1.9.4.uf2": pico_images.firmware(version="1.9.4"),
        NEWEST: pico_images.firmware(),
    }
    with FirmwareServer(files) as server:
        yield server


@pytest.fixture
def board(server: FirmwareServer, cache: Path) -> Board:
    return at(server, "pico")


def at(server: FirmwareServer, name: str) -> Board:
    """The board whose download page is on this server."""
    board = boards.load(name)
    assert board.firmware is not None
    page = f"{server.url}/download/{board.firmware.name}/"
    return dataclasses.replace(board, firmware=dataclasses.replace(board.firmware, page=page))


def test_the_newest_release_comes_with_its_progress_and_its_sha256(
    board: Board, server: FirmwareServer, cache: Path, told: Told
) -> None:
    image = flash.image_for(board, say=told.say, progress=told.progress)
    content = server.files[NEWEST]
    digest = hashlib.sha256(content).hexdigest()
    assert (image.path, image.release, image.sha256) == (cache / NEWEST, "1.28.0", digest)
    assert image.path.read_bytes() == content
    assert told.steps[-1] == ("download", len(content), len(content))
    assert any(f"publishes no checksum; its SHA-256, {digest}, is kept" in line for line in told.lines)
    assert (cache / f"{NEWEST}.sha256").read_text() == f"{digest}  {NEWEST}\n"


def test_a_second_time_it_is_taken_from_the_cache_and_compared(board: Board, server: FirmwareServer, told: Told) -> None:
    flash.image_for(board, say=told.say, progress=told.progress)
    server.asked.clear()
    image = flash.image_for(board, say=told.say, progress=told.progress)
    assert image.checked[0] == f"SHA-256 as in {NEWEST}.sha256"
    assert server.asked == [("/download/RPI_PICO/", 0)]


def test_a_release_can_be_named(board: Board, told: Told) -> None:
    assert flash.image_for(board, (1, 26, 1), say=told.say, progress=told.progress).path.name == OLDER
    with pytest.raises(FlashError, match=r"offers no MicroPython 1\.2\.3 for Pico; give a file with --file"):
        flash.image_for(board, (1, 2, 3), say=told.say, progress=told.progress)


def test_a_download_that_breaks_off_goes_on_where_it_was(board: Board, server: FirmwareServer, told: Told) -> None:
    server.break_after = 90_000
    image = flash.image_for(board, say=told.say, progress=told.progress)
    assert image.path.read_bytes() == server.files[NEWEST]
    assert [start for path, start in server.asked if path.endswith(NEWEST)] == [0, 90_000, 180_000]


def test_one_that_breaks_off_again_and_again_is_told_and_goes_on_at_the_next_command(
    board: Board, server: FirmwareServer, cache: Path, told: Told
) -> None:
    server.break_after = 20_000
    with pytest.raises(FlashError, match=r"broke off .*run the command again, it goes on there"):
        flash.image_for(board, say=told.say, progress=told.progress)
    assert not (cache / NEWEST).exists()
    server.break_after = None
    server.asked.clear()
    flash.image_for(board, say=told.say, progress=told.progress)
    assert server.asked[-1] == (f"/resources/firmware/{NEWEST}", 60_000)


def test_a_server_that_knows_no_ranges_begins_anew(board: Board, server: FirmwareServer, told: Told) -> None:
    server.break_after = 150_000
    server.ranges = False
    with pytest.raises(FlashError, match="broke off"):
        flash.image_for(board, say=told.say, progress=told.progress)
    server.break_after = None
    assert flash.image_for(board, say=told.say, progress=told.progress).path.read_bytes() == server.files[NEWEST]


def test_a_part_that_is_whole_already_is_not_asked_for_in_vain(
    board: Board, server: FirmwareServer, cache: Path, told: Told
) -> None:
    cache.mkdir(parents=True)
    (cache / f"{NEWEST}.part").write_bytes(server.files[NEWEST])
    assert flash.image_for(board, say=told.say, progress=told.progress).path.read_bytes() == server.files[NEWEST]


def test_a_file_that_changed_in_the_cache_is_removed_and_comes_anew(
    board: Board, server: FirmwareServer, cache: Path, told: Told
) -> None:
    flash.image_for(board, say=told.say, progress=told.progress)
    damaged = bytearray(server.files[NEWEST])
    damaged[1000] ^= 1
    (cache / NEWEST).write_bytes(damaged)
    with pytest.raises(ImageError, match=r"its SHA-256 is .*\(it was removed from the cache; run the command again"):
        flash.image_for(board, say=told.say, progress=told.progress)
    assert flash.image_for(board, say=told.say, progress=told.progress).path.read_bytes() == server.files[NEWEST]


def test_a_login_page_in_place_of_the_firmware_is_not_kept(board: Board, server: FirmwareServer, cache: Path, told: Told) -> None:
    server.files[NEWEST] = b"<html>Please log in to the WiFi of this hotel</html>"
    with pytest.raises(ImageError, match="it is no UF2 file"):
        flash.image_for(board, say=told.say, progress=told.progress)
    assert list(cache.iterdir()) == []


def test_without_the_network_what_was_downloaded_before_is_taken(board: Board, server: FirmwareServer, told: Told) -> None:
    flash.image_for(board, (1, 26, 1), say=told.say, progress=told.progress)
    flash.image_for(board, say=told.say, progress=told.progress)
    server.status = 503
    assert flash.image_for(board, say=told.say, progress=told.progress).release == "1.28.0"
    assert told.lines[-1].endswith("answers 503 Service Unavailable: taking what was downloaded before")


def test_without_the_network_and_without_a_cache_it_is_told_what_to_get(told: Told, cache: Path) -> None:
    with FirmwareServer({}) as gone:
        board = at(gone, "pico")
    with pytest.raises(
        FlashError, match=r"cannot reach 127\.0\.0\.1.*refused.*get RPI_PICO….uf2 from .* and give it with --file"
    ):
        flash.image_for(board, say=told.say, progress=told.progress)


def test_a_page_without_links_is_told(board: Board, server: FirmwareServer, told: Told) -> None:
    server.files.clear()
    with pytest.raises(FlashError, match=r"/download/RPI_PICO/ offers no MicroPython for Pico;"):
        flash.image_for(board, say=told.say, progress=told.progress)


def test_releases_too_old_for_the_board_are_not_downloaded(server: FirmwareServer, cache: Path, told: Told) -> None:
    server.files = {"RPI_PICO_W-20250911-v1.26.1.uf2": pico_images.firmware("RPI_PICO_W", "1.26.1")}
    with pytest.raises(FlashError, match=r"offers no MicroPython 1\.28\.0 or later for Pico W"):
        flash.image_for(at(server, "pico_w"), say=told.say, progress=told.progress)


def test_a_cache_that_cannot_be_written_is_named(board: Board, cache: Path, told: Told) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    with pytest.raises(FlashError, match=f"cannot keep the firmware in {cache}: .*XDG_CACHE_HOME"):
        flash.image_for(board, say=told.say, progress=told.progress)


def test_a_given_sha256_is_compared_with_the_download(board: Board, told: Told) -> None:
    with pytest.raises(ImageError, match="the one given is 0000"):
        flash.image_for(board, sha256="0" * 64, say=told.say, progress=told.progress)
