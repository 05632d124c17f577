"""`plotpost flash`: MicroPython onto a board."""

import sys
from pathlib import Path

import click

from host_tools import flash as flashing
from host_tools import output
from host_tools.boards import Board
from host_tools.cli import options
from host_tools.cli.attached import named

_PATIENCE_S = 180.0  # for somebody who reads which button to hold, and finds it
_TITLES = {"download": "Downloading", "write": "Writing"}


@click.command()
@options.board
@options.serial_port
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="IMAGE",
    help="MicroPython's .uf2 or .bin for this board.",
    show_default="the newest release, downloaded once",
)
@click.option(
    "--sha256", metavar="HEX", help="What the file's SHA-256 must be.", show_default="that in IMAGE.sha256, if there is one"
)
@click.option("--erase", is_flag=True, help="Erase the whole flash first: files, settings and readings on the board are lost.")
@options.as_json
def flash(board: str | None, port: str | None, file: Path | None, sha256: str | None, erase: bool, as_json: bool) -> None:
    """Put MicroPython on a board.

    A new Pico: hold its BOOTSEL button, plug it in, let go; it shows up as a drive, which this command finds. A board that runs
    MicroPython already is sent there by itself. An ESP32 needs its serial port alone; some want BOOT held, and you are told so.
    The image is checked before anything is written. If it is interrupted, run it again: no board can be broken by this.

    \b
    Examples:
      plotpost flash --board pico_w
      plotpost flash --board esp32_s3 --port /dev/ttyUSB0
      plotpost flash --board pico --file RPI_PICO-20260406-v1.28.0.uf2 --erase
    """
    chosen = flashing.board_at(port) if board is None else named(board)
    with output.bar(as_json) as show:
        flashed = flashing.run(
            chosen,
            port,
            file,
            sha256=sha256,
            erase=erase,
            patience_s=_PATIENCE_S if sys.stdin.isatty() and not as_json else 0,
            say=output.note if as_json else output.say,
            progress=lambda what, done, of: show(_TITLES[what], done, of),
        )
    _tell(chosen, flashed, as_json)


def _tell(board: Board, flashed: flashing.Flashed, as_json: bool) -> None:
    image = flashed.image
    if as_json:
        told = {"board": board.name, "port": flashed.port, "running": flashed.running, "version": image.release}
        output.line({**told, "file": image.path.name, "sha256": image.sha256, "checked": image.checked})
    elif flashed.running is None:
        output.say(
            f"MicroPython {image.release} is on the {board.product}, and reads back right. Its port cannot reset it: press RESET (EN), or "
            "plug it in anew"
        )
    else:
        output.say(f"{board.product} at {flashed.port} runs MicroPython {flashed.running}; next: plotpost deploy")
