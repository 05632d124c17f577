"""`plotpost demo`: the whole chain on this machine."""

import os
import sys
import webbrowser
from dataclasses import asdict

import click
from rich.live import Live
from rich.text import Text

from host_tools import output
from host_tools.cli import options
from host_tools.demo import Account, DemoFailed, Progress, run
from host_tools.runtime import BOARD_HEAP_KIB, Runtime, find
from host_tools.simulate import LogLine


class _Shown:
    """Shows what happens: the address and the warnings, and below them a line that lives."""

    def __init__(self, live: Live | None) -> None:
        self._live = live

    def said(self, message: str) -> None:
        (output.say if self._live else output.note)(message)

    def drawn(self, url: str) -> None:
        self.said(f"The plot: {url}   (Ctrl-C ends the demo)")
        desktop = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if self._live and desktop and output.console.is_terminal:
            webbrowser.open(url)

    def logged(self, line: LogLine) -> None:
        if line.level in "WE" and self._live:
            output.log_line(line, as_json=False)
        elif line.level in "WE":
            output.note(f"{line.module}: {line.message}")

    def progressed(self, progress: Progress) -> None:
        if self._live and output.console.is_terminal:
            restarts = f"   endpoint restarted {progress.restarts}x" if progress.restarts else ""
            self._live.update(
                Text(
                    f"{progress.seconds:6.0f} s   {progress.received} readings received   link {progress.link}{restarts}", "green"
                )
            )


@click.command()
@options.port
@options.seconds
@options.as_json
def demo(port: int, seconds: float | None, as_json: bool) -> None:
    """Draw this machine's load, memory and temperature live.

    The firmware of a board runs on a real MicroPython and sends its readings to an endpoint that is started beside it. At the end
    every reading is counted: exit status 0 says that all of them arrived, each exactly once.

    \b
    Examples:
      plotpost demo                    until Ctrl-C
      plotpost demo --for 20 --json    for 20 seconds, for programs
    """
    runtime = find(output.note if as_json else output.say)
    if as_json:
        account = _run(runtime, port, seconds, _Shown(None))
        output.line(asdict(account))
    else:
        with Live(console=output.console, transient=True, refresh_per_second=4) as live:
            account = _run(runtime, port, seconds, _Shown(live))
        _show(account)
    if not account.complete:
        raise click.ClickException(_blame(account))


def _run(runtime: Runtime, port: int, seconds: float | None, shown: _Shown) -> Account:
    wide = ", at twice a board's heap because its words are twice as long" if runtime.bits == 64 else ""
    shown.said(f"{runtime.label}, {runtime.heap_kib(BOARD_HEAP_KIB)} KiB heap{wide}")
    try:
        return run(runtime, port, seconds, shown)
    except DemoFailed as failure:
        raise click.ClickException(str(failure)) from failure


def _show(account: Account) -> None:
    output.say(
        f"{account.sent} readings taken, {account.received} received, {account.lost} lost, {account.duplicated} twice;"
        f" {account.reconnects} reconnects, {account.endpoint_restarts} restarts of the endpoint,"
        f" {account.heap_bytes // 1024} KiB heap"
    )


def _blame(account: Account) -> str:
    if account.sent == 0:
        return "the agent took no reading: let it run for a few seconds"
    if account.dropped:
        return f"{account.lost} readings lost: the endpoint was away for longer than the board's memory could hold them"
    return f"{account.lost} readings lost and {account.duplicated} twice: this is a bug"
