"""What this machine is called in its network, and at which address others reach it."""

import re
import socket

_LABEL = re.compile(r"(?!localhost$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def label() -> str:
    """The name to use before `.local`; a machine without a name of its own is called plotpost."""
    name = socket.gethostname().partition(".")[0]
    return name if _LABEL.fullmatch(name) else "plotpost"


def names() -> set[str]:
    """What browsers of the network may call this machine; the last is announced where another machine has the same name."""
    host = label()
    return {socket.gethostname(), host, f"{host}.local", f"{host}-plotpost.local"}


def lan_address() -> str | None:
    """This machine's IPv4 address towards others. Nothing is sent: connecting a UDP socket only looks up the route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737: any address that is not this machine's
        except OSError:
            return None
        return str(probe.getsockname()[0])


def has_address(address: str) -> bool:
    """Whether it is one of this machine's own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True
