"""The options that say at which account of an endpoint a plot and its tokens are made."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import platformdirs

from host_tools.provision.complete import Source

_OPTIONS = (
    click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help="Make plot and tokens in this data folder of an endpoint on this machine.",
        show_default="your own, when the endpoint is this machine",
    ),
    click.option("--user", metavar="NAME", help="Whose plot it is at the endpoint.", show_default="the first user"),
    click.option(
        "--api-key-file",
        "key_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A file, readable by you alone, with the API key to make plot and tokens with at an endpoint elsewhere.",
    ),
)


def account(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the argument `source` for its options --data, --user and --api-key-file."""

    @functools.wraps(command)
    def with_source(*, data: Path | None, user: str | None, key_file: Path | None, **arguments: Any) -> None:
        usual = platformdirs.user_data_path("plotpost")
        command(source=Source(usual, data, user, _api_key(key_file)), **arguments)

    for option in reversed(_OPTIONS):
        with_source = option(with_source)
    return with_source


def _api_key(path: Path | None) -> str | None:
    """The API key in a file that nobody else can read."""
    if path is None:
        return None
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise click.ClickException(f"{path}: others on this machine may read it; run: chmod 600 {path}")
    key = path.read_bytes().strip()
    if not key.isascii() or len(key.split()) != 1:
        raise click.ClickException(f"{path}: must hold the API key that `plotpost serve` printed, and nothing else")
    return key.decode()
