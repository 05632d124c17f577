"""The board itself: which it is, its firmware, its room."""

from collections.abc import Iterator

from host_tools import boards
from host_tools.doctor import probes
from host_tools.doctor.findings import Failed, Finding, failed, ok, warning
from host_tools.doctor.patient import Patient
from host_tools.suitable import Unsuitable, check_firmware, check_memory

_FLASH_MIN = 64 * 1024  # a spool as long as it is by default


def board(patient: Patient) -> Iterator[Finding]:
    facts = patient.device.facts
    found = boards.recognise(facts.build, facts.machine)
    patient.board = patient.wanted or found
    if found is None and patient.wanted is None:
        yield warning(
            f"{facts.machine or facts.platform} is none that plotpost knows",
            "say which is like it with --board; `plotpost boards` lists them",
        )
    elif found is not None and patient.wanted is not None and found.name != patient.wanted.name:
        yield failed(
            f"it says that it is a {found.product}, not a {patient.wanted.product}",
            f"say --board {found.name}; or, if the board is the other, flash it with its own MicroPython: "
            f"plotpost flash --board {patient.wanted.name}",
        )
    elif patient.board is not None:
        yield ok(f"{patient.board.product} ({patient.board.name})")


def firmware(patient: Patient) -> Iterator[Finding]:
    facts = patient.device.facts
    if patient.board is not None:
        try:
            check_firmware(facts, patient.board)
        except Unsuitable as error:
            raise Failed.of(error, "put another on it: plotpost flash") from None
    yield ok(f"MicroPython {facts.release} is new enough")


def heap(patient: Patient) -> Iterator[Finding]:
    """Of all of it: what the interrupted agent holds is there for the next one."""
    if patient.board is not None:
        try:
            check_memory(patient.device.facts, patient.board)
        except Unsuitable as error:
            raise Failed.of(error, "take another board") from None
    whole, free, _, _ = probes.ask(patient.device, probes.MEMORY)
    text = f"{free // 1024} of {whole // 1024} KiB are free"
    if whole // 1024 < boards.AGENT_HEAP_KIB:
        yield warning(
            text, f"the agent with all its parts needs {boards.AGENT_HEAP_KIB} KiB: name few sensors, and make spool.ram smaller"
        )
    else:
        yield ok(text)


def flash(patient: Patient) -> Iterator[Finding]:
    _, _, whole, free = probes.ask(patient.device, probes.MEMORY)
    text = f"{free // 1024} of {whole // 1024} KiB are free"
    if free < _FLASH_MIN:
        yield warning(text, "take away files that nobody needs (`mpremote fs rm`): an outage's readings and a deploy need room")
    else:
        yield ok(text)
