"""`plotpost monitor`: what a board says."""

import contextlib
from dataclasses import asdict

import click
from rich.text import Text

from host_tools import output
from host_tools.cli import options
from host_tools.keyboard import Keyboard
from host_tools.monitor import Crash, Entry, Lives


@click.command(short_help="Show what a board says on its serial port.")
@options.serial_port
@click.option("--crashes", is_flag=True, help="Show how the board's last lives ended; the agent is interrupted, and begins anew.")
@options.seconds
@options.as_json
def monitor(port: str | None, crashes: bool, seconds: float | None, as_json: bool) -> None:
    """Show what a board says on its serial port: the agent's log, and whatever else comes there.

    Ctrl-C ends it and leaves the board alone. A board that is reset or plugged in again is waited for. Ctrl-X gives MicroPython's
    REPL, for which the agent is ended; Ctrl-] goes back, and the agent begins anew.

    \b
    Examples:
      plotpost monitor
      plotpost monitor --port /dev/ttyACM0 --json --for 60
      plotpost monitor --crashes
    """
    from host_tools import monitor

    port = options.attached(port)
    if crashes:
        if not as_json:
            output.say(f"interrupting the agent on {port}; it begins anew when this is done")
        _show_lives(monitor.crashes(port), as_json)
        return
    with contextlib.suppress(KeyboardInterrupt):
        monitor.follow(port, _print_json if as_json else _print, seconds, None if as_json else Keyboard.find())


def _print_json(entry: Entry) -> None:
    output.line({"time": entry.time.isoformat(timespec="milliseconds"), **asdict(entry.line)})


def _print(entry: Entry) -> None:
    line = entry.line
    uptime = " " * 9 if line.uptime is None else f"{line.uptime:9.3f}"
    text = Text.assemble((f"{entry.time:%H:%M:%S} {uptime} ", "dim"))
    if line.uptime is None and line.module != "monitor":
        text.append(f"- {line.message}", style=output.STYLES[line.level] or "dim")
    else:
        text.append(f"{line.level} ", style=output.STYLES[line.level]).append(f"{line.module} ", style="cyan")
        text.append(line.message, style=output.STYLES[line.level])
    output.console.print(text, soft_wrap=True)


def _show_lives(lives: Lives, as_json: bool) -> None:
    if as_json:
        output.line(asdict(lives))
        return
    if lives.crashes:
        output.table(("boot", "version", "lived", "ended by"), map(_row, lives.crashes))
    for line in lives.damaged:
        output.say(f"damaged: {line}")
    if not lives.crashes and not lives.damaged:
        output.say("no life of this board ended badly")
    if lives.boots:
        output.say(f"boots: {lives.boots}" + (f"; the last {lives.bad} in a row ended badly" if lives.bad else ""))


def _row(crash: Crash) -> tuple[str, str, str, str]:
    lived = "" if crash.lived_s is None else f"{crash.lived_s} s"
    return str(crash.boot), crash.version, lived, crash.reason
