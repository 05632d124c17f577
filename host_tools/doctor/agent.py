"""What plotpost has put on the board: files, notes of its lives, config.json and secrets.json."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plotpost import __version__

from host_tools import config as checker
from host_tools import monitor
from host_tools.deploy import install
from host_tools.device import Device
from host_tools.doctor import probes
from host_tools.doctor.findings import Failed, Finding, failed, ok, warning
from host_tools.doctor.patient import Patient

_DEPLOY = "plotpost deploy"
_SAFE_MODE = 5  # lives that ended badly in a row: firmware/plotpost/crash.py
_SHOWN = 3


def files(patient: Patient) -> Iterator[Finding]:
    device = patient.device
    if not device.exists("/main.py"):
        raise Failed("there is no main.py: no agent starts", f"put it there: {_DEPLOY}")
    version = probes.ask(device, probes.AGENT)
    if version == "ImportError":
        raise Failed("the agent is not there", f"put it there: {_DEPLOY}")
    if not version[:1].isdigit():
        raise Failed(f"the agent cannot be imported ({version}): it was compiled for another MicroPython", f"run {_DEPLOY}")
    if version != __version__:
        yield warning(f"the agent is version {version}, this is {__version__}", f"run {_DEPLOY}")
    yield from _compare(device, version)


def _compare(device: Device, version: str) -> Iterator[Finding]:
    """With the list that the last deploy left there."""
    if device.exists(install.STAGE):
        yield failed("a deploy was cut short", f"run {_DEPLOY} again; until then the agent of before starts")
    listed = install.recorded(device)
    found = install.survey(device, [f"/{path}" for path in listed]) if listed else {}
    changed = sorted(path for path, digest in listed.items() if found.get(path) != digest)
    if changed:
        names = ", ".join(changed[:_SHOWN]) + (f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else "")
        yield failed(f"what was deployed has changed, or is gone: {names}", f"run {_DEPLOY}")
    else:
        by_hand = "" if listed else ", put there by hand"
        yield ok(f"the agent, version {version}{by_hand}")


def lives(patient: Patient) -> Iterator[Finding]:
    noted = monitor.lives(patient.device)
    last = noted.crashes[-1] if noted.crashes else None
    if noted.bad >= _SAFE_MODE:
        yield failed(
            f"safe mode: {noted.bad} lives in a row ended badly" + (f", the last by: {last.reason}" if last else ""),
            f"see plotpost monitor --crashes; {_DEPLOY} ends safe mode",
        )
    elif last is not None and last.boot >= noted.boots - 1:
        yield warning(f"boot {last.boot} of {noted.boots} ended badly: {last.reason}", "see plotpost monitor --crashes")
    else:
        yield ok(f"boots: {noted.boots}; none of the last ended badly" if noted.boots else "it has not run here yet")


def config(patient: Patient) -> Iterator[Finding]:
    device = patient.device
    patient.config = _read(device, "config.json")
    patient.secrets = _read(device, "secrets.json")
    patient.authority = _authority(device, patient.secrets)
    if wrong := _validate(patient):
        raise Failed(patient.masked("; ".join(wrong)), "correct it: plotpost provision")
    if patient.board is not None and patient.config["board"] != patient.board.name:
        yield failed(
            f"config.json is for the board {patient.config['board']}, and this is {patient.board.name}",
            "correct it: plotpost provision",
        )
    count = len(patient.config["sensors"])
    yield ok(f"{patient.config['name']}: {count} sensor{'' if count == 1 else 's'}, to {patient.config['endpoint']}")


def _read(device: Device, name: str) -> dict[str, Any]:
    try:
        content = json.loads(device.read(f"/{name}"))
    except FileNotFoundError:
        raise Failed(f"there is no {name}", "make it: plotpost provision") from None
    except (ValueError, RecursionError):
        raise Failed(f"{name} is not JSON", "write it anew: plotpost provision") from None
    if not isinstance(content, dict):
        raise Failed(f"{name} is no object in {{}}", "write it anew: plotpost provision")
    return content


def _authority(device: Device, secrets: dict[str, Any]) -> bytes | None:
    try:
        return device.read(f"/{secrets['ca']}") if isinstance(secrets.get("ca"), str) else None
    except FileNotFoundError:
        return None


def _validate(patient: Patient) -> list[str]:
    """As the board does, with its certificate at hand."""
    if patient.authority is None:
        return checker.validate(patient.config, patient.secrets)
    with tempfile.TemporaryDirectory(prefix="plotpost-doctor-") as folder:
        certificate = Path(folder) / "ca.der"
        certificate.write_bytes(patient.authority)
        return checker.validate(patient.config, {**patient.secrets, "ca": str(certificate)})
