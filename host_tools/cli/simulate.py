"""`plotpost simulate`: a board that is not there."""

import contextlib
import time
from pathlib import Path

import click

from host_tools import output
from host_tools.cli import options
from host_tools.runtime import BOARD_HEAP_KIB, find
from host_tools.simulate import Simulation


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), default="config.json", show_default=True, help="The board's config.json."
)
@click.option(
    "--secrets", type=click.Path(path_type=Path), help="The board's secrets.json.", show_default="secrets.json beside config.json"
)
@click.option("--board", help="Another board than the one that config.json names.")
@click.option("--endpoint", metavar="URL", help="Another endpoint than the one that config.json names.")
@click.option(
    "--heap", type=click.IntRange(min=16), default=BOARD_HEAP_KIB, show_default=True, metavar="KIB", help="The board's heap."
)
@options.seconds
@options.as_json
def simulate(
    config: Path, secrets: Path | None, board: str | None, endpoint: str | None, heap: int, seconds: float | None, as_json: bool
) -> None:
    """Run a board's firmware on this machine, unmodified, on a real MicroPython.

    Prints what the board logs. Ctrl-C ends it as on a board: what is left is sent and confirmed; a second Ctrl-C does not wait.

    \b
    Example:
      plotpost simulate --config greenhouse/config.json --endpoint http://127.0.0.1:8050 --for 60
    """
    from host_tools.config import ConfigError, load, validate

    try:
        settings, private = load(config, secrets)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    settings.update({key: value for key, value in (("board", board), ("endpoint", endpoint)) if value})
    if errors := validate(settings, private):
        raise click.ClickException("; ".join(errors))
    runtime = find(output.note if as_json else output.say)
    with Simulation(runtime, settings, private, heap_kib=heap, on_line=lambda line: output.log_line(line, as_json)) as simulation:
        _attend(simulation, seconds)


def _attend(simulation: Simulation, seconds: float | None) -> None:
    """Waits for the end of the time or Ctrl-C, then for the board's end."""
    ended_by_itself = None
    deadline = None if seconds is None else time.monotonic() + seconds
    with contextlib.suppress(KeyboardInterrupt):
        ended_by_itself = simulation.wait(None if deadline is None else deadline - time.monotonic())
    status = ended_by_itself if ended_by_itself is not None else simulation.stop()
    if status != 0 or simulation.closing is None:
        raise click.ClickException(f"the agent ended with status {status}: {simulation.last_line}")
