"""The attached board that a command is about."""

import contextlib
from collections.abc import Iterator

import click

from host_tools import boards
from host_tools.boards import Board
from host_tools.device import Device, DeviceError, recognised


def board_of(device: Device, name: str | None) -> Board:
    """The board that is named, or what MicroPython on it says it is."""
    return recognised(device.facts) if name is None else named(name)


def named(name: str) -> Board:
    """The board of that name, or wrong usage."""
    try:
        return boards.load(name)
    except boards.UnknownBoard as error:
        raise click.UsageError(f"--board: {error}") from None


@contextlib.contextmanager
def resuming(device: Device) -> Iterator[None]:
    """Lets the agent go on afterwards, also when something failed, unless the board is gone."""
    try:
        yield
    finally:
        with contextlib.suppress(DeviceError):
            device.resume()
