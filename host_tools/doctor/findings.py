"""What a check finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from host_tools.device import DeviceError, Raised
from host_tools.doctor.patient import Patient


class Mark(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works; a person should know
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """One line: what was found, and for WARNING and FAILED what to do about it."""

    mark: Mark
    message: str
    remedy: str = ""


class Failed(Exception):
    """The check failed, and what depends on it cannot be checked."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.finding = failed(message, remedy)

    @classmethod
    def of(cls, error: DeviceError, remedy: str) -> "Failed":
        """An error's line, parted into what happened and what to do; `remedy` if it does not say that."""
        text = str(error)
        what, found, own_remedy = text.rpartition("; " if "; " in text else ": ")
        return cls(text, remedy) if isinstance(error, Raised) or not found else cls(what, own_remedy)


def ok(message: str) -> Finding:
    return Finding(Mark.OK, message)


def warning(message: str, remedy: str) -> Finding:
    return Finding(Mark.WARNING, message, remedy)


def failed(message: str, remedy: str) -> Finding:
    """For what nothing else depends on; else raise Failed."""
    return Finding(Mark.FAILED, message, remedy)


@dataclass(frozen=True)
class Check:
    """`examine` gives its findings, or raises Failed or DeviceError. It is left out when one of the checks that it `needs` failed."""

    name: str
    needs: tuple[str, ...]
    examine: Callable[[Patient], Iterator[Finding]]
