"""`plotpost serve`: the endpoint."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from host_tools import output
from host_tools.cli import options

if TYPE_CHECKING:
    from host_tools.endpoint.server import Endpoint


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets boards of your network in."
)
@click.option("--port", type=click.IntRange(0, 65535), default=options.DEFAULT_PORT, show_default=True, help="Port; 0 takes any.")
@options.data
@options.as_json
def serve(host: str, port: int, data: Path, as_json: bool) -> None:
    """Run the endpoint that boards send to and browsers look at, until Ctrl-C.

    The first start makes a user and prints the API key, which cannot be shown again.

    \b
    Examples:
      plotpost serve                     for this machine only
      plotpost serve --host 0.0.0.0      for the boards and browsers of your network
    """
    from host_tools.endpoint.server import EndpointConfig
    from host_tools.endpoint.server import serve as run

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname).1s %(name)s %(message)s")
    run(EndpointConfig(data, host, port), lambda endpoint: _greet(endpoint, as_json))


def _greet(endpoint: "Endpoint", as_json: bool) -> None:
    user = endpoint.new_user
    if as_json:
        key = {"user": user.name, "api_key": user.api_key} if user else {}
        output.line({"url": endpoint.url, "lan_url": endpoint.lan_url, "data": str(endpoint.config.data), **key})
        return
    output.say(f"Plots:    {endpoint.url}   (Ctrl-C ends it)")
    if endpoint.lan_url:
        output.say(f"Boards:   {endpoint.lan_url}")
    output.say(f"Data:     {endpoint.config.data}")
    if user:
        output.say(f"User:     {user.name}, API key {user.api_key}   (write it down, it is not shown again)")
