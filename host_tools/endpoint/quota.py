"""What a plot and an account may hold at most, whoever asks and whichever way."""

from typing import NamedTuple

from .errors import Refusal

# Of a plot: five traces of 200,000 points with dates, and about what a browser draws. In memory that takes up to 250 MiB.
MOST_PLOT_BYTES = 32 << 20  # as JSON
MOST_PLOT_VALUES = 3_000_000
MOST_OF_A_PLOT = f"{MOST_PLOT_BYTES >> 20} MiB or {MOST_PLOT_VALUES:,} values"
MOST_ACCOUNT_BYTES = 2 << 30  # of all plots and grids, those in the trash too
MOST_TOKENS = 50_000  # that are not revoked
MOST_FILES = 20_000  # plots, grids and folders, those in the trash too


class Usage(NamedTuple):
    """What an account holds."""

    files: int
    bytes: int


def check_files(usage: Usage) -> None:
    """Whether one file more fits into the account. Raises Refusal(403)."""
    if usage.files >= MOST_FILES:
        raise Refusal(403, f"the account holds {MOST_FILES} files already: delete some for good")


def check_tokens(count: int) -> None:
    """Whether an account may have so many. Raises Refusal(403)."""
    if count > MOST_TOKENS:
        raise Refusal(
            403, f"the account would have more than {MOST_TOKENS} stream tokens: revoke some, or use names that have one"
        )


def check_growth(usage: Usage, grown: int) -> None:
    """Whether that many bytes more fit into the account. Less always does. Raises Refusal(413)."""
    if grown > 0 and usage.bytes + grown > MOST_ACCOUNT_BYTES:
        raise Refusal(413, f"the account would hold more than {mib(MOST_ACCOUNT_BYTES)}: delete plots or grids for good")


def is_over(snapshot: bytes) -> bool:
    """Whether a plot is larger than it may be, by its figure as JSON."""
    return len(snapshot) > MOST_PLOT_BYTES or _values(snapshot) > MOST_PLOT_VALUES


def check_plot(snapshot: bytes, before: bytes = b"") -> None:
    """Whether a plot may become what the snapshot says. One that is too large already may shrink in steps. Raises Refusal(413)."""
    if is_over(snapshot) and (len(snapshot) > len(before) or _values(snapshot) > _values(before)):
        raise Refusal(413, f"the plot would be larger than {MOST_OF_A_PLOT}: use fewer points, or several plots")


def _values(snapshot: bytes) -> int:
    """About how many values there are: each costs memory, however short its text is."""
    return sum(map(snapshot.count, (b",", b"[", b"{")))


def mib(size: int) -> str:
    """A size for people."""
    return f"{size >> 20} MiB"
