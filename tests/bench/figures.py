"""What the benchmarks measure: samples with their median and spread, clients side by side, goals met or missed."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Spread:
    """Repeated measurements of one thing."""

    samples: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def text(self, digits: int = 2) -> str:
        """The median, and from the least to the most: `0.15 (0.12 to 0.17)`."""
        return f"{self.median:.{digits}f} ({min(self.samples):.{digits}f} to {max(self.samples):.{digits}f})"

    def over(self, other: "Spread") -> "Spread":
        """The ratios to another thing, each to the measurement of the same round."""
        return Spread([mine / others for mine, others in zip(self.samples, other.samples, strict=True)])


@dataclass
class Client:
    """A client on the board, beside the others. What was not measured is None."""

    name: str
    rates: Spread | None = None  # readings a second
    over_floor: Spread | None = None
    heap_a_reading: float | None = None  # bytes
    import_heap: int | None = None  # bytes
    smallest_heap_kib: int | None = None
    ip_bytes: float | None = None
    packets: float | None = None


@dataclass(frozen=True)
class Goal:
    """One goal. `value` and `limit` are in the same unit; `at_least` says on which side of the limit it should be."""

    what: str
    measured: str
    goal: str
    value: float | None = None
    limit: float = 0.0
    at_least: bool = False
    why: str = ""  # it was missed, or not measured

    @property
    def met(self) -> bool | None:
        """None when it was not measured."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def verdict(self) -> str:
        """In words, with the reason if it was not met."""
        if self.met:
            return "met"
        how_far = "not measured" if self.value is None else self._how_far()
        return f"{how_far}: {self.why}" if self.why else how_far

    def _how_far(self) -> str:
        assert self.value is not None
        better, worse = (self.value, self.limit) if self.at_least else (self.limit, self.value)
        if not better:
            return "missed"
        factor = worse / better
        return f"missed by a factor of {factor:.1f}" if factor >= 2 else f"missed by {100 * (factor - 1):.0f} %"


@dataclass
class Results:
    """Everything of one run."""

    machine: str
    runtime: str
    clients: list[Client] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
