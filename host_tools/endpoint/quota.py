"""What a plot and an account may hold at most, whoever asks and whichever way."""

from typing import NamedTuple

from .errors import Refusal

MOST_PLOT_BYTES = 32 << 20  # of a figure as JSON: five traces of 200,000 points, and about what a browser draws
MOST_ACCOUNT_BYTES = 2 << 30  # of all plots and grids, those in the trash too
MOST_FILES = 20_000  # plots, grids and folders, those in the trash too


class Usage(NamedTuple):
    """What an account holds."""

    files: int
    bytes: int


def check_files(usage: Usage) -> None:
    """Whether one file more fits into the account. Raises Refusal(403)."""
    if usage.files >= MOST_FILES:
        raise Refusal(403, f"the account holds {MOST_FILES} files already: delete some for good")


def check_growth(usage: Usage, grown: int) -> None:
    """Whether that many bytes more fit into the account. Less always does. Raises Refusal(413)."""
    if grown > 0 and usage.bytes + grown > MOST_ACCOUNT_BYTES:
        raise Refusal(413, f"the account would hold more than {mib(MOST_ACCOUNT_BYTES)}: delete plots or grids for good")


def check_plot(size: int, before: int) -> None:
    """Whether a plot may become that large. One that is too large already may shrink in steps. Raises Refusal(413)."""
    if size > max(MOST_PLOT_BYTES, before):
        raise Refusal(413, f"the plot would be larger than {mib(MOST_PLOT_BYTES)}: use fewer points, or several plots")


def mib(size: int) -> str:
    """A size for people."""
    return f"{size >> 20} MiB"
