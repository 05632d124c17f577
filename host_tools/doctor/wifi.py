"""The WiFi networks that config.json names: in sight, joined, strong enough."""

import difflib
from collections.abc import Iterator

from host_tools.doctor import probes
from host_tools.doctor.findings import Failed, Finding, failed, ok, warning
from host_tools.doctor.patient import Patient
from host_tools.doctor.route import FromBoard, FromHere

_SCAN_S = 40.0
_JOIN_S = 35.0
_WEAK_DBM = -80  # packets are lost from about there on
_SHOWN = 5
_NO_NETWORK = (-2, 201)  # network.WLAN.status(): rp2, and esp32
_WRONG_KEY = (-3, 202, 204)  # 204: a handshake that timed out

_BAND = "is it a 2.4 GHz network (no board joins 5 GHz), within reach, on channel 1 to 11, and switched on?"

_Seen = dict[str, tuple[int, int]]  # channel and dBm, the strongest first


def wifi(patient: Patient) -> Iterator[Finding]:
    names: list[str] = patient.config.get("wifi", [])
    if not names:
        patient.route = FromHere(patient.secrets["tokens"], patient.authority)
        yield ok("config.json names no network: this board streams through `plotpost bridge`")
        return
    seen = _scan(patient, names)
    near = [name for name in names if name in seen]
    for name in names:
        if name not in seen:
            yield (warning if near else failed)(f"{name} is not in sight", _look_for(name, seen))
    for name in near or names:  # a hidden network is in nobody's sight
        finding, is_joined = _join(patient, name, seen)
        yield finding
        if is_joined:
            ca = patient.secrets.get("ca") if patient.config["endpoint"].startswith("https:") else None
            patient.route = FromBoard(patient.device, f"/{ca}" if ca else None)
            return
    raise Failed("no network that config.json names could be joined", "the lines above say why")


def _scan(patient: Patient, names: list[str]) -> _Seen:
    found = probes.ask(patient.device, probes.SCAN, [name.encode() for name in names], timeout_s=_SCAN_S)
    return {name.decode(errors="replace"): (channel, rssi) for name, channel, rssi in found if name}


def _look_for(name: str, seen: _Seen) -> str:
    if not seen:
        return f"nothing at all is in sight: is the antenna free, and {_BAND.removeprefix('is ')}"
    similar = difflib.get_close_matches(name.lower(), [each.lower() for each in seen], 1)
    meant = next((each for each in seen if similar and each.lower() == similar[0]), None)
    if meant is not None:
        return f"did you mean {meant!r}? Correct it: plotpost provision"
    return f"{_BAND} In sight: {', '.join(list(seen)[:_SHOWN])}"


def _join(patient: Patient, name: str, seen: _Seen) -> tuple[Finding, bool]:
    is_joined, says, address, rssi = probes.ask(patient.device, probes.JOIN, name, timeout_s=_JOIN_S)
    if not is_joined:
        return _refused(name, says, name in seen), False
    channel = f", channel {seen[name][0]}" if name in seen else ", hidden"
    text = f"joined {name}: {rssi} dBm{channel}, address {address}"
    if rssi < _WEAK_DBM:
        return warning(text, "the signal is weak: move the board or the access point nearer, or turn the antenna"), True
    return ok(text), True


def _refused(name: str, says: int, in_sight: bool) -> Finding:
    if says in _WRONG_KEY:
        return failed(f"{name} refuses the password", "correct it: plotpost provision")
    if says in _NO_NETWORK or not in_sight:
        return failed(f"{name} does not answer", f"if it is hidden, is its name right? Else: {_BAND}")
    return failed(
        f"{name} cannot be joined (the radio says {says})",
        "look at the password (plotpost provision), at a filter of addresses in the access point, and whether it gives addresses (DHCP)",
    )
