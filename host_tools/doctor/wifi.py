"""The WiFi networks that config.json names: in sight, joined, strong enough."""

import difflib
from collections.abc import Iterator
from dataclasses import replace

from plotpost import link

from host_tools.doctor import probes
from host_tools.doctor.findings import Failed, Finding, Mark, failed, ok, warning
from host_tools.doctor.patient import Patient
from host_tools.doctor.route import FromBoard, FromHere

_SCAN_S = 40.0
_JOIN_S = 60.0  # twice what link.py waits, and the radio's start
_WEAK_DBM = -80  # packets are lost from about there on
_SHOWN = 5
_PROVISION = "correct it: plotpost provision"

_Seen = dict[str, tuple[int, int]]  # channel and dBm, the strongest first


def wifi(patient: Patient) -> Iterator[Finding]:
    names: list[str] = patient.config.get("wifi", [])
    if not names:
        patient.route = FromHere(patient.secrets, patient.authority)
        yield ok("config.json names no network: this board streams through `plotpost bridge`")
        return
    seen = _scan(patient, names)
    near = [name for name in names if name in seen]
    problems = {name: unseen(name, seen) for name in names if name not in near}
    for name in near or names:  # a hidden network is in nobody's sight
        outcome = probes.ask(patient.device, probes.JOIN, name, timeout_s=_JOIN_S)
        match outcome:
            case "joined", address, rssi:
                problems.pop(name, None)
                yield from map(_less, problems.values())
                yield _joined(name, seen, address, rssi)
                patient.route = _from_board(patient)
                return
            case "failed", why, says if name in near:
                problems[name] = _refused(name, why, says)
            case "broken", why, _:
                raise Failed(f"the radio fails when it is to join {name}: {why}", _radio_remedy(why))
            case "no agent", *_:
                raise Failed("the agent, with which a network is joined, is not there", "put it there: plotpost deploy")
    *others, last = problems.values()
    yield from others
    raise Failed(last.message, last.remedy)


def _less(problem: Finding) -> Finding:
    """With another network joined, one that is away is none to fail for."""
    return replace(problem, mark=Mark.WARNING)


def _from_board(patient: Patient) -> FromBoard:
    ca = patient.secrets.get("ca") if patient.config["endpoint"].startswith("https:") else None
    return FromBoard(patient.device, f"/{ca}" if ca else None)


def _scan(patient: Patient, names: list[str]) -> _Seen:
    why, found = probes.ask(patient.device, probes.SCAN, [name.encode() for name in names], timeout_s=_SCAN_S)
    if why:
        raise Failed(f"the radio fails: {why}", _radio_remedy(why))
    return {name.decode(errors="replace"): (channel, rssi) for name, channel, rssi in found if name}


def unseen(name: str, seen: _Seen) -> Finding:
    if not seen:
        return failed(
            f"{name} is not in sight, and no other network is", "is the antenna free? Move the board nearer to the access point"
        )
    similar = difflib.get_close_matches(name.lower(), [each.lower() for each in seen], 1)
    meant = next((each for each in seen if similar and each.lower() == similar[0]), None)
    if meant is not None:
        return failed(f"{name} is not in sight, but {meant} is", "if that is meant, correct the name: plotpost provision")
    return failed(
        f"{name} is not in sight, but {', '.join(list(seen)[:_SHOWN])}",
        "is it a 2.4 GHz network (no board joins 5 GHz), within reach, on channel 1 to 11? If it is hidden, is its name right?",
    )


def _joined(name: str, seen: _Seen, address: str, rssi: int) -> Finding:
    channel = f", channel {seen[name][0]}" if name in seen else ", hidden"
    text = f"joined {name}: {rssi} dBm{channel}, address {address}"
    if rssi < _WEAK_DBM:
        return warning(text, "the signal is weak: move the board or the access point nearer, or turn the antenna")
    return ok(text)


def _refused(name: str, why: int, says: int) -> Finding:
    """`why`: what link.py makes of the radio's number `says`."""
    match why:
        case link.WRONG_KEY:
            return failed(f"{name} refuses the password", _PROVISION)
        case link.REFUSED:
            return failed(f"{name} refuses the password, or is hardly in reach", f"{_PROVISION}; or move the board nearer")
        case link.NO_NETWORK:
            return failed(f"{name} was in sight, and is out of reach", "move the board nearer to the access point")
    return failed(
        f"{name} is in sight, and cannot be joined (the radio says {says})",
        "is the password right (plotpost provision)? Does the access point filter addresses, want WPA3 alone, or give no addresses (DHCP)?",
    )


def _radio_remedy(why: str) -> str:
    again = "unplug the board, plug it in again, and look once more"
    if "emory" in why:  # ESP32s: "WiFi Out of Memory"
        return f"{again}: the radio must start before programs fill the memory; if it stays so, name fewer sensors"
    return f"{again}; if it stays so, put MicroPython on it anew: plotpost flash"
