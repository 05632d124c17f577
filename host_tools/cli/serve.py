"""`plotpost serve`: the endpoint."""

from pathlib import Path

import click

from host_tools.cli import options


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets boards in your network in."
)
@options.port
@options.data
@options.as_json
def serve(host: str, port: int, data: Path, as_json: bool) -> None:
    """Run the endpoint that boards send to and browsers look at, until Ctrl-C.

    \b
    Examples:
      plotpost serve                     for this machine only
      plotpost serve --host 0.0.0.0      for the boards and browsers of your network
    """
