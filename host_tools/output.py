"""What the commands print: text for people, or one line of JSON for programs; errors as one line on standard error."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from host_tools.simulate import LogLine

_STYLES = {"D": "dim", "I": "", "W": "yellow", "E": "bold red"}

console = Console(highlight=False)


def error(message: str) -> None:
    """The one line that says why it did not work and what to do."""
    print(f"plotpost: {' '.join(message.split())}", file=sys.stderr, flush=True)


def say(message: str) -> None:
    """What a person may want to know, and a program does not."""
    console.print(message, soft_wrap=True, markup=False)


def note(message: str) -> None:
    """The same on standard error, beside JSON on standard output."""
    print(message, file=sys.stderr, flush=True)


def line(value: Any) -> None:
    """One line of JSON."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people; one that is not on a terminal is not cut to its width."""
    drawn = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    width = None if console.is_terminal else 200
    console.print(drawn, width=width)


def log_line(logged: LogLine, as_json: bool) -> None:
    """A line of the agent's log."""
    if as_json:
        line(asdict(logged))
    elif logged.uptime is None:
        console.print(Text(logged.message, style="red"), soft_wrap=True)
    else:
        text = Text.assemble(
            (f"{logged.uptime:9.3f} ", "dim"), (f"{logged.level} ", _STYLES[logged.level]), (f"{logged.module} ", "cyan")
        )
        console.print(text.append(logged.message, style=_STYLES[logged.level]), soft_wrap=True)
