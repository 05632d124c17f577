"""Plots inside other people's pages: anybody may frame what is public, nobody what is private or acts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser.looking import arrive, trace
from tests.plotly_client import PlotlyClient


@contextmanager
def website(body: str) -> Iterator[str]:
    """A page on another port of this machine: to browsers it is another origin of the same site, so that cookies are sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(f"<!doctype html><title>Other</title><link rel=icon href=data:,>{body}".encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@pytest.fixture
def logged_in(chromium: Browser, client: PlotlyClient) -> Iterator[Page]:
    """A window whose reader is logged in; it may complain of what it does not find."""
    page = chromium.new_page()
    page.goto(f"{client.endpoint.url}/login")
    page.get_by_label("User").fill(client.user.name)
    page.get_by_label("API key").fill(client.key)
    page.get_by_role("button", name="Log in").click()
    arrive(page, "/")
    yield page
    page.context.close()


def frames(page: Page, *addresses: str) -> list[FrameLocator]:
    """Shows a foreign page that frames the addresses."""
    body = "".join(f'<iframe src="{address}" width="600" height="400"></iframe>' for address in addresses)
    with website(body) as foreign:
        page.goto(foreign)
    return [page.frame_locator("iframe").nth(index) for index in range(len(addresses))]


def test_a_public_plot_lives_in_a_foreign_page_also_for_who_is_logged_in(client: PlotlyClient, logged_in: Page) -> None:
    token, empty = trace(client)
    path = client.new_plot(empty, filename="greenhouse")
    (frame,) = frames(logged_in, f"{client.endpoint.url.rstrip('/')}{path}.embed")
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1}, {"x": 2, "y": 2})
        expect(frame.locator("#plot .point")).to_have_count(2)
    expect(frame.get_by_role("button", name="Restyle")).to_have_count(0)
    expect(frame.get_by_role("link", name="Open")).to_have_attribute("href", path)


def test_a_secret_plot_is_embedded_by_whoever_has_its_key(client: PlotlyClient, logged_in: Page) -> None:
    url = urlsplit(client.plot([{"y": [1, 2, 3]}], sharing="secret")["url"])
    address = f"{client.endpoint.url.rstrip('/')}{url.path}.embed"
    with_key, without = frames(logged_in, f"{address}?{url.query}", address)
    expect(with_key.locator("#plot .point")).to_have_count(3)
    expect(without.get_by_role("heading", name="Not found")).to_be_visible()


def test_what_is_private_is_shown_in_no_frame_also_to_its_owner(client: PlotlyClient, logged_in: Page) -> None:
    path = urlsplit(client.plot([{"y": [1, 2, 3]}], world_readable=False)["url"]).path
    (frame,) = frames(logged_in, f"{client.endpoint.url.rstrip('/')}{path}.embed")
    expect(frame.get_by_role("heading", name="Not found")).to_be_visible()
    assert frame.locator("body").get_by_text(client.user.name, exact=True).count() == 0


def test_the_page_that_acts_stays_out_of_frames(client: PlotlyClient) -> None:
    """Without a browser: what one refuses to show, it complains of."""
    assert "frame-ancestors 'none'" in client.get("/login")[0].headers["content-security-policy"]
    path = client.new_plot({"y": [1]})
    assert "frame-ancestors" not in client.get(f"{path}.embed")[0].headers["content-security-policy"]
