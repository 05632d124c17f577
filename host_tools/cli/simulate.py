"""`plotpost simulate`: a board that is not there."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import click

from host_tools import output
from host_tools.cli import options
from host_tools.runtime import BOARD_HEAP_KIB, find
from host_tools.simulate import Closing, Json, LogLine, Simulation


@click.command(short_help="Run a board's firmware on this machine, unmodified.")
@click.option(
    "--config", type=click.Path(path_type=Path), default="config.json", show_default=True, help="The board's config.json."
)
@click.option(
    "--secrets", type=click.Path(path_type=Path), help="The board's secrets.json.", show_default="secrets.json beside config.json"
)
@click.option("--board", help="Another board than the one that config.json names.")
@click.option("--endpoint", metavar="URL", help="Another endpoint than the one that config.json names.")
@click.option("--heap", type=click.IntRange(min=16), metavar="KIB", help="The board's heap.", show_default=str(BOARD_HEAP_KIB))
@click.option(
    "--emulated",
    is_flag=True,
    help="Emulate the chip and its radio too, with MicroPython for them. For pico_w and all ESP32s, in a checkout.",
)
@options.seconds
@options.as_json
def simulate(
    config: Path,
    secrets: Path | None,
    board: str | None,
    endpoint: str | None,
    heap: int | None,
    emulated: bool,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Run a board's firmware on this machine, unmodified, on a real MicroPython.

    Parts at its pins are simulated too, with the values of a room. Prints what the board logs. Ctrl-C ends it as on a board:
    what is left is sent and confirmed; a second Ctrl-C does not wait.

    \b
    Examples:
      plotpost simulate --config greenhouse/config.json --endpoint http://127.0.0.1:8050 --for 60
      plotpost simulate --board esp32_c3 --emulated --endpoint http://localhost:8050
    """
    from host_tools.config import load, validate

    settings, private = load(config, secrets)
    settings.update({key: value for key, value in (("board", board), ("endpoint", endpoint)) if value})
    if errors := validate(settings, private):
        raise click.ClickException("; ".join(errors))

    def show(line: LogLine) -> None:
        output.log_line(line, as_json)

    if emulated:
        _emulate(settings, private, heap, show, seconds)
        return
    runtime = find(output.note if as_json else output.say)
    with Simulation(runtime, settings, private, heap_kib=heap or BOARD_HEAP_KIB, on_line=show) as simulation:
        _attend(simulation, seconds)


def _emulate(settings: Json, private: Json, heap: int | None, show: Callable[[LogLine], None], seconds: float | None) -> None:
    if heap is not None:
        raise click.UsageError("--heap: an emulated board has the heap of its chip")
    try:
        from tests.emulated.desk import BOARDS, on_desk
        from tests.emulated.errors import BoardError, Missing
    except ImportError:
        raise click.ClickException(
            "--emulated: the emulator is not in the package; run plotpost in a checkout of its source"
        ) from None
    if settings["board"] not in BOARDS:
        raise click.UsageError(f"--emulated: there is no emulated {settings['board']}, but {', '.join(BOARDS)}; see --board")
    try:
        with on_desk(settings, private, show) as agent:
            _attend(agent, seconds)
    except (BoardError, Missing) as failure:
        raise click.ClickException(str(failure)) from failure


class _Board(Protocol):
    closing: Closing | None
    last_line: str

    def wait(self, timeout: float | None = None) -> int | None: ...

    def stop(self) -> int | None: ...


def _attend(board: _Board, seconds: float | None) -> None:
    """Waits for the end of the time or Ctrl-C, then for the board's end."""
    ended_by_itself = None
    deadline = None if seconds is None else time.monotonic() + seconds
    with contextlib.suppress(KeyboardInterrupt):
        ended_by_itself = board.wait(None if deadline is None else deadline - time.monotonic())
    status = ended_by_itself if ended_by_itself is not None else board.stop()
    if status != 0 or board.closing is None:
        raise click.ClickException(f"the agent ended with status {status}: {board.last_line}")
    unsent = board.closing.taken - board.closing.settled
    if unsent:
        output.note(f"{unsent} readings were not confirmed, and are gone: a simulated board's flash ends with it")
