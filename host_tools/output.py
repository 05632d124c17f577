"""What the commands print: text for people, or one line of JSON for programs; errors as one line on standard error."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from host_tools.simulate import LogLine

STYLES = {"D": "dim", "I": "", "W": "yellow", "E": "bold red"}  # of the log's levels

_UNCUT = 1000  # columns, where nobody sees them end

console = Console(highlight=False)


def prepare() -> None:
    """Makes whatever standard streams a program was started with usable: closed ones, and those that cannot show every character."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # else a serial port that is opened later gets its number, and what is printed
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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
    print(json.dumps(value, ensure_ascii=not console.encoding.startswith("utf")), flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people. No cell is cut: what is too long for a terminal goes on in the next line, and elsewhere nothing is too long."""
    drawn = Table(*(Column(name, overflow="fold") for name in columns), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    shown = console if console.is_terminal else Console(width=_UNCUT)
    shown.print(drawn)


@contextmanager
def bar(is_hidden: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar, on a terminal: call it with what is being done, how much of it, and how much there is (0: not known)."""
    from rich import progress

    columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.TaskProgressColumn())
    hidden = is_hidden or not console.is_terminal
    with progress.Progress(*columns, console=console, transient=True, disable=hidden) as shown:
        task = shown.add_task("", total=None, visible=False)
        yield lambda what, done, of: shown.update(task, description=what, completed=done, total=of or None, visible=True)


def log_line(logged: LogLine, as_json: bool) -> None:
    """A line of the agent's log."""
    if as_json:
        line(asdict(logged))
    elif logged.uptime is None:
        console.print(Text(logged.message, style="red"), soft_wrap=True)
    else:
        text = Text.assemble(
            (f"{logged.uptime:9.3f} ", "dim"), (f"{logged.level} ", STYLES[logged.level]), (f"{logged.module} ", "cyan")
        )
        console.print(text.append(logged.message, style=STYLES[logged.level]), soft_wrap=True)
