"""What became of every reading: what was taken against what is stored, value by value, and against what the counters admit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from host_tools.simulate import Closing


@dataclass(frozen=True)
class Life:
    """What a board took from one power-on to its end, in the order it was taken.

    `closing`: its own account, None when its power was cut.
    `full`: its flash was full at the end, so that there may have been more.
    """

    values: Sequence[int]
    closing: Closing | None
    full: bool = False

    @property
    def admitted(self) -> int:
        """Values that the board itself counts as refused, or that were on their way from the part to the ring when Ctrl-C came."""
        if self.closing is None:
            return 0
        return self.closing.skipped + max(len(self.values) - self.closing.taken, 0)


@dataclass(frozen=True)
class Account:
    """What became of one board's values. `unexplained`: what nothing admits, one line each; it must be empty."""

    taken: int
    stored: int
    in_ram: int  # in the ring when the power was cut
    dropped: int  # pushed out of full ring and flash, and counted by the board
    untold: int  # the same, when the power was cut before the board could tell
    lost: int  # neither stored nor admitted by anything
    duplicated: int
    unexplained: tuple[str, ...]


def settle(
    lives: Sequence[Life], traces: Sequence[Sequence[int]], *, told: int, missing: int, together: int, ring: int
) -> Account:
    """The account of one board.

    `traces`: what is stored, in the order it came. `told`: how many dropped readings the board told the endpoint of, in all its lives.
    `missing`: how many values never came by the endpoint's count. `together`: how
    many values one reading gives. `ring`: how many fit the ring.
    """
    counts = Counter(value for trace in traces for value in trace)
    gone = in_ram = 0
    for life in lives:
        lacking = sum(value not in counts for value in life.values)
        at_cut = sum(value not in counts for value in life.values[-ring:]) if life.closing is None else 0
        in_ram += at_cut
        gone += lacking - at_cut
    closings = sum(life.closing.dropped for life in lives if life.closing)
    dropped = min(gone, max(told, closings) + sum(life.admitted for life in lives))
    untold = gone - dropped if any(life.full for life in lives) else 0
    lost = gone - dropped - untold
    trouble = [*_strangers(lives, counts), *_repeated(counts), *_disorder(lives, traces), *_closings(lives, together)]
    if lost:
        trouble.append(f"{gone} values lack, and the board admits {dropped}")
    if missing != (holes := sum(_holes(life.values, counts) for life in lives)):
        trouble.append(f"the endpoint counts {missing} values that never came; in truth there are {holes}")
    return Account(
        taken=sum(len(life.values) for life in lives),
        stored=len(counts),
        in_ram=in_ram,
        dropped=dropped,
        untold=untold,
        lost=lost,
        duplicated=counts.total() - len(counts),
        unexplained=tuple(trouble),
    )


def _holes(values: Sequence[int], counts: Counter[int]) -> int:
    """How many values lack before the last one that is stored."""
    last = max((index for index, value in enumerate(values) if value in counts), default=-1)
    return sum(value not in counts for value in values[: last + 1])


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


def _closings(lives: Sequence[Life], together: int) -> list[str]:
    trouble = []
    for life in lives:
        closing = life.closing
        if closing is None:
            continue
        if closing.settled != closing.taken:
            trouble.append(f"{closing.taken - closing.settled} values were not confirmed when the board ended")
        if len(life.values) - closing.taken not in (0, together):
            trouble.append(f"the board counts {closing.taken} values taken, its part gave {len(life.values)}")
    return trouble
