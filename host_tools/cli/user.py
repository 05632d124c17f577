"""`plotpost user`: make and list users, and give them new API keys."""

from pathlib import Path

import click

from host_tools import accounts, output
from host_tools.cli import options


@click.group()
def user() -> None:
    """Make and list users, and give them new API keys.

    The API key is a user's password, for programs and for the login of the pages. It is kept as a hash and shown only once.
    """


@user.command()
@click.argument("name")
@options.data
@options.as_json
def add(name: str, data: Path, as_json: bool) -> None:
    """Make the user NAME and print the API key.

    \b
    Example:
      plotpost user add ann
    """
    with accounts.opened(data) as store:
        key = store.create_user(name)
        told = accounts.told(store)
    _tell_key(name, key, as_json)
    for each in told if not as_json else ():
        output.note(each)


@user.command("rotate-key")
@click.argument("name")
@options.data
@options.as_json
def rotate_key(name: str, data: Path, as_json: bool) -> None:
    """Give the user NAME another API key and print it.

    The old key opens nothing any more, and every browser that is logged in with it is logged out. Stream tokens stay.

    \b
    Example:
      plotpost user rotate-key ann
    """
    with accounts.existing(data) as store:
        key = store.rotate_key(accounts.named(store, name))
    _tell_key(name, key, as_json)


@user.command("list")
@options.data
@options.as_json
def list_users(data: Path, as_json: bool) -> None:
    """List the users, with how many plots and tokens they have.

    \b
    Example:
      plotpost user list --json
    """
    with accounts.existing(data) as store:
        users = store.users()
        plots = [plot.user for plot in store.plots()]
        tokens = [token.user for token in store.tokens() if not token.revoked]
    listed = [{"user": each.name, "plots": plots.count(each.name), "tokens": tokens.count(each.name)} for each in users]
    if as_json:
        for row in listed:
            output.line(row)
    elif listed:
        output.table(("user", "plots", "tokens"), [tuple(map(str, row.values())) for row in listed])
    else:
        output.say("There are no users yet: plotpost user add NAME")


def _tell_key(name: str, key: str, as_json: bool) -> None:
    if as_json:
        output.line({"user": name, "api_key": key})
        return
    output.say(key)
    output.note(f"This is the API key of {name}. Write it down, it is not shown again.")
