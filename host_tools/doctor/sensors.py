"""The sensors that config.json names, each read once on the board."""

from collections.abc import Iterator, Mapping
from typing import Any

from host_tools.boards import Board
from host_tools.doctor import probes
from host_tools.doctor.findings import Finding, Mark, failed, ok, warning
from host_tools.doctor.patient import Patient

_READ_S = 20.0
_WIRES = "look at its wires: supply, ground, the pin, and a pull-up where it needs one"
_REMEDIES = {"analog": "the chip's converter fails, whatever is wired to it: take another pin, which `plotpost boards` tells"}
_OWN_KEYS = ("driver", "every", "channels")

# What a part can measure, from its datasheet, or what can be at all. The driver's file names the source.
RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "analog": {"voltage": (0, 5), "level": (0, 100)},
    "cpu": {"cpu": (0, 100)},
    "dht11": {"temperature": (-20, 60), "humidity": (5, 95)},
    "dht22": {"temperature": (-40, 80), "humidity": (0.1, 100)},
    "ds18b20": {"temperature": (-55, 125)},
    "load": {"load1": (0, 10_000)},
    "memory": {"free": (0, 10_000_000)},
    "thermal": {"temperature": (-40, 125)},
}


def sensors(patient: Patient) -> Iterator[Finding]:
    for entry in patient.config["sensors"]:
        yield _examine(patient, entry)


def _examine(patient: Patient, entry: Mapping[str, Any]) -> Finding:
    driver = entry["driver"]
    name = f"{driver} at {_pin_name(patient.board, entry['pin'])}" if "pin" in entry else driver
    options = {key: value for key, value in entry.items() if key not in _OWN_KEYS}
    kind, found = probes.ask(patient.device, probes.SENSOR, driver, options, timeout_s=_READ_S)
    match kind:
        case "agent":
            return ok(f"{name} reports on the agent while it runs")
        case "absent":
            return failed(f"{name} is not there: {found}", "look at its entry in config.json: plotpost provision")
        case "broken":
            return failed(f"{name} cannot be read: {_plain(found)}", _REMEDIES.get(driver, _WIRES))
    finding = judge(name, driver, found)
    return _uncalibrated(patient, entry["pin"], finding) if driver == "analog" and _is_esp32(patient) else finding


def _is_esp32(patient: Patient) -> bool:
    return patient.device.facts.platform == "esp32"


def _uncalibrated(patient: Patient, pin: int, finding: Finding) -> Finding:
    """A warning where the chip cannot correct its converter; what is worse stays."""
    why = probes.ask(patient.device, probes.UNCALIBRATED, pin)
    if not why or finding.mark is not Mark.OK:
        return finding
    return warning(
        f"{finding.message}; uncalibrated ({why})",
        "this chip has no calibration of its converter: voltages may be a tenth off; set low and high by what it shows",
    )


def _pin_name(board: Board | None, pin: str | int) -> str:
    """As it is printed on the board; config.json there has the number."""
    names = [name for name, each in board.pins.items() if each.number == pin] if board else []
    return names[0] if names else str(pin)


def judge(name: str, driver: str, found: list[tuple[str, str, int, int | None]]) -> Finding:
    """Of channels with unit, decimals and integer value: whether the part can measure that."""
    values = {channel: None if value is None else value / 10**decimals for channel, _, decimals, value in found}
    text = f"{name}: " + ", ".join(
        f"{channel} no value" if value is None else f"{channel} {value / 10**decimals:.{decimals}f} {unit}".rstrip()
        for channel, unit, decimals, value in found
    )
    for channel, (least, most) in RANGES.get(driver, {}).items():
        value = values.get(channel)
        if value is not None and not least <= value <= most:
            return warning(
                text, f"{channel} should be from {least:g} to {most:g}: look at the wires, and whether it is this part"
            )
    return ok(text)


def _plain(error: str) -> str:
    """MicroPython's errno as words."""
    return "it does not answer" if "ETIMEDOUT" in error else error
