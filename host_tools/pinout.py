"""A board's header, drawn for a terminal: where each pin is, and what it can do."""

from collections.abc import Iterator

from rich.text import Text

from host_tools.boards import Board, Pin

_SIGNALS = {"rx": "MISO", "tx": "MOSI"}  # of SPI on the RP2, in the words of machine.SPI
_SHORT = {"adc without WiFi": "ADC*", "dac": "DAC", "touch": "TOUCH"}
_GAP = 6  # between the rows
_LEGEND = {
    "SDA": "SDA, SCL are I2C",
    "SCK": "SCK, MOSI, MISO, CS are SPI",
    "TX": "TX, RX, CTS, RTS are UART",
    "ADC*": "ADC* reads only while WiFi is off",
    "ADC": "ADC is analog input",
    "DAC": "DAC is analog output",
    "taken": "taken leads to a part of the board",
    "!": "! has a say in how the chip starts, see below",
}


def drawn(board: Board) -> Iterator[Text]:
    """The two rows of pins, line by line, as seen from above. Nothing for a board whose header is not known."""
    if board.header is None:
        return
    named = max(len(_name(board, name)) for name in (*board.header.left, *board.header.right))
    told = max(len(uses(board, name)) for name in board.header.left)
    edges = {end: f"{'+':>{told + named + 6}}{text:-^{_GAP + 2}}+" for end, text in (("", ""), (board.header.usb, "USB"))}
    yield Text(edges.get("top", edges[""]))
    for left, here, right, there in board.header.rows():
        line = Text.assemble(
            (f"{uses(board, left):>{told}} ", "dim"),
            (f"{_name(board, left):>{named}}", _style(board, left)),
            f" {here:>2} |o{'o|':>{_GAP + 2}} {there:<2} ",
            (f"{_name(board, right):<{named}} ", _style(board, right)),
            (uses(board, right), "dim"),
        )
        line.rstrip()
        yield line
    yield Text(edges.get("bottom", edges[""]))


def beside(board: Board) -> list[str]:
    """The usable pins that stand nowhere in the drawing."""
    return [name for name, pin in board.usable_pins().items() if pin.place is None]


def uses(board: Board, name: str) -> str:
    """What sets a pin apart, in short words; nothing for a supply, and for what each pin of a chip can do."""
    return " ".join(_words(board.pins[name])) if name in board.pins else ""


def legend(board: Board) -> str:
    """What the short words beside the pins mean: those that the board has."""
    shown = [pin for pin in board.pins.values() if pin.place is not None or not pin.reserved]
    words = {word for pin in shown for word in [*_words(pin), "!" if pin.strapping else ""]}
    known = [text for short, text in _LEGEND.items() if any(word.rstrip("0123456789") == short for word in words)]
    return "; ".join(known)


def _name(board: Board, name: str) -> str:
    return f"{name}!" if name in board.pins and board.pins[name].strapping else name


def _style(board: Board, name: str) -> str:
    if name not in board.pins:
        return "red"
    pin = board.pins[name]
    return "dim" if pin.reserved else "yellow" if pin.strapping else "bold green"


def _words(pin: Pin) -> list[str]:
    if pin.reserved:
        return ["taken"]
    analog = [f"ADC{pin.adc}"] if pin.adc is not None else []
    buses = [_bus_word(*role.split(" ")) for role in sorted(pin.can) if role.startswith(("i2c", "spi", "uart")) and " " in role]
    other = [short for role, short in _SHORT.items() if role in pin.can]
    return [*(["input only"] if pin.input_only else []), *analog, *buses, *other]


def _bus_word(bus: str, signal: str) -> str:
    """`spi0 rx` as MISO0, `i2c1 sda` as SDA1."""
    if signal[-1].isdigit():
        return f"{bus} {signal}".upper()
    word = _SIGNALS.get(signal, signal) if bus.startswith("spi") else signal
    return f"{word.upper()}{bus[-1]}"
