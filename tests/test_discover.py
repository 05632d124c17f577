"""What others in the network say of endpoints is checked. Real ones are found in tests/endpoint/test_announce.py."""

import socket

import pytest
from zeroconf.asyncio import AsyncServiceInfo

from host_tools import discover
from host_tools.discover import SERVICE, Found


@pytest.mark.parametrize(
    ("server_name", "port", "addresses"),
    [("evil host.local.", 80, ["1.2.3.4"]), ("a.example.", 80, ["1.2.3.4"]), ("a.local.", 0, ["1.2.3.4"]), ("a.local.", 80, [])],
)
def test_what_no_endpoint_of_ours_would_say_is_not_believed(server_name: str, port: int, addresses: list[str]) -> None:
    service = AsyncServiceInfo(
        SERVICE, f"x.{SERVICE}", port, server=server_name, addresses=list(map(socket.inet_aton, addresses))
    )
    assert discover._found(service) is None


def test_a_name_cannot_play_with_the_terminal() -> None:
    service = AsyncServiceInfo(SERVICE, f"a\x9b2Jb.{SERVICE}", 80, server="a.local.", addresses=[socket.inet_aton("1.2.3.4")])
    assert discover._found(service) == Found("a?2Jb", "http://1.2.3.4:80", "http://a.local:80")
