"""`plotpost deploy`: the agent onto an attached board."""

from dataclasses import asdict
from pathlib import Path

import click

from host_tools import deploy as deploying
from host_tools import output
from host_tools.boards import Board
from host_tools.cli import options
from host_tools.cli.attached import board_of, resuming
from host_tools.config import ConfigError, Json, parsed, read
from host_tools.device import Device

TITLES = {"compare": "Comparing", "send": "Sending", "check": "Reading back", "move": "Putting in place"}
"""What is seen of deploy.STEPS."""


@click.command()
@options.serial_port
@options.board
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The config.json whose drivers are to be on the board.",
    show_default="the one on the board; without one all drivers",
)
@options.as_json
def deploy(port: str | None, board: str | None, config: Path | None, as_json: bool) -> None:
    """Put the agent on a board, or what changed of it, and start it.

    Only the drivers that the configuration names are sent, with the packages of micropython-lib that they need and the board lacks.
    Unplug it at any moment: the board then starts the old agent or the new one, and can be deployed again.

    \b
    Examples:
      plotpost deploy
      plotpost deploy --port /dev/ttyACM0 --config greenhouse/config.json
    """
    settings = None if config is None else _read(config)
    port = options.attached(port)
    with Device.open(port) as device, resuming(device):  # not reset: an rp2 would take that for its watchdog's
        chosen = board_of(device, board)
        settings = settings or _settings_of(device)
        drivers = deploying.drivers_of(settings) if settings else chosen.drivers
        with output.bar(as_json) as show:
            deployed = deploying.deploy(
                device,
                chosen,
                drivers,
                lambda step, done, of: show(TITLES[step], done, of),
                packages=deploying.packages_of(settings or {}),
            )
    if as_json:
        output.line({"port": port, "board": chosen.name, **asdict(deployed)})
    else:
        _tell(deployed, chosen, port)


def _read(path: Path) -> Json:
    settings = read(path)
    if not deploying.drivers_of(settings):
        raise click.ClickException(f"{path}: sensors: names no driver, so that the agent would measure nothing")
    return settings


def _settings_of(device: Device) -> Json | None:
    """The board's own config.json; None when it has none that can be read."""
    try:
        return parsed(device.read("/config.json"), "/config.json")
    except (FileNotFoundError, ConfigError):
        return None


def _tell(deployed: deploying.Deployed, board: Board, port: str) -> None:
    if deployed.kept:
        output.say(f"The main.py that was on the board is now {deployed.kept}")
    if deployed.left_safe_mode:
        output.say("Its bad starts are forgotten: it leaves safe mode")
    if deployed.changed:
        counts = f"{len(deployed.written)} files written, {len(deployed.removed)} removed, {deployed.unchanged} as before"
        output.say(f"{board.product} at {port}: {counts}; it starts again")
    else:
        output.say(f"{board.product} at {port}: nothing to do, all {deployed.unchanged} files are as they should be; it goes on")
