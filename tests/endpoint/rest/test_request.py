"""Nothing is read of a request, and nothing parsed, before it is known who asks; and everybody is answered."""

import asyncio
import gc
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.rest.request import BODY_LIMIT, parsed
from tests.endpoint.rest.conftest import basic
from tests.plotly_client import PATIENCE_S, PlotlyClient

MIB = 1 << 20
WITH_KEY_IN_THE_HEAD = [
    "POST /v2/grids/me:1/col", "PUT /v2/grids/me:1/col", "DELETE /v2/grids/me:1/col", "POST /v2/grids/me:1/row", "POST /v2/grids",
    "POST /v2/plots", "PUT /v2/plots/me:1", "PATCH /v2/files/me:1", "POST /v2/folders", "POST /v2/images", "POST /apigenimage/",
    "POST /v2/tokens", "POST /v2/files/me:1/trash",
]  # fmt: skip


def answer_before_the_body(endpoint: ChildEndpoint, asked: str, headers: dict[str, str]) -> bytes:
    """The status line that comes although the body, which the client waits to be asked for, never does."""
    address = urlsplit(endpoint.url)
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((address.hostname, address.port or 0), timeout=PATIENCE_S) as connection:
        head = f"{asked} HTTP/1.1\r\nHost: {address.netloc}\r\nExpect: 100-continue\r\nContent-Length: {31 * MIB}\r\n{told}\r\n"
        connection.sendall(head.encode())
        return connection.makefile("rb").readline()


@pytest.mark.parametrize("asked", WITH_KEY_IN_THE_HEAD)
def test_where_the_key_stands_in_the_head_nothing_is_read_before_it_was_right(client: PlotlyClient, asked: str) -> None:
    assert b" 401 " in answer_before_the_body(client.endpoint, asked, {})
    assert b" 403 " in answer_before_the_body(client.endpoint, asked, basic("somebody", "wrong"))


def test_a_body_is_asked_for_when_the_key_was_right(client: PlotlyClient) -> None:
    said = answer_before_the_body(client.endpoint, "POST /v2/plots", basic(client.user.name, client.key))
    assert said.startswith(b"HTTP/1.1 100 ")


BODIES: dict[str, Callable[[int], bytes]] = {
    "raw": lambda size: b"args=[" + b"1," * (size // 2) + b"1]&un=me&key=wrong&kwargs={}",
    "nested": lambda size: b"un=me&key=wrong&args=" + b"[" * size,
    "fields": lambda size: b"un=me&key=wrong" + b"&a" * (size // 2),
    "no key": lambda size: b"args=[" + b"1," * (size // 2) + b"1]",
    "encoded": lambda size: b"args=" + b"%5B1" * (size // 4) + b"&un=me&key=wrong",
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_that_may_hold_the_key_is_not_parsed_before_it_was_right(client: PlotlyClient, kind: str) -> None:
    before = _peak(client.endpoint)
    for _ in range(3):
        response, answer = client.request("POST", "/clientresp", BODIES[kind](31 * MIB))
        assert response.status == 200
        assert b'"error": ""' not in answer
    assert _peak(client.endpoint) - before < 150 * MIB  # twice the body, while it is copied once


def test_strangers_together_hold_no_more_than_their_share(serve: Callable[..., ChildEndpoint]) -> None:
    endpoint = serve()
    client = PlotlyClient(endpoint)
    before = _peak(endpoint)
    dripping = [_begin(endpoint, b"args=[" + b"1," * (30 * MIB // 2)) for _ in range(10)]
    assert client.plot([{"y": [1]}])["error"] == ""
    assert _peak(endpoint) - before < 250 * MIB
    for connection in dripping:
        connection.close()


def _begin(endpoint: ChildEndpoint, body: bytes) -> socket.socket:
    """A request that is never ended."""
    address = urlsplit(endpoint.url)
    connection = socket.create_connection((address.hostname, address.port or 0), timeout=PATIENCE_S)
    connection.sendall(b"POST /clientresp HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (31 * MIB))
    connection.sendall(body)
    return connection


def _peak(endpoint: ChildEndpoint) -> int:
    """Bytes of memory that the endpoint has had at most."""
    status = Path(f"/proc/{endpoint.pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))


def test_megabytes_with_a_wrong_key_are_answered_however_they_are_sent(client: PlotlyClient) -> None:
    def ask(number: int) -> int:
        headers = basic("somebody", f"wrong{number}") | ({"connection": "close"} if number % 2 else {})
        return client.request("POST", "/v2/grids/me:1/row", os.urandom(3 * MIB), headers)[0].status

    with ThreadPoolExecutor(4) as programs:
        assert set(programs.map(ask, range(40))) == {403}


def test_a_body_that_is_too_large_is_told_so_to_a_client_that_sends_all_of_it(client: PlotlyClient) -> None:
    response, _ = client.request("POST", "/v2/plots", bytes(BODY_LIMIT + 5 * MIB), basic(client.user.name, client.key))
    assert response.status == 413


def test_a_large_body_is_parsed_in_a_thread_without_the_collector_and_a_small_one_at_once() -> None:
    async def run(size: int) -> tuple[bool, bool]:
        loop_thread = threading.get_ident()
        return await parsed(lambda body: (threading.get_ident() == loop_thread, gc.isenabled()), bytes(size))

    answers: list[Any] = [asyncio.run(run(size)) for size in (100, MIB)]
    assert answers == [(True, True), (False, False)]
    assert gc.isenabled()
