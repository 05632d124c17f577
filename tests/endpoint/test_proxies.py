"""A proxy is believed for whom it asks when the operator has named it; nobody else is believed, and nobody else pays for it."""

from collections.abc import Callable
from typing import Any

import pytest

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.attempts import LIMIT
from host_tools.endpoint.head import Headers
from host_tools.endpoint.proxies import Peer, Proxies, parse_proxy
from tests.plotly_client import PlotlyClient

Serve = Callable[..., ChildEndpoint]


def peer(address: str, *trusted: str, **headers: str) -> Peer:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Proxies(map(parse_proxy, trusted)).peer(address, Headers(named))


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("10.1.1.1, 192.0.2.7", "192.0.2.7"),  # what stands before was written by who asks
        ("192.0.2.7, 10.0.0.2", "192.0.2.7"),  # two proxies, both trusted
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "10.0.0.1"),
        ("192.0.2.7, unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_a_trusted_proxy_says_for_whom_it_asks(chain: str, address: str) -> None:
    assert peer("10.0.0.1", "10.0.0.0/24", x_forwarded_for=chain) == Peer(address, trusted=True)


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.9", "2001:db8::1"])
def test_nobody_else_is_believed(address: str) -> None:
    assert peer(address, "10.0.0.1", x_forwarded_for="192.0.2.7", x_forwarded_proto="https") == Peer(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_a_proxy_of_this_machine_that_nobody_has_named_counts_apart_from_the_machine(address: str) -> None:
    behind = peer(address, x_forwarded_for="192.0.2.7")
    assert behind.untrusted
    assert behind.address not in (address, "192.0.2.7")
    assert behind == peer(address, x_forwarded_for="192.0.2.8")
    assert peer(address) == Peer(address)


def current(endpoint: ChildEndpoint, key: str | None, **headers: str) -> tuple[int, str]:
    sent = {"plotly-username": "me", "plotly-apikey": key or "", **{k.replace("_", "-"): v for k, v in headers.items()}}
    response, answer = PlotlyClient(endpoint).get("/v2/users/current", **sent)
    return response.status, answer.decode()


def test_a_forged_address_is_no_way_around_the_limit_of_wrong_keys(endpoint: ChildEndpoint) -> None:
    for number in range(LIMIT):
        assert current(endpoint, "wrong", x_forwarded_for=f"192.0.2.{number}")[0] == 403
    status, answer = current(endpoint, endpoint.api_key, x_forwarded_for="192.0.2.99")
    assert status == 403
    assert "too many wrong API keys" in answer


def test_who_comes_through_an_unnamed_proxy_locks_nobody_else_out(endpoint: ChildEndpoint) -> None:
    for number in range(LIMIT):
        current(endpoint, f"wrong{number}", x_forwarded_for="127.0.0.1")
    assert current(endpoint, endpoint.api_key)[0] == 200


def test_a_named_proxy_lets_a_guesser_lock_out_themselves_alone(serve: Serve) -> None:
    endpoint = serve("--trusted-proxy", "127.0.0.1")
    for number in range(LIMIT):
        current(endpoint, f"wrong{number}", x_forwarded_for="192.0.2.7")
    assert current(endpoint, endpoint.api_key, x_forwarded_for="192.0.2.7")[0] == 403
    assert current(endpoint, endpoint.api_key, x_forwarded_for="192.0.2.8")[0] == 200


def test_an_unnamed_proxy_is_told_of_once_in_the_log(endpoint: ChildEndpoint) -> None:
    for _ in range(3):
        current(endpoint, endpoint.api_key, x_forwarded_for="192.0.2.7")
    (line,) = endpoint.log.read_text().splitlines()
    assert "--trusted-proxy 127.0.0.1" in line


@pytest.mark.parametrize("proxy", ["localhost", "10.0.0.0/33", ""])
def test_what_is_no_address_is_refused_with_an_example(serve: Serve, proxy: str) -> None:
    with pytest.raises(Exception, match=r"use an address such as 127\.0\.0\.1"):
        serve("--trusted-proxy", proxy)


def test_a_viewer_behind_a_proxy_that_speaks_https_is_logged_in_there_too(serve: Serve) -> None:
    endpoint = serve("--trusted-proxy", "127.0.0.1", "--name", "plots.example")
    client = PlotlyClient(endpoint)
    headers: dict[str, Any] = {"host": "plots.example", "x-forwarded-proto": "https", "origin": "https://plots.example"}
    response, _ = client.request(
        "POST", "/login", f"user=me&key={client.key}".encode(), headers | {"content-type": "application/x-www-form-urlencoded"}
    )
    assert response.headers["set-cookie"].startswith("__Host-plotpost-443=")
