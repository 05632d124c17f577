"""`plotpost token`: make, list and revoke stream tokens."""

from pathlib import Path

import click

from host_tools import accounts, output
from host_tools.cli import options


@click.group()
def token() -> None:
    """Make, list and revoke stream tokens.

    A token lets whoever has it write into one trace of a plot. It goes in the board's secrets.json.
    """


@token.command()
@click.option("--name", callback=options.name, help="What it is for, to find it in the list.")
@click.option("--user", "user_name", metavar="NAME", help="Whose it is; the first user's, if not given.")
@options.data
@options.as_json
def new(name: str | None, user_name: str | None, data: Path, as_json: bool) -> None:
    """Make a token and print it.

    \b
    Examples:
      plotpost token new --name greenhouse
      plotpost token new --user ann --json
    """
    with accounts.opened(data) as store:
        user, key = accounts.owner(store, user_name)
        made = store.new_token(user, name)
        told = accounts.told(store, user, key)
    if as_json:
        output.line({"token": made, "name": name, "user": user.name, **({"api_key": key} if key else {})})
        return
    output.say(made)
    for each in told:
        output.note(each)


@token.command("list")
@click.option("--show", is_flag=True, help="Show the tokens whole.")
@options.data
@options.as_json
def list_tokens(show: bool, data: Path, as_json: bool) -> None:
    """List the tokens, masked unless asked.

    \b
    Example:
      plotpost token list --show
    """
    with accounts.existing(data) as store:
        tokens = store.tokens()
        names = {plot.id: plot.filename for plot in store.plots()}
    listed = [
        {
            "token": each.token if show else _masked(each.token),
            "name": each.name,
            "plot": names.get(each.plot_id) if each.plot_id else None,
            "revoked": each.revoked,
        }
        for each in tokens
    ]
    if as_json:
        for row in listed:
            output.line(row)
    elif listed:
        rows = [
            (str(row["token"]), str(row["name"] or ""), str(row["plot"] or ""), "revoked" if row["revoked"] else "")
            for row in listed
        ]
        output.table(("token", "name", "plot", ""), rows)
    else:
        output.say("There are no tokens yet: plotpost token new --name NAME")


@token.command()
@click.argument("token")
@options.data
@options.as_json
def revoke(token: str, data: Path, as_json: bool) -> None:
    """Revoke TOKEN: whoever has it can write no more. Its plot stays.

    \b
    TOKEN may be shortened, as in the list, as long as only one fits.
    Example:
      plotpost token revoke abcd
    """
    beginning = token.rstrip("*.")
    if not beginning:
        raise click.ClickException("give the token, or its first characters: see plotpost token list")
    with accounts.existing(data) as store:
        fitting = [each for each in store.tokens() if each.token.startswith(beginning) and not each.revoked]
        if len(fitting) != 1:
            known = "no token begins" if not fitting else f"{len(fitting)} tokens begin"
            raise click.ClickException(f"{known} with that: see plotpost token list")
        store.revoke_token(fitting[0].token)
    if as_json:
        output.line({"token": _masked(fitting[0].token), "revoked": True})
    else:
        output.say(f"Revoked {_masked(fitting[0].token)}")


def _masked(token: str) -> str:
    return token[:4] + "*" * (len(token) - 4)
