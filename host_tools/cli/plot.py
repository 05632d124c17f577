"""`plotpost plot`: make and list plots."""

import shlex
from pathlib import Path

import click

from host_tools import accounts, output
from host_tools.cli import options

_MAXPOINTS = 1000
_USUAL = f"http://127.0.0.1:{options.DEFAULT_PORT}"


@click.group()
def plot() -> None:
    """Make and list plots."""


@plot.command()
@click.argument("name", callback=options.name)
@click.option(
    "--trace",
    "traces",
    multiple=True,
    default=("value",),
    show_default=True,
    callback=options.name,
    help="A trace; may be given several times.",
)
@click.option(
    "--maxpoints", type=click.IntRange(1, 200000), default=_MAXPOINTS, show_default=True, help="Points to keep in a trace."
)
@options.data
@options.as_json
def new(name: str, traces: tuple[str, ...], maxpoints: int, data: Path, as_json: bool) -> None:
    """Make the plot NAME, and a stream token for each of its traces.

    \b
    Example:
      plotpost plot new greenhouse --trace temperature --trace humidity
    """
    from host_tools.endpoint.plots import save_plot

    if len(set(traces)) < len(traces):
        raise click.UsageError("each --trace needs a name of its own")
    with accounts.opened(data) as store:
        user, key = accounts.owner(store)
        if store.plot_named(user, name):
            raise click.ClickException(f"there is a plot {name!r} already: choose another name")
        with store.transaction():
            tokens = {trace: store.new_token(user, f"{name}: {trace}") for trace in traces}
            figure = [_trace(trace, token, maxpoints) for trace, token in tokens.items()]
            plot_id, _ = save_plot(store, user, figure, {"title": {"text": name}}, name, "new", "public")
        made = store.plot(plot_id)
        assert made is not None
        base, told = store.address(), accounts.told(store, user, key)
    path = f"/~{made.user}/{made.fid}"
    if as_json:
        facts = {"plot": name, "path": path, "url": f"{base}{path}" if base else None, "data": str(data)}
        output.line({**facts, "tokens": tokens, "user": user.name, **({"api_key": key} if key else {})})
        return
    output.say(
        f"Page:   {base or _USUAL}{path}{'' if base else f'   (once the endpoint runs: plotpost serve --data {shlex.quote(str(data))})'}"
    )
    output.say(f"Data:   {data}")
    output.table(("trace", "token"), tokens.items())
    for each in told:
        output.note(each)


def _trace(name: str, token: str, maxpoints: int) -> dict[str, object]:
    return {"type": "scatter", "name": name, "x": [], "y": [], "stream": {"token": token, "maxpoints": maxpoints}}


@plot.command("list")
@options.data
@options.as_json
def list_plots(data: Path, as_json: bool) -> None:
    """List the plots, the one that was fed or changed last first.

    \b
    Example:
      plotpost plot list --json
    """
    with accounts.existing(data) as store:
        plots = store.plots()
    listed = [
        {
            "plot": each.filename,
            "path": f"/~{each.user}/{each.fid}",
            "points": each.points,
            "last": each.last,
            "sharing": each.sharing,
        }
        for each in plots
    ]
    if as_json:
        for row in listed:
            output.line(row)
    elif listed:
        output.table(
            ("plot", "path", "points", "sharing"),
            [tuple(str(row[key]) for key in ("plot", "path", "points", "sharing")) for row in listed],
        )
    else:
        output.say("There are no plots yet: plotpost plot new NAME")
