"""One endpoint for all tests of a file, and a caller of its REST v2."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import Store
from tests.plotly_client import PlotlyClient

Call = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


def basic(name: str, key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


@pytest.fixture
def call(client: PlotlyClient) -> Call:
    """`call("POST", "/v2/plots", body)` as the owner, or with other headers; gives status and JSON value."""

    def call(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = basic(client.user.name, client.key) if headers is None else headers
        response, answer = client.request(method, path, sent, given)
        return response.status, json.loads(answer) if answer else None

    return call


@pytest.fixture(scope="module")
def stranger(client: PlotlyClient) -> dict[str, str]:
    """The headers of another user."""
    store = Store.open(client.endpoint.data)
    try:
        return basic("ann", store.create_user("ann"))
    finally:
        store.close()
