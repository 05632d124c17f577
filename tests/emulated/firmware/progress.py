"""How a build tells what it is doing: a stage, and how far it is."""

import sys
from collections.abc import Callable

Progress = Callable[[str, int | None], None]  # (stage, percent or None)


def silent(stage: str, percent: int | None = None) -> None:
    """Tells nobody."""


class Terminal:
    """One line a stage on standard error; on a terminal with its percentage, rewritten in place."""

    def __init__(self) -> None:
        self._stage = ""

    def __call__(self, stage: str, percent: int | None = None) -> None:
        if sys.stderr.isatty():
            end = "\n" if self._stage and stage != self._stage else ""
            text = stage if percent is None else f"{stage} {percent} %"
            sys.stderr.write(f"{end}\r\033[K{text}")
        elif stage != self._stage:
            sys.stderr.write(f"{stage}\n")
        sys.stderr.flush()
        self._stage = stage

    def close(self) -> None:
        if self._stage and sys.stderr.isatty():
            sys.stderr.write("\n")
