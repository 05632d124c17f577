"""What a check of `plotpost doctor` finds, for tests that make one by itself."""

from collections.abc import Callable, Iterator

from host_tools.doctor.findings import Failed, Finding
from host_tools.doctor.patient import Patient


def findings(check: Callable[[Patient], Iterator[Finding]], patient: Patient) -> list[Finding]:
    """All of it, and at its end why the check could not go on, if it could not."""
    found = []
    try:
        for finding in check(patient):
            found.append(finding)
    except Failed as failure:
        found.append(failure.finding)
    return found
