"""Finds the attached board, and sees to it that a MicroPython answers there that is new enough."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from host_tools import boards, flash, ports
from host_tools.boards import Board
from host_tools.device import Device, NoAnswer, recognised, trouble
from host_tools.flash import bootsel
from host_tools.suitable import Outdated, check_firmware, check_memory
from host_tools.up.errors import UpError

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]

_PATIENCE_S = 180.0  # for somebody who reads which button to hold, and finds it


class Chooser(Protocol):
    """Somebody who can be asked."""

    def board(self, where: str, among: list[Board]) -> Board:
        """Which of these boards is attached."""


@dataclass(frozen=True)
class Search:
    """`board`: what the user says that it is; `hint`: what the configuration is for, believed where the board says nothing.

    `firmware`: an image instead of the newest release.
    """

    port: str | None = None
    board: Board | None = None
    hint: Board | None = None
    firmware: Path | None = None
    person: Chooser | None = None


@dataclass(frozen=True)
class Found:
    """An attached board in service. `flashed`: its release of MicroPython, when it was put there just now."""

    device: Device
    board: Board
    flashed: str | None


def find(search: Search, say: Say, progress: Progress) -> Found:
    """The board, with MicroPython put on it if need be. Raises DeviceError."""
    port = search.port
    if port is None or trouble(port) is not None:
        if drives := bootsel.drives():
            return _flashed(search, port, _with_loader(drives[0].families), "in BOOTSEL mode", say, progress)
        port = port or ports.only()
    try:
        device = Device.open(port)
    except NoAnswer:
        say(f"Nothing answers at {port} like MicroPython")
        return _flashed(search, port, _maybe_at(port), f"at {port}", say, progress)
    try:
        board = search.board or recognised(device.facts, search.hint)
        why = _outdated(device, board)
    except BaseException:
        device.resume()
        raise
    if why is None:
        return Found(device, board, None)
    device.resume()  # it may be long until the image is there, or never
    say(why)
    return _flashed(search, port, [board], f"at {port}", say, progress)


def _flashed(search: Search, port: str | None, among: list[Board], where: str, say: Say, progress: Progress) -> Found:
    """After putting MicroPython on it. `among`: the boards that it may be."""
    board = search.board or _chosen(search, among, where)
    patience_s = _PATIENCE_S if search.person else 0
    done = flash.run(board, port, search.firmware, patience_s=patience_s, say=say, progress=progress)
    if done.port is None:
        raise UpError(f"MicroPython is on the {board.product}: press RESET (EN), or plug it in anew, and run the command again")
    return Found(Device.open(done.port), board, done.image.release)


def _chosen(search: Search, among: list[Board], where: str) -> Board:
    """The only one, or the one that the configuration is for, or the one that somebody says."""
    if len(among) == 1:
        return among[0]
    if search.hint in among:
        return search.hint
    if search.person is None:
        names = ", ".join(f"{each.name} ({each.product})" for each in among)
        raise UpError(f"the board {where} does not say which it is: say so with --board: {names}")
    return search.person.board(where, among)


def _with_loader(families: Collection[int]) -> list[Board]:
    return [each for each in boards.load_all().values() if isinstance(each.loader, boards.Uf2) and each.loader.family in families]


def _maybe_at(port: str) -> list[Board]:
    known = boards.load_all()
    return [known[name] for name in ports.named(port).may_be] or [each for each in known.values() if each.loader]


def _outdated(device: Device, board: Board) -> str | None:
    """Why the MicroPython that is there has to be replaced. Raises Unsuitable where that would not help."""
    check_memory(device.facts, board)
    try:
        check_firmware(device.facts, board)
    except Outdated as error:
        return str(error).partition(":")[0]
    return None
