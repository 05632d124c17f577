"""Traces that plotly.js draws by WebGL and code that it makes at run time: drawn, by a page that may do no more than it needs."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import PATIENCE_S, coloured_pixels, state, trace, until
from tests.plotly_client import PlotlyClient

Look = Callable[..., Page]


def drawn(page: Page) -> None:
    """Waits until something in colour is on the screen: the marks are, and nothing else."""
    deadline = time.monotonic() + PATIENCE_S
    while coloured_pixels(page) < 20:
        assert time.monotonic() < deadline
        page.wait_for_timeout(100)


@pytest.mark.parametrize("figure", [
    {"type": "scattergl", "y": [1, 3, 2]},
    {"type": "scatterpolargl", "r": [1, 2, 3], "theta": [0, 90, 180], "mode": "markers"},
    {"type": "splom", "dimensions": [{"values": [1, 2, 3]}, {"values": [3, 1, 2]}]},
    {"type": "parcoords", "dimensions": [{"values": [1, 2, 3]}, {"values": [3, 1, 2]}]},
    {"type": "pointcloud", "x": [1, 2, 3], "y": [1, 3, 2]},
], ids=lambda figure: figure["type"])  # fmt: skip
def test_each_of_the_types_is_drawn(client: PlotlyClient, look: Look, figure: dict[str, Any]) -> None:
    page = look(client.new_plot(figure))
    drawn(page)
    assert page.locator("#plot .no-webgl").count() == 0


def test_a_stream_that_brings_one_makes_the_page_load_anew(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty))
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1}, {"x": 2, "y": 2})
        until(page, "document.querySelector('#plot').data[0].y", [1, 2])
        stream.write({"type": "scattergl"})
        page.wait_for_url("**")
        until(page, "document.body.dataset.forbidden.includes('scattergl')", False)
        drawn(page)
        stream.write({"x": 3, "y": 1})
        until(page, "document.querySelector('#plot').data[0].y", [1, 2, 1])
        state(page, "live")


def test_a_button_of_the_figure_may_bring_one(client: PlotlyClient, look: Look) -> None:
    button = {"label": "fast", "method": "restyle", "args": [{"type": "scattergl"}]}
    page = look(
        client.new_plot({"y": [1, 3, 2]}, layout={"updatemenus": [{"type": "buttons", "active": -1, "buttons": [button]}]})
    )
    page.locator("#plot .updatemenu-button").click()
    drawn(page)


def test_a_map_is_drawn_on_an_empty_ground_by_a_worker(client: PlotlyClient, look: Look) -> None:
    layout = {"mapbox": {"style": "open-street-map", "center": {"lat": 50, "lon": 12}, "zoom": 4}}
    page = look(
        client.new_plot({"type": "scattermapbox", "lat": [52, 48], "lon": [13, 11], "marker": {"size": 14}}, layout=layout)
    )
    expect(page.get_by_text("the street map, which would come from the internet")).to_be_visible()
    drawn(page)
    until(page, "document.querySelector('#plot')._fullData[0].type", "scattermap")
