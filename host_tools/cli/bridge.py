"""`plotpost bridge`: the network of a board that has none."""

import contextlib
import threading
from dataclasses import asdict
from pathlib import Path

import click

from host_tools import output
from host_tools.cli import options
from host_tools.simulate import LogLine


@click.command()
@options.serial_port
@click.option("--endpoint", metavar="URL", help="Another endpoint than the one that the board's config.json names.")
@click.option(
    "--ca", type=click.Path(dir_okay=False, path_type=Path), help="Over https trust this certificate alone (PEM or DER)."
)
@options.as_json
def bridge(port: str | None, endpoint: str | None, ca: Path | None, as_json: bool) -> None:
    """Let a board without WiFi stream through its USB cable. Prints what the board logs.

    Ctrl-C ends the bridge; the board goes on, keeps its readings, and sends them to the next bridge.

    \b
    Examples:
      plotpost bridge
      plotpost bridge --port /dev/ttyACM0 --endpoint http://192.168.1.10:8050
    """
    from host_tools import bridge as bridges

    say = output.note if as_json else output.say
    counts = bridges.Counts()

    def show(line: LogLine) -> None:
        output.log_line(line, as_json)

    port = options.attached(port)
    if not as_json:
        output.say(f"waiting for the board at {port}; Ctrl-C ends the bridge, not the board")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            bridges.bridge(port, endpoint, show, threading.Event(), say=say, authority=ca, counts=counts)
    finally:
        if as_json:
            output.line(asdict(counts))
        elif counts.sessions:
            output.say(f"{counts.connections} connections, {counts.sent} bytes sent, {counts.received} received")
