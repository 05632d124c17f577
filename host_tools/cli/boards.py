"""`plotpost boards`: the boards that plotpost knows."""

from collections.abc import Iterator

import click
from rich.text import Text

from host_tools import boards as known
from host_tools import output, pinout
from host_tools.boards import Board, Bus, Esp, Uf2
from host_tools.cli import options


@click.command(short_help="List the boards that plotpost knows, or show one of them.")
@click.argument("name", metavar="[ID]", required=False)
@options.as_json
def boards(name: str | None, as_json: bool) -> None:
    """List the boards that plotpost knows, or show the board ID with its pins.

    \b
    Examples:
      plotpost boards
      plotpost boards pico_w
    """
    if name is None:
        _list(list(known.load_all().values()), as_json)
        return
    try:
        board = known.load(name)
    except known.UnknownBoard as error:
        raise click.BadParameter(str(error), param_hint="ID") from None
    if as_json:
        output.line({"board": name, **known.content(name)})
    else:
        _show(board)


def _list(boards: list[Board], as_json: bool) -> None:
    if not as_json:
        output.table(("board", "product", "chip", "WiFi", "MicroPython"), map(_row, boards))
        return
    for board in boards:
        told = ("product", "vendor", "mcu", "port", "wifi", "drivers", "heap_kib")
        output.line({"board": board.name, **{key: getattr(board, key) for key in told}})


def _row(board: Board) -> tuple[str, ...]:
    return (
        board.name,
        board.product,
        board.mcu,
        "yes" if board.wifi else "",
        board.firmware.name if board.firmware else board.port,
    )


def _show(board: Board) -> None:
    title = Text.assemble((board.product, "bold"), f" ({board.name}), {board.vendor}")
    output.console.print(title, soft_wrap=True)
    _lines(list(_facts(board)))
    if board.header:
        output.say("")
        for line in pinout.drawn(board):
            output.console.print(line, soft_wrap=True)
        output.say(pinout.legend(board))
    _section("Pins that are not led out there", [(name, pinout.uses(board, name)) for name in pinout.beside(board)])
    _section("Pins to know", _pin_notes(board))
    _section("Notes", [("", note) for note in board.notes])


def _section(title: str, lines: list[tuple[str, str]]) -> None:
    if lines:
        output.say(f"\n{title}")
        _lines(lines)


def _lines(lines: list[tuple[str, str]]) -> None:
    width = max(len(label) for label, _ in lines) + 2 if lines[0][0] else 0
    for label, told in lines:
        output.console.print(Text.assemble((f"  {label:<{width}}", "dim"), told), soft_wrap=True)


def _facts(board: Board) -> Iterator[tuple[str, str]]:
    yield "chip", f"{board.mcu}, {'with WiFi' if board.wifi else 'no WiFi'}" if board.firmware else board.mcu
    yield "memory", ", ".join(_sizes(board))
    if board.firmware:
        oldest = f", {board.firmware.oldest.release} or later" if board.firmware.oldest else ""
        yield "MicroPython", f"{board.firmware.name}{oldest}: {board.firmware.page}"
    match board.loader:
        case Uf2(family):
            yield "loader", f"a USB drive that takes UF2 files of the family {family:#010x}"
        case Esp(chip, offset, baud):
            yield "loader", f"esptool, chip {chip}: the image goes to {offset:#x}, at {baud} baud"
    if board.bootloader_steps:
        yield "to start it", board.bootloader_steps
    if board.usb:
        yield "USB ids", ", ".join(f"{vendor:04x}:{product:04x}" for vendor, product in board.usb)
    if board.led is not None:
        yield "LED", f"machine.Pin({board.led!r})"
    for name, bus in (("I2C", board.i2c), ("SPI", board.spi)):
        if bus:
            yield f"{name} {bus.id}", _wires(bus) + (" (any other pins will do)" if board.port == "esp32" else "")
    if board.adc_max_mv:
        pins = ", ".join(name for name, pin in board.pins.items() if pin.adc is not None)
        yield "analog", f"{pins}: up to {board.adc_max_mv} mV"
    yield "sensors", ", ".join(board.drivers)


def _sizes(board: Board) -> Iterator[str]:
    yield f"{board.heap_kib} KiB of heap" + (", which modules with PSRAM alone have" if board.needs_psram else "")
    if board.flash_kib and board.filesystem_kib:
        yield f"{board.flash_kib} KiB of flash, {board.filesystem_kib} KiB of it for files"


def _wires(bus: Bus) -> str:
    return ", ".join(f"{signal.upper()} {pin}" for signal, pin in bus.pins.items())


def _pin_notes(board: Board) -> list[tuple[str, str]]:
    """Pins of which the same is to be said stand together."""
    together: dict[str, list[str]] = {}
    for name, pin in board.pins.items():
        together.setdefault(pin.note, []).append(f"{name}{'!' if pin.strapping else ''}")
    return [(_short(names), note) for note, names in together.items() if note]


def _short(names: list[str]) -> str:
    return f"{names[0]} to {names[-1]}" if len(names) > 3 else ", ".join(names)
