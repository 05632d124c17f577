"""`plotpost up`: from a bare board to a live plot."""

import contextlib
import sys
from dataclasses import asdict
from pathlib import Path

import click
import platformdirs
from plotpost import url
from rich.status import Status
from rich.text import Text

from host_tools import boards, output
from host_tools.boards import Board
from host_tools.child_endpoint import ChildEndpoint
from host_tools.cli import attached, options
from host_tools.cli.account import account
from host_tools.cli.deploy import TITLES as DEPLOY_TITLES
from host_tools.endpoint.errors import EndpointError
from host_tools.provision.complete import Source
from host_tools.provision.documents import STDIN, read_documents
from host_tools.provision.questions import Questions
from host_tools.simulate import LogLine
from host_tools.up import Result, Search, Wanted
from host_tools.up import up as run

_TITLES = {
    "board": "Board",
    "settings": "Settings",
    "agent": "Agent",
    "network": "Network",
    "points": "Points",
    "download": "Downloading MicroPython",
    "write": "Writing MicroPython",
    **{step: f"Agent: {title.lower()}" for step, title in DEPLOY_TITLES.items()},
}
_WIDTH = 10


@click.command()
@options.serial_port
@options.board
@click.option("--config", metavar="FILE", help="The board's config.json; - reads it from standard input.")
@options.secrets
@click.option("--endpoint", metavar="URL", help="Another endpoint than the one that config.json names.")
@click.option(
    "--firmware",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="IMAGE",
    help="MicroPython's .uf2 or .bin for a board without one.",
    show_default="the newest release, downloaded once",
)
@account
@options.as_json
def up(
    port: str | None,
    board: str | None,
    config: str | None,
    secrets: str | None,
    endpoint: str | None,
    firmware: Path | None,
    source: Source,
    as_json: bool,
) -> None:
    """Bring a board up, from a bare chip to a plot that moves.

    Finds the board, puts MicroPython and the agent on it, tells it what to do, tests from there whether it reaches the endpoint, starts
    it, and waits for its first readings. Asks only what it cannot find out. Run it again at any time: what is right stays as it is.
    A board without WiFi streams through this command, until Ctrl-C.

    \b
    Examples:
      plotpost up
      plotpost up --config greenhouse/config.json
      plotpost up --board pico --port /dev/ttyACM0 --config - --json < both.json
    """
    given = read_documents(config, secrets)
    try:
        if endpoint is not None:
            url.parse(endpoint)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--endpoint") from None
    with contextlib.ExitStack() as opened:
        status = opened.enter_context(output.console.status("")) if output.console.is_terminal and not as_json else None
        person = None
        if STDIN not in (config, secrets) and not as_json and sys.stdin.isatty():
            person = _Person(source.data or source.usual_data, opened, status)
        hint = boards.load_all().get(str(given.config.get("board"))) if given.config else None
        search = Search(port, attached.named(board) if board else None, hint, firmware, person)
        shown = _Shown(as_json, status, person)
        result, ear = opened.enter_context(run(Wanted(given, source, search, endpoint), person, shown))
        serves = person is not None and person.serves
        with contextlib.suppress(KeyboardInterrupt):
            _tell(result, as_json, serves)
            while result.bridged or serves:
                ear.turn()


class _Person(Questions):
    """At this terminal. An endpoint that is started here ends with the command."""

    def __init__(self, data: Path, opened: contextlib.ExitStack, status: Status | None) -> None:
        super().__init__()
        self.serves = False
        self._data, self._opened, self._status = data, opened, status

    def board(self, where: str, among: list[Board]) -> Board:
        if self._status is not None:
            self._status.stop()
        click.echo(f"The board {where} may be {', '.join(f'{each.name} ({each.product})' for each in among)}")
        names = [each.name for each in among]
        chosen: str = click.prompt("Which is it", names[0], type=click.Choice(names), show_choices=False)
        return among[names.index(chosen)]

    def start_endpoint(self, endpoint: str) -> bool:
        if not click.confirm(f"No endpoint answers at {endpoint}. Start one here, for as long as this command runs?", True):
            return False
        _, host, port, _ = url.parse(endpoint)
        local = host == "localhost" or host.startswith("127.")
        log = platformdirs.user_log_path("plotpost", ensure_exists=True) / "endpoint.log"
        child = ChildEndpoint(self._data, port, log, *(() if local else ("--host", "0.0.0.0")))
        try:
            self._opened.enter_context(child)
        except EndpointError as error:
            raise click.ClickException(str(error)) from None
        self.serves = True
        if child.api_key:
            output.say(f"Its user is me; the API key is {child.api_key}, write it down, it is not shown again")
        return True


class _Shown:
    """A line for each step that is done, and below them what is under way."""

    def __init__(self, as_json: bool, status: Status | None, person: _Person | None) -> None:
        self._as_json, self._status, self._person = as_json, status, person

    def begun(self, step: str) -> None:
        if self._status is None:
            return
        if step == "settings" and self._person is not None:
            self._status.stop()  # questions may come
        else:
            self._status.start()
        self._status.update(f"{_TITLES[step]} ..")

    def said(self, text: str) -> None:
        if self._as_json:
            output.note(text)
        else:
            output.say(f"{'':{_WIDTH + 2}}{text}")

    def progressed(self, what: str, done: int, of: int) -> None:
        if self._status is not None and of:
            self._status.start()
            self._status.update(f"{_TITLES[what]} .. {100 * done // of} %")

    def done(self, step: str, message: str, changed: bool) -> None:
        if self._as_json:
            output.line({"step": step, "message": message, "changed": changed})
            return
        if self._status is not None:
            self._status.stop()
        mark = "+" if output.console.options.ascii_only else "✓"
        output.console.print(Text.assemble((f"{mark} ", "green"), f"{_TITLES[step]:{_WIDTH}}{message}"), soft_wrap=True)

    def logged(self, line: LogLine) -> None:
        if line.level in "WE" and line.uptime is not None:
            self.said(f"the board says: {line.module}: {line.message}")


def _tell(result: Result, as_json: bool, serves: bool) -> None:
    if as_json:
        output.line(asdict(result))
        return
    output.say(f"\nThe plot: {result.plot}" if result.plot else "\nThe plots are at the endpoint")
    if result.bridged:
        output.say("The board streams through this command; Ctrl-C ends it, and `plotpost bridge` goes on another time.")
    elif serves:
        output.say("The endpoint runs in this command; Ctrl-C ends it, and `plotpost serve --host 0.0.0.0` goes on another time.")
