"""What tests need of this machine's network: ports on which they can let a server die and come back."""

import random
import socket

# Linux gives callers higher ones (ip_local_port_range, ip(7)). Shuffled, so that two runs at once do not try the same.
_QUIET_PORTS = iter(random.sample(range(20_000, 32_000), 12_000))


def quiet_port() -> int:
    """A free port that the system gives to no caller; no two calls give the same.

    A caller that had the number of the port it calls would connect to itself while nobody listens (RFC 9293 section 3.5).
    """
    for port in _QUIET_PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError("no port is free")
