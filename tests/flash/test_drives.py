"""BOOTSEL drives are found on every system, and each trouble with one is told with a remedy."""

import errno
import os
import pty
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from host_tools import boards, device, flash, ports
from host_tools.flash import bootsel, waiting
from host_tools.flash.bootsel import Drive
from host_tools.flash.errors import FlashError
from tests import processes
from tests.flash import pico_images
from tests.flash.told import Told

PICO = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n"
PICO_2 = "UF2 Bootloader v1.0\r\nModel: Raspberry Pi RP2350\r\nBoard-ID: RP2350\r\n"
OTHER = "TinyUF2 Bootloader 0.20.1\r\nModel: Feather\r\nBoard-ID: ESP32S3-Feather\r\n"


def plug_in(folder: Path, info: str = PICO) -> Drive:
    folder.mkdir(parents=True)
    (folder / "INFO_UF2.TXT").write_text(info)
    return Drive(folder, "RPI-RP2")


def run(media: Path, told: Told, board: str = "pico", port: str | None = None, **more: Any) -> flash.Flashed:
    return flash.run(
        boards.load(board), port, pico_images.saved(media.parent), **{"say": told.say, "progress": told.progress, **more}
    )


def test_linux_finds_drives_by_their_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(tmp_path / "a b")
    plug_in(tmp_path / "ext4")
    plug_in(tmp_path / "other", OTHER)
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/sda1 {tmp_path}/a\\040b vfat rw,nosuid 0 0\n/dev/sdb1 {tmp_path}/ext4 ext4 rw 0 0\n/dev/sdc1 {tmp_path}/other vfat rw 0 0\n"
        f"/dev/sdd1 {tmp_path}/empty vfat rw 0 0\nproc /proc proc rw 0 0\n\n"
    )
    monkeypatch.delenv(bootsel.FOLDERS, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(bootsel, "_MOUNTS", mounts)
    assert bootsel.drives() == [Drive(tmp_path / "a b", "RPI-RP2")]


def test_macos_finds_drives_among_its_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(tmp_path / "RP2350", PICO_2)
    (tmp_path / "Macintosh HD").mkdir()
    monkeypatch.delenv(bootsel.FOLDERS, raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(bootsel, "_VOLUMES", tmp_path)
    assert bootsel.drives() == [Drive(tmp_path / "RP2350", "RP2350")]


def test_windows_finds_drives_by_their_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plug_in(Path("E:\\"))
    monkeypatch.delenv(bootsel.FOLDERS, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    assert bootsel.drives() == [Drive(Path("E:\\"), "RPI-RP2")]


def test_one_may_say_where_drives_are_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(tmp_path / "one")
    plug_in(tmp_path / "two", PICO_2)
    monkeypatch.setenv(bootsel.FOLDERS, os.pathsep.join(str(tmp_path / name) for name in ("one", "two", "three")))
    assert [drive.board_id for drive in bootsel.drives()] == ["RPI-RP2", "RP2350"]


def test_a_drive_that_is_not_mounted_gets_the_command_to_mount_it(
    media: Path, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "RPI-RP2").symlink_to("/dev/null")
    monkeypatch.setattr(bootsel, "_LABELS", tmp_path)
    monkeypatch.setattr(waiting, "_MOUNT_S", 0.1)
    with pytest.raises(FlashError, match="drive /dev/null is not mounted: run `udisksctl mount -b /dev/null`"):
        run(media, told)


def test_a_drive_that_is_mounted_elsewhere_is_not_taken_for_one_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "RPI-RP2").symlink_to("/dev/null")
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/null /media/somebody/RPI-RP2 vfat rw 0 0\n")
    monkeypatch.setattr(bootsel, "_LABELS", tmp_path)
    monkeypatch.setattr(bootsel, "_MOUNTS", mounts)
    assert bootsel.not_mounted() is None


def test_no_board_gets_what_to_hold_and_press(media: Path, told: Told) -> None:
    with pytest.raises(FlashError, match=r"no Pico waits for firmware. .*BOOTSEL.* Then run the command again"):
        run(media, told)


def test_somebody_at_a_terminal_is_waited_for(media: Path, told: Told) -> None:
    def say(line: str) -> None:
        told.say(line)
        if "Waiting" in line:
            plug_in(media, PICO_2)

    with pytest.raises(FlashError, match="is no Pico"):
        run(media, told, say=say, patience_s=60)
    assert any("Hold the BOOTSEL button" in line for line in told.lines)


def test_waiting_has_an_end(media: Path, told: Told) -> None:
    with pytest.raises(FlashError, match=r"no drive of a Pico has come in 0 s. .*BOOTSEL"):
        run(media, told, patience_s=0.1)


def test_two_boards_at_once_are_refused(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / "RPI-RP2", tmp_path / "RPI-RP21"]
    for folder in folders:
        plug_in(folder)
    monkeypatch.setenv(bootsel.FOLDERS, os.pathsep.join(map(str, folders)))
    with pytest.raises(
        FlashError, match=f"several boards wait for firmware, at {folders[0]} and {folders[1]}: unplug all but one"
    ):
        run(folders[0], told)
    assert [path.name for folder in folders for path in folder.iterdir()] == ["INFO_UF2.TXT"] * 2


def test_another_chip_is_refused_before_anything_is_written(media: Path, told: Told) -> None:
    plug_in(media, PICO_2)
    with pytest.raises(FlashError, match=rf"the board at {media} \(RP2350\) is no Pico; nothing was written: .*--board"):
        run(media, told)
    assert [path.name for path in media.iterdir()] == ["INFO_UF2.TXT"]


def test_of_two_boards_the_one_that_fits_is_taken(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    pico, pico_2 = tmp_path / "RPI-RP2", tmp_path / "RP2350"
    plug_in(pico)
    plug_in(pico_2, PICO_2)
    monkeypatch.setenv(bootsel.FOLDERS, os.pathsep.join(map(str, (pico_2, pico))))
    monkeypatch.setattr(bootsel, "_GONE_S", 0.1)
    with pytest.raises(FlashError, match=f"did not take the firmware: {pico}"):
        run(pico, told)
    assert (pico / pico_images.NAME).read_bytes() == pico_images.firmware()
    assert [path.name for path in pico_2.iterdir()] == ["INFO_UF2.TXT"]


def test_a_drive_that_stays_is_told(media: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(media)
    monkeypatch.setattr(bootsel, "_GONE_S", 0.1)
    with pytest.raises(
        FlashError, match=f"did not take the firmware: {media} is still there; .*BOOTSEL held, and run the command again"
    ):
        run(media, told)


def test_a_drive_that_vanishes_in_the_middle_is_told(media: Path, told: Told) -> None:
    plug_in(media)

    def pull_out(what: str, done: int, of: int) -> None:
        if done * 2 > of:
            shutil.rmtree(media, ignore_errors=True)

    with pytest.raises(
        FlashError, match=r"went away after \d+ of 195 KiB: check the cable, .*BOOTSEL held, then run the command again"
    ):
        run(media, told, progress=pull_out)


def test_a_drive_without_room_is_told(media: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(media)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1 << 20, 1 << 20, 1 << 10))
    with pytest.raises(FlashError, match=f"{media} has no room for 195 KiB: "):
        run(media, told)
    assert [path.name for path in media.iterdir()] == ["INFO_UF2.TXT"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EROFS, "cannot write to {} .Read-only file system.: mount it so that you may write there"),
        (errno.EACCES, "cannot write to {} .Permission denied.: mount it so that you may write there"),
        (errno.EIO, "cannot write to {} .Input/output error. after 32 of 195 KiB: plug the board in anew"),
    ],
)
def test_a_drive_that_refuses_is_told(code: int, reason: str, media: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(media)

    def refuse(number: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(FlashError, match=reason.format(media)):
        run(media, told)


def test_an_error_after_the_last_byte_is_the_board_that_restarts(
    media: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = plug_in(media)
    size = len(pico_images.firmware())
    sync = os.fsync

    def sync_until_it_restarts(number: int) -> None:
        if os.fstat(number).st_size == size:
            shutil.rmtree(media)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(number)

    monkeypatch.setattr(os, "fsync", sync_until_it_restarts)
    bootsel.write(drive, pico_images.firmware(), "firmware.uf2", lambda done, of: told.progress("write", done, of))
    assert told.steps[-1] == ("write", size, size)


def test_a_waiting_board_that_is_not_named_gets_the_choices(media: Path) -> None:
    plug_in(media)
    with pytest.raises(
        FlashError, match=rf"a board waits for firmware at {media}; say which it is with --board: .*pico \(Pico\).*pico_w"
    ):
        flash.board_at(None)


def test_nothing_attached_gets_what_to_do(media: Path) -> None:
    with pytest.raises(FlashError, match=r"no board shows itself.*BOOTSEL.*cable that carries data"):
        flash.board_at(None)


def test_of_two_running_boards_the_port_must_be_said(media: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    two = [ports.Attached(f"/dev/ttyACM{number}", None, ("pico", "pico_w"), "RP2040 or RP2350", None) for number in (0, 1)]
    monkeypatch.setattr(ports, "attached", lambda: two)
    with pytest.raises(FlashError, match=r"several boards are attached \(/dev/ttyACM0, /dev/ttyACM1\): say which with --port"):
        run(media, told)


def test_a_board_that_runs_is_taken_when_the_one_that_waits_is_another(
    media: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(media, PICO_2)
    monkeypatch.setattr(ports, "attached", lambda: [ports.Attached("/dev/null", None, ("pico",), "RP2040", None)])
    with pytest.raises(device.PortError):  # of /dev/null, which is no serial port
        run(media, told)


def test_a_port_that_is_silent_does_not_say_what_board_it_is(media: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_TRIES", 1)
    monkeypatch.setattr(device, "_ENTER_S", 0.1)
    monkeypatch.setattr(device, "_FLUSH_S", 0.1)
    master, silent = pty.openpty()
    port = os.ttyname(silent)
    with pytest.raises(FlashError, match=f"nothing at {port} says which board it is: .*--board"):
        flash.board_at(port)
    with pytest.raises(FlashError, match=f"nothing answers at {port}, so that the board cannot be sent .*BOOTSEL"):
        run(media, told, port=port)
    os.close(master)
    os.close(silent)


def test_a_port_that_is_not_there_is_named_with_what_to_hold(media: Path, told: Told) -> None:
    with pytest.raises(FlashError, match=r"there is no port /dev/ttyACM77: .*; and no Pico waits for firmware\. .*BOOTSEL"):
        run(media, told, port="/dev/ttyACM77")


@pytest.mark.parametrize(
    ("arguments", "reason"), [(["--board", "picoo"], "board 'picoo' is unknown; known: "), (["--port"], "requires")]
)
def test_wrong_usage_is_told_apart(arguments: list[str], reason: str, tmp_path: Path) -> None:
    done = processes.run(tmp_path, "flash", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr


def test_a_failure_is_one_line_and_exit_status_1(media: Path) -> None:
    image = pico_images.saved(media.parent)
    done = processes.run(media.parent, "flash", "--board", "pico_w", "--file", str(image))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"plotpost: {image.name} is for Pico (RPI_PICO), not for Pico W")
