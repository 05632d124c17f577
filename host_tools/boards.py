"""The boards that plotpost knows: boards/*.json."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from host_tools import resources

Version = tuple[int, int, int]

AGENT_HEAP_KIB = 99
"""In so much the agent runs with all that it can do (tests/test_memory.py): a fifth more than the 83 KiB that `make bench` finds."""


class UnknownBoard(ValueError):
    """There is no such file. The text names the boards that there are."""


@dataclass(frozen=True)
class Pin:
    """One pin of the chip, by the name that the board's documents give it.

    `number`: what machine.Pin takes. `adc`: the channel of the converter that can be read at any time, also with WiFi on.
    `can`: what the pin can be used for: "input", "output", "pwm", "adc", "i2c0 sda", "spi0 rx", ..; where the chip leads a signal
    to any pin, "i2c", "spi" and "uart" alone. Empty: reserved, it leads to a part of the board; `note` says to which.
    `strapping`: its level at a reset chooses how the chip starts. `place`: the number on the header, None when it is not led out.
    """

    number: int
    adc: int | None
    can: frozenset[str]
    place: int | None
    note: str
    strapping: bool

    @property
    def reserved(self) -> bool:
        return not self.can

    @property
    def input_only(self) -> bool:
        return "input" in self.can and "output" not in self.can


@dataclass(frozen=True)
class Bus:
    """A bus and its usual pins: Bus(0, {"scl": "GP5", "sda": "GP4"})."""

    id: int
    pins: Mapping[str, str]


@dataclass(frozen=True)
class Header:
    """The two rows of pins as one sees them from above, from top to bottom; `usb`: where the plug is then, "top" or "bottom".

    `numbering`: "around" as on a chip, "across" from left to right, or "down" when each row begins at 1.
    """

    left: tuple[str, ...]
    right: tuple[str, ...]
    numbering: str
    usb: str

    def rows(self) -> Iterator[tuple[str, int, str, int]]:
        """Left name and number, right name and number."""
        for row, (left, right) in enumerate(zip(self.left, self.right, strict=True)):
            match self.numbering:
                case "around":
                    yield left, row + 1, right, 2 * len(self.left) - row
                case "across":
                    yield left, 2 * row + 1, right, 2 * row + 2
                case _:
                    yield left, row + 1, right, row + 1


@dataclass(frozen=True)
class Oldest:
    """The first version of MicroPython that is good enough for a board. `why`: what an older one does: "before 1.28.0 .."."""

    version: Version
    why: str

    @property
    def release(self) -> str:
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Firmware:
    """MicroPython's image for a board, as micropython.org names it. `oldest`: None where every version is good enough.

    `machines`: how it names the board in `sys.implementation._machine`, before " with " and the chip; earlier releases in other words.
    """

    name: str
    machines: tuple[str, ...]
    page: str
    suffix: str
    oldest: Oldest | None

    def outdated(self, version: Version) -> Oldest | None:
        """What is wanted instead of this version, None when it is good enough."""
        return self.oldest if self.oldest and version < self.oldest.version else None


@dataclass(frozen=True)
class Uf2:
    """The chip's own loader shows itself as a drive and takes UF2 files of this family."""

    family: int


@dataclass(frozen=True)
class Esp:
    """The chip's own loader speaks with esptool: the chip's name there, the offset of the image in flash, the rate of the port."""

    chip: str
    offset: int
    baud: int


@dataclass(frozen=True)
class Board:
    """What boards/NAME.json says. Voltages in mV, sizes in KiB; None where a board has no such thing.

    `port`: MicroPython's, "rp2", "esp32" or "unix"; "cpython" where the agent runs on that. `led`: what machine.Pin takes for it.
    `heap_kib`: what the agent can count on. `needs_psram`: only modules with PSRAM have that. `adc_max_mv`: the most that the converter
    can measure. `arch`: mpy-cross's -march.
    `usb`: vendor and product ids under which it may show itself.
    """

    name: str
    product: str
    vendor: str
    mcu: str
    port: str
    wifi: bool
    drivers: tuple[str, ...]
    pins: Mapping[str, Pin]
    header: Header | None
    led: str | int | None
    i2c: Bus | None
    spi: Bus | None
    adc_reference_mv: int | None
    adc_max_mv: int | None
    watchdog_max_ms: int | None
    heap_kib: int
    needs_psram: bool
    flash_kib: int | None
    filesystem_kib: int | None
    arch: str | None
    firmware: Firmware | None
    loader: Uf2 | Esp | None
    bootloader_steps: str
    usb: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]
    sources: Mapping[str, str]

    def usable_pins(self) -> dict[str, Pin]:
        """Those that a sensor may be wired to."""
        return {name: pin for name, pin in self.pins.items() if not pin.reserved}


def names() -> list[str]:
    """The names that `load` takes."""
    return sorted(path.stem for path in resources.boards().glob("*.json") if not path.name.endswith(".schema.json"))


def load(name: str) -> Board:
    """The board in boards/NAME.json. Raises UnknownBoard."""
    return parse(name, content(name))


def content(name: str) -> dict[str, Any]:
    """boards/NAME.json as it stands. Raises UnknownBoard."""
    if name not in (known := names()):
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownBoard(f"board {name!r} is unknown; known: {', '.join(known)}{hint}")
    return dict(json.loads((resources.boards() / f"{name}.json").read_text(encoding="utf-8")))


def load_all() -> dict[str, Board]:
    """Every board by its name."""
    return {name: load(name) for name in names()}


def recognise(build: str, machine: str) -> Board | None:
    """The board on which MicroPython names itself so: `sys.implementation._build`, which older versions lack, and `._machine`."""
    known = [(board.firmware, board) for board in load_all().values() if board.firmware is not None]
    by_build = {firmware.name: board for firmware, board in known}
    by_machine = {name: board for firmware, board in known for name in firmware.machines}
    variant_of = build.partition("-")[0]  # RPI_PICO2-RISCV
    return by_build.get(variant_of) or by_machine.get(machine.partition(" with ")[0])


def parse(name: str, content: dict[str, Any]) -> Board:
    """What a board file says that keeps to boards/board.schema.json."""
    own = content["plotpost"]
    header = _header(own["header"])
    return Board(
        name=name,
        product=content["product"],
        vendor=content["vendor"],
        mcu=content["mcu"],
        port=own["port"],
        wifi="WiFi" in content["features"],
        drivers=tuple(own["drivers"]),
        pins=_pins(own["pins"], header),
        header=header,
        led=own["led"],
        i2c=_bus(own["i2c"]),
        spi=_bus(own["spi"]),
        adc_reference_mv=own["adc_reference_mv"],
        adc_max_mv=own["adc_max_mv"],
        watchdog_max_ms=own["watchdog_max_ms"],
        heap_kib=own["heap_kib"],
        needs_psram=own.get("needs_psram", False),
        flash_kib=own["flash_kib"],
        filesystem_kib=own["filesystem_kib"],
        arch=own["arch"],
        firmware=_firmware(own["firmware"]),
        loader=_loader(own["loader"], content.get("deploy_options", {})),
        bootloader_steps=own["bootloader_steps"],
        usb=tuple((int(vendor, 16), int(product, 16)) for vendor, product in (pair.split(":") for pair in own["usb"])),
        notes=tuple(own["notes"]),
        sources=own["sources"],
    )


def _header(content: dict[str, Any] | None) -> Header | None:
    if content is None:
        return None
    return Header(tuple(content["left"]), tuple(content["right"]), content["numbering"], content["usb"])


def _pins(content: dict[str, Any], header: Header | None) -> dict[str, Pin]:
    places = {name: place for left, a, right, b in (header.rows() if header else ()) for name, place in ((left, a), (right, b))}
    return {
        name: Pin(
            pin["number"],
            pin.get("adc"),
            frozenset(pin["can"]),
            places.get(name),
            pin.get("note", ""),
            pin.get("strapping", False),
        )
        for name, pin in content.items()
    }


def _bus(content: dict[str, Any] | None) -> Bus | None:
    return None if content is None else Bus(content["id"], {key: pin for key, pin in content.items() if key != "id"})


def _firmware(content: dict[str, Any] | None) -> Firmware | None:
    if content is None:
        return None
    name, oldest = content["name"], content["oldest"]
    return Firmware(
        name,
        tuple(content["machines"]),
        f"https://micropython.org/download/{name}/",
        content["suffix"],
        Oldest(_version(oldest["version"]), oldest["why"]) if oldest else None,
    )


def _version(text: str) -> Version:
    major, minor, micro = (int(number) for number in text.split("."))
    return major, minor, micro


def _loader(content: dict[str, Any] | None, options: dict[str, Any]) -> Uf2 | Esp | None:
    if content is None:
        return None
    if "uf2_family" in content:
        return Uf2(int(content["uf2_family"], 16))
    return Esp(content["chip"], int(options["flash_offset"], 16), content["baud"])
