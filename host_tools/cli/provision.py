"""`plotpost provision`: configuration and secrets onto an attached board."""

import json
import sys

import click

from host_tools import output
from host_tools import provision as provisioning
from host_tools.boards import Board
from host_tools.cli import attached, options
from host_tools.cli.account import account
from host_tools.device import Device
from host_tools.provision.complete import Attached, Complete, Source, complete
from host_tools.provision.documents import STDIN, Documents, read_documents
from host_tools.provision.questions import Questions
from host_tools.suitable import check_memory


@click.command(short_help="Tell a board what to do: WiFi, endpoint, sensors and pins.")
@options.serial_port
@options.board
@click.option("--config", metavar="FILE", help="The config.json to put on the board; - reads it from standard input.")
@options.secrets
@account
@click.option("--show", is_flag=True, help="Only show what the board has, with the secrets masked.")
@click.option("--wipe", is_flag=True, help="Only remove configuration, secrets and certificate from the board.")
@options.as_json
def provision(
    port: str | None,
    board: str | None,
    config: str | None,
    secrets: str | None,
    source: Source,
    show: bool,
    wipe: bool,
    as_json: bool,
) -> None:
    """Tell a board what to do: WiFi, endpoint, sensors and their pins; and make its plot and tokens.

    Asks for it in a terminal, or takes it from files. What the board has and files leave out stays. Passwords and keys are never
    taken from the command line. On standard input {"config": {..}, "secrets": {..}} stands for both files.

    \b
    Examples:
      plotpost provision                                   asks, with defaults
      plotpost provision --config greenhouse/config.json   from files, asks for what they lack
      plotpost provision --config - < both.json            from a program
      plotpost provision --show
    """
    if show and wipe:
        raise click.UsageError("--show and --wipe exclude each other")
    if (show or wipe) and (config or secrets):
        raise click.UsageError(f"{'--show' if show else '--wipe'} takes no files")
    given = read_documents(config, secrets)
    person_is_there = STDIN not in (config, secrets) and sys.stdin.isatty()
    with Device.open(options.attached(port)) as device, attached.resuming(device):
        if wipe:
            _wipe(device, as_json)
        elif show:
            _show(device, as_json)
        else:
            _provision(device, attached.board_of(device, board), given, source, person_is_there, as_json)


def _provision(device: Device, board: Board, given: Documents, source: Source, person_is_there: bool, as_json: bool) -> None:
    check_memory(device.facts, board)
    known = Attached(board, device.facts.unique_id, provisioning.read_back(device))
    whole = complete(given, known, source, Questions(device) if person_is_there else None)
    done = provisioning.provision(device, board, whole.config, whole.secrets)
    _tell(device.port, whole, done.written, as_json)


def _tell(port: str, whole: Complete, written: list[str], as_json: bool) -> None:
    if as_json:
        told = {"port": port, "written": written, "plot": whole.plot}
        output.line({**told, **({"api_key": whole.new_key} if whole.new_key else {})})
        return
    output.say(f"Written: {', '.join(written)}; the agent begins anew" if written else "The board has all of it already")
    if whole.plot:
        output.say(f"Plot:    {whole.plot}")
    if whole.new_key:
        output.note(f"Also made the user at the endpoint, whose API key is {whole.new_key}; it is not shown again.")


def _show(device: Device, as_json: bool) -> None:
    found = provisioning.read_back(device)
    if found is None:
        raise click.ClickException("the board has no configuration: give it one with plotpost provision")
    config, secrets = found[0], provisioning.masked(found[1])
    if as_json:
        output.line({"config": config, "secrets": secrets})
    else:
        output.say(f"config.json\n{json.dumps(config, ensure_ascii=False, indent=2)}")
        output.say(f"secrets.json, masked\n{json.dumps(secrets, ensure_ascii=False, indent=2)}")


def _wipe(device: Device, as_json: bool) -> None:
    waiting = provisioning.unsent_bytes(device)
    if waiting and sys.stdin.isatty():
        question = (
            f"{waiting} bytes of readings that were not sent wait on flash, with the tokens that they go to. Remove them too?"
        )
        waiting = 0 if (unsent := click.confirm(question, False)) else waiting
    else:
        unsent = False
    removed = provisioning.wipe(device, unsent)
    if as_json:
        output.line({"port": device.port, "removed": removed, "unsent_bytes": waiting})
        return
    output.say(f"Removed: {', '.join(removed)}" if removed else "There was nothing to remove")
    if waiting:
        output.say(
            f"{waiting} bytes of readings that were not sent stay on flash, with their tokens, until the board has an endpoint"
        )
