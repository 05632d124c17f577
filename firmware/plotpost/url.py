"""The address of an endpoint, "http://192.168.1.10:8050", to its parts."""

from plotpost.port import const

_FORM = const("http://HOST, http://HOST:PORT or http://HOST:PORT/PATH")
_PORTS = {"http": 80, "https": 443}
_NAME = const("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")  # what may stand in the name of a host


def parse(text):
    """Scheme, host, port (80 and 443 by default) and path ("/" by default). Raises ValueError, which says what is allowed."""
    scheme, _, rest = text.partition("://")
    host, _, path = rest.partition("/")
    host, colon, port = host.partition(":")
    if "@" in text:  # and do not repeat it: there may be a password before it
        raise ValueError(f"an address with a user's name in it is not {_FORM}")
    if scheme not in _PORTS or not host or host.strip(_NAME) or path.strip(_NAME + "~/%"):
        raise ValueError(f"{text!r} is not {_FORM}")
    return scheme, host, _number(port) if colon else _PORTS[scheme], "/" + path


def _number(port):
    if not port or port.strip("0123456789") or len(port) > 5 or not 0 < int(port) < 65536:
        raise ValueError(f"the port {port!r} is not a number from 1 to 65535")
    return int(port)
