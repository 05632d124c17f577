"""Fixtures: Plotly's own clients, each speaking to an endpoint that was just started."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.browser import PROGRAMS
from tests.clients import installed
from tests.plotly_client import PlotlyClient

# chart-studio waits up to three minutes for an endpoint that answers 5xx; no test may pass by waiting.
TIMEOUT_S = 150

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[ChildEndpoint]:
    """HTTP and HTTPS, with a certificate that also names the host where npm's plotly deletes."""
    folder = tmp_path_factory.mktemp("endpoint")
    issued = authority.issue_cert("127.0.0.1", "localhost", "api.plot.ly")
    certificate, key = folder / "leaf.pem", folder / "leaf.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    options = ("--tls-port", "0", "--tls-cert", str(certificate), "--tls-key", str(key))
    with ChildEndpoint(folder / "data", 0, folder / "log", *options) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def client(endpoint: ChildEndpoint) -> PlotlyClient:
    return PlotlyClient(endpoint)


@pytest.fixture
def account(client: PlotlyClient, tmp_path: Path) -> dict[str, Any]:
    """What a script needs to know, as PLOT in its environment: no secret in a command line."""
    url = client.endpoint.url.rstrip("/")
    return {
        "url": url, "user": client.user.name, "key": client.key, "port": urlsplit(url).port,
        "tls_port": urlsplit(client.endpoint.tls_url or "").port, "folder": str(tmp_path),
    }  # fmt: skip


def find(name: str, locate: Callable[[], Path]) -> Path:
    """Leave the test out where the client cannot be had; in CI that is a failure."""
    try:
        return locate()
    except installed.Missing as missing:
        pytest.skip(f"{name}: {missing}")


def execute(command: list[str], script: str, told: dict[str, Any], folder: Path, **environment: str) -> Any:
    """Runs a script from its standard input; gives the JSON value in its last line."""
    done = subprocess.run(
        command,
        input=script,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": told["folder"], "PLOT": json.dumps(told), **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def chromium_program() -> str:
    """What draws pictures."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium: install the package chromium")
    return program
