"""The options that several commands share."""

from pathlib import Path
from typing import Any

import click
import platformdirs

DEFAULT_PORT = 8050
DEFAULT_TLS_PORT = 8443

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs, one value a line.")
data = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: platformdirs.user_data_path("plotpost"),
    show_default="your own data folder",
    help="Folder that holds users, tokens and plots.",
)
port = click.option(
    "--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True, help="Port of the endpoint."
)
seconds = click.option(
    "--for", "seconds", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="End after that time."
)
serial_port = click.option(
    "--port", metavar="PORT", help="Serial port of the board, such as /dev/ttyACM0 or COM3.", show_default="the only one attached"
)
secrets = click.option(
    "--secrets",
    metavar="FILE",
    help="The secrets.json that goes with it; - reads it from standard input.",
    show_default="secrets.json beside config.json, if there is one",
)
board = click.option("--board", metavar="ID", help="Which board it is; see `plotpost boards`.", show_default="as it says itself")


def attached(port: str | None) -> str:
    """The port that was asked for, or the only one that there is. Raises DeviceError."""
    if port:
        return port
    from host_tools.ports import only

    return only()


def name(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """A callback of click: what is to be called by a name, or each of several things."""
    for each in value if isinstance(value, tuple) else (value,):
        if each is not None and not each.strip():
            raise click.BadParameter("a name is more than nothing and spaces")
    return value
