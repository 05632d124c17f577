"""The drive of a Pico that waits for firmware: it is there, or a running board is sent there, or somebody holds the button."""

import time
from collections.abc import Callable, Collection

from host_tools import boards, ports
from host_tools.boards import Board, Uf2
from host_tools.device import Device, Facts, NoAnswer, trouble
from host_tools.flash import bootsel
from host_tools.flash.errors import FlashError

Say = Callable[[str], None]

_DRIVE_S = 30.0
_MOUNT_S = 8.0  # a desktop takes seconds to mount a drive that it sees
_POLL_S = 0.1


def find_drive(board: Board, port: str | None, patience_s: float, say: Say) -> bootsel.Drive:
    """That of the board at `port`, or of the only one that waits or is attached; `patience_s` is for somebody to hold the button.

    Raises DeviceError.
    """
    waiting = bootsel.drives()
    if port is None and not _fitting(board, waiting):
        port = _running_port(board)
    if port is not None and trouble(port) is None:
        _send_to_bootsel(board, port, say)
        return _await_drive(board, waiting, _DRIVE_S)
    if waiting:
        return _the_one(board, waiting)
    if patience_s:
        say(f"{board.bootloader_steps} Waiting for it (Ctrl-C ends)")
    if patience_s or bootsel.not_mounted():
        return _await_drive(board, [], patience_s or _MOUNT_S)
    why = (
        f"no {board.product} waits for firmware"
        if port is None
        else f"{trouble(port)}; and no {board.product} waits for firmware"
    )
    raise FlashError(f"{why}. {board.bootloader_steps} Then run the command again")


def board_of(drive: bootsel.Drive) -> Board:
    """The board that shows this drive. Raises FlashError when there are several kinds, as a rule: the loader does not tell."""
    fitting = [
        board for board in boards.load_all().values() if isinstance(board.loader, Uf2) and board.loader.family in drive.families
    ]
    if len(fitting) != 1:
        choices = ", ".join(f"{board.name} ({board.product})" for board in fitting)
        raise FlashError(f"a board waits for firmware at {drive.path}; say which it is with --board: {choices}")
    return fitting[0]


def _running_port(board: Board) -> str | None:
    """Of the only attached board that can be this one."""
    fitting = [attached.port for attached in ports.attached() if board.name in attached.may_be]
    if len(fitting) > 1:
        raise FlashError(f"several boards are attached ({', '.join(fitting)}): say which with --port")
    return fitting[0] if fitting else None


def _send_to_bootsel(board: Board, port: str, say: Say) -> None:
    try:
        with Device.open(port) as device:
            try:
                _check_is(board, device.facts, port)
            except FlashError:
                device.resume()
                raise
            say(f"The board at {port} runs MicroPython {device.facts.release}: sending it to its boot loader")
            device.bootloader()
    except NoAnswer:
        raise FlashError(
            f"nothing answers at {port}, so that the board cannot be sent to its boot loader. {board.bootloader_steps} "
            "Then run the command again"
        ) from None


def _check_is(board: Board, facts: Facts, port: str) -> None:
    """Whether the board that runs there has this board's chip; a Pico's firmware on a Pico W is what flashing repairs."""
    running = boards.recognise(facts.build, facts.machine)
    if facts.platform != board.port or (running is not None and running.loader != board.loader):
        name = f"a {running.product} (--board {running.name})" if running else f"a {facts.machine}"
        raise FlashError(f"the board at {port} is {name}, not a {board.product}; nothing was written")


def _await_drive(board: Board, known: Collection[bootsel.Drive], seconds: float) -> bootsel.Drive:
    deadline = time.monotonic() + seconds
    is_seen = False
    while time.monotonic() < deadline:
        if fresh := [drive for drive in bootsel.drives() if drive not in known]:
            return _the_one(board, fresh)
        if not is_seen and bootsel.not_mounted():
            is_seen, deadline = True, time.monotonic() + _MOUNT_S
        time.sleep(_POLL_S)
    if device := bootsel.not_mounted():
        raise FlashError(f"the board's drive {device} is not mounted: run `udisksctl mount -b {device}`, and this command again")
    raise FlashError(
        f"no drive of a {board.product} has come in {seconds:.0f} s. {board.bootloader_steps} Then run the command again"
    )


def _the_one(board: Board, drives: Collection[bootsel.Drive]) -> bootsel.Drive:
    fitting = _fitting(board, drives)
    if len(fitting) > 1:
        paths = " and ".join(str(drive.path) for drive in fitting)
        raise FlashError(f"several boards wait for firmware, at {paths}: unplug all but one")
    if not fitting:
        wrong = next(iter(drives))
        raise FlashError(
            f"the board at {wrong.path} ({wrong.board_id}) is no {board.product}; nothing was written: say with --board what it is"
        )
    return fitting[0]


def _fitting(board: Board, drives: Collection[bootsel.Drive]) -> list[bootsel.Drive]:
    """Those of boards with this board's chip."""
    return [drive for drive in drives if isinstance(board.loader, Uf2) and board.loader.family in drive.families]
