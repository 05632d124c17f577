"""What runs on an attached board: heard without disturbing it, or asked for."""

import ast
import contextlib
import re
import time
from dataclasses import dataclass

from mpremote.transport_serial import SerialTransport

from host_tools import boards
from host_tools.device import Device, Lost, connect
from host_tools.simulate import LogLine

_LISTEN_S = 1.5
_READ_S = 0.05
_CTRL_B = b"\x02"  # MicroPython's prompt answers with its banner; it interrupts no program
_BANNER = re.compile(r"(MicroPython|CircuitPython) v?(\S+) on [0-9-]+; ([^\r\n]+)\r?\n")
_ROM = {
    "invalid header: 0x": "no firmware: `plotpost flash`",  # again and again
    "waiting for download": "waits for firmware: `plotpost flash`",
}
_AGENT = """\
import json
version = name = None
try:
    from plotpost import __version__ as version
except ImportError:
    pass
try:
    name = json.load(open("/config.json")).get("name")
except (OSError, ValueError, AttributeError):
    pass
print(repr((version, name)))
"""


@dataclass(frozen=True)
class Running:
    """`told`: a line for people. `board`: which board it says that it is. `idle`: MicroPython waits at its prompt.

    `micropython`: there is one to be asked.
    """

    told: str
    board: str | None = None
    idle: bool = False
    micropython: bool = True


def listen(port: str, seconds: float = _LISTEN_S) -> Running | None:
    """What it says within a moment; None when that is nothing. What runs there goes on. Raises DeviceError."""
    transport = connect(port)
    try:
        with contextlib.closing(transport.serial), contextlib.closing(transport):
            return _heard(transport, seconds)
    except OSError as error:
        raise Lost(f"the board at {port} went away ({error}): check the cable") from None


def ask(port: str) -> Running:
    """Interrupts what runs there to ask for its version and name, then lets it go on. Raises DeviceError."""
    heard = listen(port)
    if heard and not heard.micropython:
        return heard
    with Device.open(port) as device:
        facts = device.facts
        version, name = ast.literal_eval(device.run(_AGENT))
        if heard is None or not heard.idle:
            device.resume()
    board = boards.recognise(facts.build, facts.machine)
    agent = f"plotpost {version}" if version else "no plotpost"
    return Running(f"MicroPython {facts.release}, {agent}{f', {name}' if name else ''}", board.name if board else None)


def _heard(transport: SerialTransport, seconds: float) -> Running | None:
    port = transport.serial
    port.timeout = _READ_S
    port.reset_input_buffer()
    port.write(_CTRL_B)
    text = ""
    deadline = time.monotonic() + seconds
    found, over = None, False
    while not (found or over):
        over = time.monotonic() > deadline  # what has come by then is still read: this process may have stood still
        text += port.read(port.in_waiting or 1).decode("ascii", "replace")
        found = _understood(text)
    return found


def _understood(text: str) -> Running | None:
    if match := _BANNER.search(text):
        kind, version, machine = match.groups()
        if kind == "CircuitPython":
            return Running(f"CircuitPython {version}: put MicroPython in its place with `plotpost flash`", micropython=False)
        board = boards.recognise("", machine)
        return Running(f"MicroPython {version}, idle", board.name if board else None, idle=True)
    *lines, _ = text.split("\n")  # the last may go on
    if any(LogLine.parse(line.rstrip("\r")).uptime is not None for line in lines):
        return Running("the plotpost agent")
    return next((Running(told, micropython=False) for said, told in _ROM.items() if said in text), None)
