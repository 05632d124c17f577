"""What became of every reading: what was taken against what is stored, value by value, and against what the counters admit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from host_tools.simulate import Closing


@dataclass(frozen=True)
class Life:
    """What a board took from one power-on to its end, in the order it was taken. `closing` is None when its power was cut."""

    values: Sequence[int]
    closing: Closing | None


@dataclass(frozen=True)
class Device:
    """What the endpoint knows of one life: how many of its values never came, and how many the board told to have dropped."""

    missing: int
    dropped: int


@dataclass(frozen=True)
class Account:
    """What became of one board's values. `unexplained`: what nothing admits, one line each; it must be empty."""

    taken: int
    stored: int
    dropped: int  # pushed out of the full ring, and counted by the board
    in_ram: int  # in the ring when the power was cut
    untold: int  # pushed out of a ring that was full when the power was cut: the count of them was in RAM too
    lost: int  # neither stored nor admitted by anything
    duplicated: int
    unexplained: tuple[str, ...]


def settle(
    lives: Sequence[Life], traces: Sequence[Sequence[int]], devices: Sequence[Device], *, together: int, ring: int
) -> Account:
    """The account of one board.

    `traces`: what is stored, in the order it came. `together`: how many values one reading gives. `ring`: how many fit the ring.
    """
    counts = Counter(value for trace in traces for value in trace)
    trouble = [*_strangers(lives, counts), *_repeated(counts), *_disorder(lives, traces)]
    dropped = in_ram = untold = lost = 0
    for life in lives:
        before, behind = _lacking(life.values, counts)
        dropped += before
        if life.closing is None:
            in_ram += min(behind, ring)
            untold += max(behind - ring, 0)
            continue
        # A reading may have been on its way from the part into the ring when Ctrl-C came.
        admitted = life.closing.dropped + life.closing.skipped + len(life.values) - life.closing.taken
        lost += max(before + behind - admitted, 0)
        dropped += behind
        trouble += _against_closing(life, life.closing, together)
        if before + behind > admitted:
            trouble.append(f"{before + behind} values lack, and the board admits {admitted}")
    trouble += _against_endpoint(devices, sum(_lacking(life.values, counts)[0] for life in lives))
    return Account(
        taken=sum(len(life.values) for life in lives),
        stored=len(counts),
        dropped=dropped - lost,
        in_ram=in_ram,
        untold=untold,
        lost=lost,
        duplicated=counts.total() - len(counts),
        unexplained=tuple(trouble),
    )


def _lacking(values: Sequence[int], counts: Counter[int]) -> tuple[int, int]:
    """How many values lack before the last one that is stored, and how many behind it."""
    last = max((index for index, value in enumerate(values) if value in counts), default=-1)
    return sum(value not in counts for value in values[: last + 1]), len(values) - last - 1


def _strangers(lives: Sequence[Life], counts: Counter[int]) -> list[str]:
    strangers = set(counts) - {value for life in lives for value in life.values}
    return [f"stored and never taken: {sorted(strangers)[:5]}"] if strangers else []


def _repeated(counts: Counter[int]) -> list[str]:
    repeated = [value for value, count in counts.items() if count > 1]
    return [f"stored more than once: {sorted(repeated)[:5]}"] if repeated else []


def _disorder(lives: Sequence[Life], traces: Sequence[Sequence[int]]) -> list[str]:
    """Lives may overlap at the endpoint, because the last bytes of a dead board can come late; each is in order in itself."""
    for life in lives:
        own = set(life.values)
        for trace in traces:
            values = [value for value in trace if value in own]
            if values != sorted(values):
                return ["a life's values are stored in another order than they were taken"]
    return []


def _against_closing(life: Life, closing: Closing, together: int) -> list[str]:
    trouble = []
    if closing.settled != closing.taken:
        trouble.append(f"{closing.taken - closing.settled} values were not confirmed when the board ended")
    if len(life.values) - closing.taken not in (0, together):
        trouble.append(f"the board counts {closing.taken} values taken, its part gave {len(life.values)}")
    return trouble


def _against_endpoint(devices: Sequence[Device], lacking: int) -> list[str]:
    trouble = [
        f"{device.missing} values never came, and the board told of {device.dropped}"
        for device in devices
        if device.missing > device.dropped
    ]
    missing = sum(device.missing for device in devices)
    if missing != lacking:
        trouble.append(f"the endpoint counts {missing} values that never came; in truth there are {lacking}")
    return trouble
