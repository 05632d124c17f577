"""The pins that a configuration names, checked against the board and against each other: what each can do, and who has it already.

They are named as the board's documents do, or by the number that machine.Pin takes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from plotpost import sensors

from host_tools.boards import Board, Pin

__all__ = ["PIN_OPTIONS", "USES", "Use", "free", "numbered", "problems"]


@dataclass(frozen=True)
class Use:
    """What a driver does with a pin: `needs` are words of boards/*.json. A `bus` carries several parts on the same pin."""

    needs: frozenset[str]
    bus: str = ""


_TALKED_TO = Use(frozenset({"input", "output"}))  # the board begins each exchange by driving the line

USES: Mapping[str, Use] = {
    "analog": Use(frozenset({"adc"})),
    "dht11": _TALKED_TO,
    "dht22": _TALKED_TO,
    "ds18b20": Use(_TALKED_TO.needs, "OneWire"),
}
PIN_OPTIONS = ("pin",)
_RADIOLESS = "adc without WiFi"


@dataclass(frozen=True)
class _Wire:
    """One option of one sensor that names a pin, and the pin."""

    place: str  # sensors[0]
    option: str
    driver: str
    name: str
    use: Use
    address: str  # on a bus

    @property
    def holder(self) -> str:
        return f"{self.driver}, {self.place}"


def problems(config: Mapping[str, Any], board: Board) -> Iterator[str]:
    """One line for each pin that cannot be used as the configuration says: place, why, and a pin that can."""
    taken: dict[str, _Wire] = {}
    wires, wifi = list(_wires(config, board)), "wifi" in config
    for wire in wires:
        place, spare = f"{wire.place}.{wire.option}", free(board, wire.use, [other.name for other in wires], wifi)
        if not wire.name:
            yield f"{place}: is missing; {_instead(spare)}"
        elif wire.name not in board.pins:
            yield f"{place}: {_unknown(wire.name, board)}"
        elif why := _unfit(wire, board, spare, wifi):
            yield f"{place}: {why}"
        elif (other := taken.get(wire.name)) is None:
            taken[wire.name] = wire
        elif not wire.use.bus or wire.use.bus != other.use.bus:
            yield f"{place}: {wire.name} is taken by {other.holder}, already; {_instead(spare)}"
    yield from _addressless(wires)
    yield from _led_problems(config.get("led"), board, taken)


def free(board: Board, use: Use, taken: list[str], wifi: bool) -> list[str]:
    """The pins of the board for this use that nobody has, the best first: plain ones before those that have a say at a reset.

    `wifi`: whether the radio is on, which takes a converter for itself.
    """
    fit = [name for name, pin in board.usable_pins().items() if use.needs <= _can(pin, wifi) and name not in taken]
    return sorted(fit, key=lambda name: (board.pins[name].strapping, bool(board.pins[name].note), board.pins[name].place is None))


def _can(pin: Pin, wifi: bool) -> frozenset[str]:
    return pin.can if wifi or _RADIOLESS not in pin.can else pin.can | {"adc"}


def numbered(config: Mapping[str, Any], board: Board) -> dict[str, Any]:
    """A checked configuration with numbers for the names of pins: MicroPython knows these names on some boards only."""
    entries = [dict(entry) for entry in config["sensors"]]
    for entry in entries:
        for option in PIN_OPTIONS:
            if entry.get(option) in board.pins:
                entry[option] = board.pins[entry[option]].number
    return {**config, "sensors": entries}


def _wires(config: Mapping[str, Any], board: Board) -> Iterator[_Wire]:
    for i, entry in enumerate(config["sensors"]):
        driver = entry["driver"]
        use, address = USES.get(driver, _TALKED_TO), str(entry.get("address", ""))
        options = sensors.driver(driver).OPTIONS if driver in sensors.DRIVERS else ()
        for option in PIN_OPTIONS:
            if option in options:
                yield _Wire(f"sensors[{i}]", option, driver, _name(entry.get(option, ""), board), use, address)


def _name(pin: object, board: Board) -> str:
    """What the board's documents call a pin; a number that no pin has stays one."""
    numbers = {each.number: name for name, each in board.pins.items()}
    return numbers.get(pin, str(pin)) if type(pin) is int else str(pin)


def _addressless(wires: list[_Wire]) -> Iterator[str]:
    """Parts that share a bus are told apart by their addresses."""
    buses = [(wire.name, wire.use.bus) for wire in wires if wire.use.bus]
    known: dict[tuple[str, str], _Wire] = {}
    for wire in wires:
        if buses.count((wire.name, wire.use.bus)) < 2:
            continue
        if not wire.address:
            yield f"{wire.place}.address: is missing; several parts share {wire.name}, and the board's log says which it finds"
        elif (other := known.setdefault((wire.name, wire.address.lower()), wire)) is not wire:
            yield f"{wire.place}.address: is the one of {other.holder}, already; each part on {wire.name} has its own"


def _unknown(name: str, board: Board) -> str:
    known = list(board.usable_pins())
    if not known:
        return f"{board.name} has no pins: take this sensor out, or name another board"
    near = get_close_matches(name.upper(), known, 1)
    return f"{name!r} is no pin of {board.name}; it has {', '.join(known)}" + (f"; did you mean {near[0]!r}?" if near else "")


def _unfit(wire: _Wire, board: Board, spare: list[str], wifi: bool) -> str:
    """Why this pin cannot do what the driver needs; "" when it can."""
    pin, driver = board.pins[wire.name], wire.driver
    missing = wire.use.needs - _can(pin, wifi)
    if pin.reserved:
        return f"{wire.name} is not free on {board.name} ({pin.note or 'it leads to a part of the board'}); {_instead(spare)}"
    if not missing:
        return ""
    if "adc" in missing and _RADIOLESS in pin.can:
        return f"{wire.name} reads 0 beside WiFi, because the radio takes its converter; {_instead(spare)}"
    if "adc" in missing:
        return f"{wire.name} has no analog input, which {driver} needs; {_instead(spare)}"
    if pin.input_only:
        return f"{wire.name} can only be read, and {driver} has to drive its pin too; {_instead(spare)}"
    return f"{wire.name} cannot be {' and '.join(sorted(missing))}, which {driver} needs; {_instead(spare)}"


def _instead(spare: list[str]) -> str:
    """At most a few names: the whole list is in `plotpost boards`."""
    return f"take {' or '.join(spare[:3])}" if spare else "no other pin of this board can, so take a sensor out"


def _led_problems(led: object, board: Board, taken: Mapping[str, _Wire]) -> Iterator[str]:
    if wire := taken.get(_name(led, board)):
        yield f"led: {wire.name} is taken by {wire.holder}, already; name another pin, or take this key out"
