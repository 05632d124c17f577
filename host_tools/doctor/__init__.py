"""Examines an attached board step by step, from the cable to the token, and says of each what it found and what to do.

The agent is interrupted for it, and begins anew at the end.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

from host_tools.boards import Board
from host_tools.device import DeviceError, Lost
from host_tools.doctor import agent, board, cable, endpoint, sensors, wifi
from host_tools.doctor.findings import Check, Failed, Finding, Mark
from host_tools.doctor.patient import Patient

__all__ = ["CHECKS", "Finding", "Mark", "Result", "examine"]

CHECKS = (
    Check("port", (), cable.port),
    Check("micropython", ("port",), cable.micropython),
    Check("board", ("micropython",), board.board),
    Check("firmware", ("micropython",), board.firmware),
    Check("heap", ("micropython",), board.heap),
    Check("flash", ("micropython",), board.flash),
    Check("files", ("micropython",), agent.files),
    Check("lives", ("micropython",), agent.lives),
    Check("config", ("micropython",), agent.config),
    Check("wifi", ("config",), wifi.wifi),
    Check("name", ("wifi",), endpoint.name),
    Check("endpoint", ("name",), endpoint.endpoint),
    Check("proxy", ("endpoint",), endpoint.proxy),
    Check("time", ("endpoint",), endpoint.clock),
    Check("tokens", ("endpoint",), endpoint.tokens),
    Check("sensors", ("files", "config"), sensors.sensors),
)


@dataclass(frozen=True)
class Result:
    check: str
    finding: Finding


def examine(
    port: str, wanted: Board | None = None, on_begin: Callable[[str], None] = lambda name: None
) -> Generator[Result, None, None]:
    """The findings as they come; `wanted` is what the user says that it is. Close it early, and the agent begins anew too."""
    patient = Patient(port, wanted)
    try:
        for result in _examine(patient, on_begin):
            finding = result.finding
            yield Result(
                result.check,
                replace(finding, message=patient.masked(finding.message), remedy=patient.masked(finding.remedy)),
            )
    finally:
        if patient.attached is not None:
            with contextlib.suppress(DeviceError):
                patient.attached.resume()


def _examine(patient: Patient, on_begin: Callable[[str], None]) -> Iterator[Result]:
    broken: set[str] = set()
    for check in CHECKS:
        if blocked := [name for name in check.needs if name in broken]:
            broken.add(check.name)
            yield Result(check.name, Finding(Mark.NOT_CHECKED, f"because of: {', '.join(blocked)}"))
            continue
        on_begin(check.name)
        try:
            for finding in check.examine(patient):
                yield Result(check.name, finding)
        except Failed as failure:
            broken.add(check.name)
            yield Result(check.name, failure.finding)
        except DeviceError as error:
            broken |= {check.name, "micropython"} if isinstance(error, Lost) else {check.name}
            yield Result(check.name, Failed.of(error, "run it again; if it stays so, it is a bug").finding)
