"""Fixtures of the browser tests: Chromium, and pages that must not complain nor ask anybody but the endpoint."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from host_tools.child_endpoint import ChildEndpoint
from tests.browser.looking import PATIENCE_S
from tests.plotly_client import PlotlyClient

FLAGS = [
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",  # WebGL without a graphics card
]  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium, without a window. Not for the session: Playwright's loop runs in this thread until it is closed, and
    other tests have loops of their own.
    """
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium: install the package chromium")
    expect.set_options(timeout=PATIENCE_S * 1000)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS + sandbox, timeout=PATIENCE_S * 1000)
        yield browser
        browser.close()


@pytest.fixture
def client(endpoint: ChildEndpoint) -> PlotlyClient:
    return PlotlyClient(endpoint)


Look = Callable[..., Page]


@pytest.fixture
def look(chromium: Browser, endpoint: ChildEndpoint) -> Iterator[Look]:
    """Opens `look(path, **context options)` in a browser window of its own.

    At the end of the test no window may have logged an error, or asked for anything outside the endpoint.
    """
    complaints: list[str] = []
    host = urlsplit(endpoint.url).hostname

    def open_page(path: str, **options: Any) -> Page:
        page = chromium.new_context(**options).new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("request", lambda request: complaints.append(request.url) if _foreign(request.url, host) else None)
        page.on("websocket", lambda socket: complaints.append(socket.url) if _foreign(socket.url, host) else None)
        page.goto(endpoint.url.rstrip("/") + path)
        return page

    yield open_page
    for context in list(chromium.contexts):
        context.close()
    assert complaints == []


def _foreign(url: str, host: str | None) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob") and parts.hostname != host
