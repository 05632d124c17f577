"""Carries the connection of a board without a network: the board speaks HTTP through its USB cable, this machine opens the socket.

counts = bridge("/dev/ttyACM0", None, print, threading.Event())
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from plotpost import url

from host_tools.bridge.cable import Cable
from host_tools.bridge.connection import Address, trusting
from host_tools.bridge.session import Counts, Served, Session
from host_tools.device import DeviceError
from host_tools.simulate import LogLine

__all__ = ["BridgeError", "Counts", "bridge"]

_LOOK_S = 0.1
_TICK_S = 1.0


class BridgeError(DeviceError):
    """The bridge cannot be built as it is wanted."""


def bridge(
    port: str,
    endpoint: str | None,
    on_line: Callable[[LogLine], None],
    stop: threading.Event,
    *,
    say: Callable[[str], None] = lambda text: None,
    authority: Path | None = None,
    counts: Counts | None = None,
) -> Counts:
    """Serves the board at `port` until `stop` is set, over resets of the board and however often its cable is pulled.

    The connections that the board asks for go to `endpoint` ("http://host:port"), or to where its own config.json says when that is
    None. Over https this machine checks the certificate: against its own store, or against `authority` (PEM or DER) alone.
    `on_line` gets each line of the board's log, `say` what the bridge itself has to tell; both are called in this thread. `counts` is
    filled as it goes. Raises PortError when the port cannot be opened at the beginning, and BridgeError.
    """
    served = Served(port, _address(endpoint), on_line, say, counts or Counts())
    try:
        trusted = trusting(authority)
    except ValueError as error:
        raise BridgeError(str(error)) from None
    asyncio.run(_run(served, trusted, stop))
    return served.counts


def _address(endpoint: str | None) -> Address | None:
    if endpoint is None:
        return None
    try:
        scheme, host, port, path = url.parse(endpoint)
    except ValueError as error:
        raise BridgeError(f"--endpoint: {error}") from None
    if path != "/":
        raise BridgeError(f"--endpoint: the board asks for a path of its own: leave {path} out")
    return Address(scheme, host, port)


async def _run(served: Served, trusted: ssl.SSLContext, stop: threading.Event) -> None:
    cable = Cable.plug(served.port)
    serving = asyncio.create_task(_serve(served, trusted, cable))
    try:
        while not stop.is_set() and not serving.done():
            await asyncio.wait([serving], timeout=_LOOK_S)
    finally:
        serving.cancel()
        await asyncio.wait([serving])
    if not serving.cancelled():
        await serving  # raises what went wrong


async def _serve(served: Served, trusted: ssl.SSLContext, cable: Cable) -> None:
    while True:
        try:
            await _attend(served, Session(cable, served, trusted), cable)
        finally:
            cable.close()
        served.say(f"{served.port} is gone: waiting until it is plugged in again")
        cable = await _replug(cable)


async def _attend(served: Served, session: Session, cable: Cable) -> None:
    """Until the cable is lost."""
    ticking = asyncio.create_task(_tick(session))
    try:
        while data := await cable.read():
            session.take(data)
    finally:
        ticking.cancel()
        await session.close()


async def _tick(session: Session) -> None:
    while True:
        session.tick()
        await asyncio.sleep(_TICK_S)


async def _replug(cable: Cable) -> Cable:
    while True:
        await asyncio.sleep(_LOOK_S)
        with contextlib.suppress(DeviceError, OSError):  # it is being plugged in, or not there
            return cable.replug()
