"""`plotpost agent`: the agent on this machine's own Python."""

from pathlib import Path

import click

from host_tools import output
from host_tools.cli import options


@click.command(short_help="Run the agent on this machine, such as a Raspberry Pi.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default="config.json",
    show_default=True,
    help="Its config.json; in the same folder it keeps what is not sent yet.",
)
@click.option(
    "--secrets",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its secrets.json.",
    show_default="secrets.json beside config.json",
)
@options.as_json
def agent(config: Path, secrets: Path | None, as_json: bool) -> None:
    """Run the agent on this machine: a Raspberry Pi with sensors at its pins, or any Linux machine.

    Ends with Ctrl-C or SIGTERM, after what is left was sent and confirmed. docs/raspberry-pi.md shows how it starts with the machine.

    \b
    Examples:
      plotpost agent --config greenhouse/config.json
    """
    from host_tools import agent as own

    try:
        ran = own.run(config, secrets, lambda line: output.log_line(line, as_json))
    except own.NotRunnable as error:
        raise click.ClickException(str(error)) from error
    if not ran:
        raise click.ClickException("the agent did not start; the log above says why")
