"""What a board has around it: endpoints on this machine and in its network, and WiFi networks."""

import ast
import contextlib
import http.client
import socket
import urllib.error
import urllib.request

from plotpost import url

from host_tools import discover
from host_tools.device import Device, DeviceError
from host_tools.endpoint import machine
from host_tools.provision.account import direct

DEFAULT_PORT = 8050
_CONNECT_S = 2.0
_SCAN_S = 15.0
_SCAN = """\
import network
radio = network.WLAN(network.STA_IF)
radio.active(True)
print([(bytes(found[0]), found[3]) for found in radio.scan()])
"""


def proposals(wifi: bool, port: int = DEFAULT_PORT) -> list[str]:
    """URLs of endpoints that answer, for a board, the best first. One without WiFi is bridged by this machine, which reaches itself.

    This machine's own stands under its address in the network, before those that are announced.
    """
    if not wifi:
        return list(filter(is_plotpost, [f"http://127.0.0.1:{port}"]))
    lan = machine.lan_address()
    own = [f"http://{lan}:{port}"] if lan else []
    return list(filter(is_plotpost, dict.fromkeys([*own, *(each.url for each in discover.endpoints())])))


def is_plotpost(endpoint: str, ca: bytes | None = None) -> bool:
    """Whether an endpoint of ours answers at this address. `ca`: the certificate to trust, for https."""
    try:
        with direct(ca).open(f"{endpoint.rstrip('/')}/v2/users/current", timeout=_CONNECT_S):
            return False  # it tells strangers nothing
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code == 401 and "PlotlyBasic" in refusal.headers.get("www-authenticate", "")
    except (OSError, ValueError, http.client.HTTPException):
        return False


def refuses(endpoint: str, token: str, ca: bytes | None = None) -> bool:
    """Whether the endpoint says that no board may stream with this token: it is asked with a stream of no readings."""
    request = urllib.request.Request(endpoint, b"", {"plotly-streamtoken": token, "content-type": "application/octet-stream"})
    try:
        with direct(ca).open(request, timeout=_CONNECT_S):
            return False
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code in (403, 404)
    except (OSError, ValueError, http.client.HTTPException):
        return False


def is_here(endpoint: str) -> bool:
    """Whether the address is one of this machine's."""
    _, host, _, _ = url.parse(endpoint)
    if host in ("localhost", f"{machine.label()}.local"):
        return True
    with contextlib.suppress(OSError):
        return machine.has_address(socket.gethostbyname(host))
    return False


def networks(device: Device) -> list[str]:
    """The WiFi networks that the board sees, the strongest first; none where it cannot look."""
    try:
        seen: list[tuple[bytes, int]] = ast.literal_eval(device.run(_SCAN, timeout_s=_SCAN_S).strip())
    except (DeviceError, ValueError, SyntaxError):
        return []
    return [name.decode(errors="replace") for name, _ in sorted(seen, key=lambda each: -each[1])]
