"""`plotpost ports`: the boards that are attached."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import click

from host_tools import output
from host_tools import ports as attached
from host_tools.cli import options
from host_tools.ports import Attached


@click.command(short_help="List the attached boards, and what runs on them.")
@click.argument("names", metavar="[PORT]...", nargs=-1)
@click.option("--ask", is_flag=True, help="Interrupt what runs there to ask for its version and name; then it goes on.")
@options.as_json
def ports(names: tuple[str, ...], ask: bool, as_json: bool) -> int:
    """List the attached boards and what runs on them, or look at each PORT.

    Programs on the boards run on undisturbed: they are only listened to for a moment, unless you --ask.

    \b
    Examples:
      plotpost ports
      plotpost ports --ask
    """
    if names:
        found = _looked_at([attached.named(name) for name in names], ask)
    else:
        boards, others = _sorted(attached.attached())
        found = [*_looked_at(boards, ask), *others, *attached.waiting()]
    if as_json:
        for each in found:
            output.line(asdict(each))
    else:
        _show(found)
    return int(any(each.trouble for each in found if names))


def _show(found: list[Attached]) -> None:
    if found:
        output.table(("port", "board", "serial number", "what runs there"), map(_row, found))
    else:
        output.note("No board is attached: plug one in, with a cable that carries data (many only charge).")
    for each in found:
        if each.trouble:
            output.error(each.trouble)


def _sorted(found: list[Attached]) -> tuple[list[Attached], list[Attached]]:
    """Boards, and what is left alone because it is none that plotpost knows."""
    return [each for each in found if each.may_be], [each for each in found if not each.may_be]


def _looked_at(found: list[Attached], ask: bool) -> list[Attached]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(partial(attached.look, ask=ask), found))


def _row(each: Attached) -> tuple[str, ...]:
    told = each.running or ("see below" if each.trouble else "no board that plotpost knows: not looked at")
    return each.port, each.board or each.product, each.serial or "", told
