"""`plotpost serve`: the endpoint."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from host_tools import output
from host_tools.cli import options

if TYPE_CHECKING:
    from host_tools.endpoint.fault import Fault
    from host_tools.endpoint.server import Endpoint


def _faults(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> "list[Fault]":
    from host_tools.endpoint.fault import parse

    try:
        return [parse(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets boards of your network in."
)
@click.option("--port", type=click.IntRange(0, 65535), default=options.DEFAULT_PORT, show_default=True, help="Port; 0 takes any.")
@options.data
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[:HOW OFTEN]",
    callback=_faults,
    help="Misbehave on purpose towards boards, to test them: stall, reset, half-open, slow, or a status such as 503; each stream,"
    " every third with :3, one in ten at random with :0.1. ask: only when a kind is typed. See docs/faults.md.",
)
@options.as_json
def serve(host: str, port: int, data: Path, faults: "list[Fault]", as_json: bool) -> None:
    """Run the endpoint that boards send to and browsers look at, until Ctrl-C.

    The first start makes a user and prints the API key, which cannot be shown again.

    \b
    Examples:
      plotpost serve                     for this machine only
      plotpost serve --host 0.0.0.0      for the boards and browsers of your network
      plotpost serve --fault reset:0.2   one stream in five is reset, at a random moment
    """
    from host_tools.endpoint.fault import Faults
    from host_tools.endpoint.server import EndpointConfig
    from host_tools.endpoint.server import serve as run

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname).1s %(name)s %(message)s")
    bad = Faults(faults, output.note) if faults else None

    def ready(endpoint: "Endpoint") -> None:
        _greet(endpoint, as_json)
        if bad is not None:
            bad.listen(sys.stdin)

    run(EndpointConfig(data, host, port, faults=bad), ready)


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
