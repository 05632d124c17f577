"""Whether readings can get from the board to the endpoint: tried by the board itself, where it has WiFi, before its agent starts."""

from collections.abc import Callable

from host_tools.boards import Board
from host_tools.config import Json
from host_tools.device import Device
from host_tools.doctor import endpoint, wifi
from host_tools.doctor.findings import Check, Failed, Finding, Mark
from host_tools.doctor.patient import Patient
from host_tools.up.errors import UpError

_CHECKS = (
    Check("wifi", (), wifi.wifi),
    Check("name", (), endpoint.name),
    Check("endpoint", (), endpoint.endpoint),
    Check("tokens", (), endpoint.tokens),
)


def reach(device: Device, board: Board, config: Json, secrets: Json, say: Callable[[str], None]) -> str:
    """What the board reaches, in one line; `say` gets what is only worth knowing. Raises UpError, DeviceError."""
    patient = Patient(device.port, board, device, board, config, secrets)
    if "ca" in secrets:
        patient.authority = device.read("/ca.der")
    told = ("wifi", "endpoint") if config.get("wifi") else ("endpoint",)
    reached = []
    for check in _CHECKS:
        for finding in _findings(check, patient):
            message = patient.masked(finding.message)
            if finding.mark is Mark.FAILED:
                raise UpError(f"{message}: {patient.masked(finding.remedy)}")
            if finding.mark is Mark.WARNING:
                say(f"{message}: {patient.masked(finding.remedy)}")
            elif check.name in told:
                reached.append(message)
    return "; ".join(reached)


def _findings(check: Check, patient: Patient) -> list[Finding]:
    try:
        return list(check.examine(patient))
    except Failed as failure:
        return [failure.finding]
