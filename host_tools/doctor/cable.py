"""From this machine to MicroPython's prompt."""

from collections.abc import Iterator

from host_tools.device import Device, NoAnswer, PortError
from host_tools.doctor.findings import Failed, Finding, ok
from host_tools.doctor.patient import Patient


def port(patient: Patient) -> Iterator[Finding]:
    """It opens; what answers there is kept for the next check."""
    try:
        patient.attached = Device.open(patient.port)
    except PortError as error:
        raise Failed.of(error, "look at `plotpost ports`") from None
    except NoAnswer:
        pass
    yield ok(f"{patient.port} opens")


def micropython(patient: Patient) -> Iterator[Finding]:
    if patient.attached is None:
        raise Failed(
            f"nothing answers at {patient.port} like MicroPython",
            "if the board is new, put MicroPython on it with `plotpost flash`; if it hangs, unplug it and plug it in again",
        )
    facts = patient.device.facts
    yield ok(f"{facts.release} on {facts.machine or facts.platform}, number {facts.unique_id}")
