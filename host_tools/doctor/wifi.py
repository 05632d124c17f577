"""The WiFi networks that config.json names: in sight, joined, strong enough."""

import difflib
from collections.abc import Iterator
from dataclasses import replace

from host_tools.doctor import probes
from host_tools.doctor.findings import Failed, Finding, Mark, failed, ok, warning
from host_tools.doctor.patient import Patient
from host_tools.doctor.route import FromBoard, FromHere

_SCAN_S = 40.0
_JOIN_S = 35.0
_WEAK_DBM = -80  # packets are lost from about there on
_SHOWN = 5
_WRONG_KEY = (-3, 202, 204)  # network.WLAN.status() of rp2, and of esp32, where 204 is a handshake that timed out

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
        is_joined, says, address, rssi = probes.ask(patient.device, probes.JOIN, name, timeout_s=_JOIN_S)
        if is_joined:
            problems.pop(name, None)
            yield from map(_less, problems.values())
            yield _joined(name, seen, address, rssi)
            patient.route = _from_board(patient)
            return
        if name in near:
            problems[name] = _refused(name, says)
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
    found = probes.ask(patient.device, probes.SCAN, [name.encode() for name in names], timeout_s=_SCAN_S)
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


def _refused(name: str, says: int) -> Finding:
    if says in _WRONG_KEY:
        return failed(f"{name} refuses the password", "correct it: plotpost provision")
    return failed(
        f"{name} is in sight, and cannot be joined (the radio says {says})",
        "is the password right (plotpost provision)? Does the access point filter addresses, want WPA3 alone, or give no addresses (DHCP)?",
    )
