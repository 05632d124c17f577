"""Whether what was written runs: the board's serial port comes, and MicroPython answers there."""

import time
from collections.abc import Collection

from host_tools import ports
from host_tools.device import Device, DeviceError, Lost, NoAnswer, PortError, trouble
from host_tools.flash.errors import FlashError

_PORT_S = 30.0  # a fresh board makes its file system first
_POLL_S = 0.1


def await_answer(port: str | None, before: Collection[str]) -> tuple[str, str]:
    """The port, `port` or one that was not there `before`, and MicroPython's release there; main.py runs on. Raises FlashError."""
    deadline = time.monotonic() + _PORT_S
    why: DeviceError | None = None
    while time.monotonic() < deadline:
        found = port if port and trouble(port) is None else _fresh_port(before)
        try:
            if found:
                return found, _ask(found)
        except (PortError, Lost) as error:  # the port of the loader, which goes, or one that is not ready yet
            why = error
        time.sleep(_POLL_S)
    where = f"at {port}" if port else "at any port"
    raise FlashError(
        f"the firmware was written, but no board shows up {where}: if it was unplugged, plug it in with BOOTSEL held, and run the command "
        f"again; if not, look at `plotpost ports`{f' ({why})' if why else ''}"
    )


def _fresh_port(before: Collection[str]) -> str | None:
    return next((attached.port for attached in ports.attached() if attached.may_be and attached.port not in before), None)


def _ask(port: str) -> str:
    try:
        with Device.open(port) as device:
            release = device.facts.release
            if device.exists("/main.py"):
                device.resume()
            return release
    except NoAnswer as error:
        raise FlashError(f"the firmware was written, but does not run: {error}") from None
