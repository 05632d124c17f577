"""The boards that are attached, as far as USB tells.

That is the chip on the cable at best: a Pico and a Pico W show themselves alike, and behind a USB bridge there is any ESP32, or something
else. `look` finds out what runs there, and so as a rule which board it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from serial.tools.list_ports import comports
from serial.tools.list_ports_common import ListPortInfo

from host_tools import boards, running
from host_tools.device import DeviceError, PortError

# What the ids in boards/*.json mean
_PARTS = {
    (0x2E8A, 0x0005): "RP2 with MicroPython",
    (0x303A, 0x0002): "ESP32-S2 in its loader",
    (0x303A, 0x1001): "ESP32-S3, C3 or C6",
    (0x303A, 0x4001): "ESP32-S2 or S3",
    (0x10C4, 0xEA60): "ESP32 at a CP210x",
    (0x1A86, 0x7523): "ESP32 at a CH340",
    (0x1A86, 0x55D3): "ESP32 at a CH343",
    (0x1A86, 0x55D4): "ESP32 at a CH9102",
    (0x0403, 0x6001): "ESP32 at an FT232R",
    (0x0403, 0x6010): "ESP32 at an FT2232",
    (0x0403, 0x6015): "ESP32 at an FT231X",
}
_BOOTSEL = {"RPI-RP2": "RP2040", "RP2350": "RP2350"}  # the drive's name, the chip
_WAITS = "waits for firmware: `plotpost flash`"
_SILENT = "says nothing: an agent at which all is well, another program, or no MicroPython; --ask interrupts it"


@dataclass(frozen=True)
class Attached:
    """A USB serial port, or the drive of a Pico that waits for firmware.

    `board`: which one it is, None while that is not certain. `may_be`: the boards that show themselves so; none for a device that
    plotpost does not know. `serial`: its serial number. `running`: what runs there, None before `look`. `trouble`: why it cannot be
    used, and the remedy.
    """

    port: str
    board: str | None
    may_be: tuple[str, ...]
    product: str
    serial: str | None
    running: str | None = None
    trouble: str | None = None


def attached(infos: Iterable[ListPortInfo] | None = None) -> list[Attached]:
    """The USB serial ports, by their descriptors alone: nothing is opened. Boards come before what may be none.

    `infos`: what to look at, by default what this machine has.
    """
    found = [_described(info) for info in (comports() if infos is None else infos) if info.vid is not None]
    return sorted(found, key=lambda each: (not each.may_be, each.port))


def waiting() -> list[Attached]:
    """Picos in BOOTSEL mode: their drives, or the device of one that nobody has mounted."""
    from host_tools.flash import bootsel

    found = [_drive(str(drive.path), drive.board_id) for drive in bootsel.drives()]
    if found or (device := bootsel.not_mounted()) is None:
        return found
    return [replace(_drive(device, ""), trouble=f"{device} is the drive of a Pico: run `udisksctl mount -b {device}`")]


def named(port: str) -> Attached:
    """The one that somebody names, also one that USB does not know of."""
    return next((each for each in attached() if each.port == port), Attached(port, None, (), "serial port", None))


def only(infos: Iterable[ListPortInfo] | None = None) -> str:
    """The port of the only board that is attached. Raises PortError, which names all that there are."""
    found = attached(infos)
    known = [each for each in found if each.may_be]
    if len(known) == 1:
        return known[0].port
    if known:
        raise PortError(f"several boards are attached, {_told(known)}: say which with --port")
    if found:
        raise PortError(f"no board is attached that plotpost knows; if it is {_told(found)}, say so with --port")
    if drives := waiting():
        raise PortError(f"the board at {drives[0].port} {_WAITS}")
    raise PortError("no board is attached: plug one in, with a cable that carries data (many only charge)")


def look(each: Attached, ask: bool = False) -> Attached:
    """With what runs there. It is only listened to; with `ask` it is interrupted, and then runs on."""
    try:
        found = running.ask(each.port) if ask else running.listen(each.port)
    except DeviceError as error:
        return replace(each, trouble=str(error))
    return replace(each, running=found.told, board=found.board or each.board) if found else replace(each, running=_SILENT)


def _described(info: ListPortInfo) -> Attached:
    ids = (info.vid, info.pid)
    may_be = tuple(board.name for board in boards.load_all().values() if ids in board.usb)
    product = _PARTS.get(ids) or info.product or f"USB device {info.vid:04x}:{info.pid:04x}"
    return Attached(info.device, may_be[0] if len(may_be) == 1 else None, may_be, product, info.serial_number)


def _drive(port: str, name: str) -> Attached:
    chip = _BOOTSEL.get(name)
    may_be = [board.name for board in boards.load_all().values() if board.port == "rp2" and chip in (None, board.mcu.upper())]
    return Attached(port, None, tuple(may_be), f"{chip or 'Pico'} in BOOTSEL mode", None, _WAITS)


def _told(found: list[Attached]) -> str:
    return ", ".join(f"{each.port} ({each.product})" for each in found)
