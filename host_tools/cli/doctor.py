"""`plotpost doctor`: what is wrong with an attached board."""

import contextlib
from dataclasses import asdict

import click
from rich.text import Text

from host_tools import output
from host_tools.cli import attached, options
from host_tools.doctor import Mark, Result, examine

_MARKS = {  # where the terminal can show them, where it cannot, and their colour
    Mark.OK: ("✓", "+", "green"),
    Mark.WARNING: ("!", "!", "yellow"),
    Mark.FAILED: ("✗", "x", "bold red"),
    Mark.NOT_CHECKED: ("-", "-", "dim"),
}
_NAME_WIDTH = 12


@click.command(short_help="Examine an attached board from the cable to the token.")
@options.serial_port
@options.board
@options.as_json
@click.pass_context
def doctor(context: click.Context, port: str | None, board: str | None, as_json: bool) -> None:
    """Examine an attached board from the cable to the token, and say what to do about what is wrong.

    The agent is interrupted for about half a minute, and begins anew at the end. Exit status 0: nothing failed.

    \b
    Examples:
      plotpost doctor
      plotpost doctor --port /dev/ttyACM0 --json
    """
    wanted = attached.named(board) if board else None
    port = options.attached(port)
    status = output.console.status("") if output.console.is_terminal and not as_json else None
    failures = 0
    with contextlib.ExitStack() as opened:
        if status is not None:
            opened.enter_context(status)
        on_begin = (lambda name: status.update(f"{name} ..")) if status else (lambda name: None)
        results = opened.enter_context(contextlib.closing(examine(port, wanted, on_begin)))
        for result in results:
            failures += result.finding.mark is Mark.FAILED
            if as_json:
                output.line({"check": result.check, **asdict(result.finding)})
            else:
                _print(result)
    if not as_json:
        output.say(f"failed: {failures}" if failures else "nothing failed")
    context.exit(1 if failures else 0)


def _print(result: Result) -> None:
    finding = result.finding
    fine, plain, style = _MARKS[finding.mark]
    mark = plain if output.console.options.ascii_only else fine
    text = Text.assemble(
        (f"{mark} ", style), f"{result.check:{_NAME_WIDTH}}", (finding.message, style if finding.mark is Mark.NOT_CHECKED else "")
    )
    if finding.remedy:
        text.append(f"\n{'':{_NAME_WIDTH + 2}}-> {finding.remedy}", style="bold")
    output.console.print(text, soft_wrap=True)
