"""Figures with old names and with things that are on the internet: what can be drawn is drawn, and the rest is told."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import trace, until
from tests.plotly_client import PlotlyClient

Look = Callable[..., Page]
FULL = "document.querySelector('#plot')._fullData?.[0].type"
SQUARE = {"type": "Polygon", "coordinates": [[[10, 50], [10, 55], [15, 55], [15, 50], [10, 50]]]}
SHAPES = {"type": "FeatureCollection", "features": [{"type": "Feature", "id": "a", "properties": {}, "geometry": SQUARE}]}


@pytest.mark.parametrize("where", ["layout", "template"])
@pytest.mark.parametrize("shown", ["showland", "showocean", "showcountries", "showcoastlines"])
def test_points_are_drawn_where_the_land_is_left_out(client: PlotlyClient, look: Look, where: str, shown: str) -> None:
    geo = {"geo": {shown: True}}
    path = client.new_plot(
        {"type": "scattergeo", "lat": [52, 48], "lon": [13, 11]},
        layout=geo if where == "layout" else {"template": {"layout": geo}},
    )
    page = look(path)
    expect(page.locator("#plot .scattergeo .point")).to_have_count(2)
    expect(page.get_by_text("Left out: land, coasts and borders")).to_be_visible()


def test_countries_by_name_are_left_out_and_the_rest_is_drawn(client: PlotlyClient, look: Look) -> None:
    countries = {"type": "choropleth", "locations": ["DEU", "FRA"], "z": [1, 2]}
    page = look(client.new_plot(countries, {"type": "scattergeo", "lat": [52], "lon": [13]}))
    expect(page.locator("#plot .scattergeo .point")).to_have_count(1)
    expect(page.get_by_text("Left out: trace 1, whose shapes would come from the internet.")).to_be_visible()


def test_shapes_that_the_figure_brings_are_drawn(client: PlotlyClient, look: Look) -> None:
    page = look(client.new_plot({"type": "choropleth", "geojson": SHAPES, "locations": ["a"], "z": [1]}))
    expect(page.locator("#plot .choroplethlayer path")).to_have_count(1)
    expect(page.locator("#remarks")).to_be_hidden()


def test_an_image_at_an_address_is_left_out(client: PlotlyClient, look: Look) -> None:
    image = {"source": "https://images.example/logo.png", "x": 0, "y": 1, "sizex": 1, "sizey": 1}
    page = look(client.new_plot({"y": [1, 2]}, layout={"images": [image]}))
    expect(page.locator("#plot .point")).to_have_count(2)
    expect(page.get_by_text("Left out: images at addresses outside of this endpoint.")).to_be_visible()


@pytest.mark.parametrize(("old", "successor", "mark"), [
    ({"type": "heatmapgl", "z": [[1, 2], [3, 4]]}, "heatmap", ".heatmaplayer image"),
    ({"type": "area", "r": [1, 2, 3], "t": ["N", "E", "S"]}, "barpolar", ".barlayer .point"),
    ({"type": "histogramx", "x": [1, 1, 2]}, "histogram", ".barlayer .point"),
    ({"r": [1, 2, 3], "t": [0, 90, 180]}, "scatterpolar", ".polarlayer .point"),
], ids=["heatmapgl", "area", "histogramx", "r and t"])  # fmt: skip
def test_old_types_are_drawn_as_their_successors(
    client: PlotlyClient, look: Look, old: dict[str, Any], successor: str, mark: str
) -> None:
    page = look(client.new_plot(old))
    until(page, FULL, successor)
    expect(page.locator(f"#plot {mark}").first).to_be_attached()


def test_old_title_attributes_are_followed_also_from_a_stream(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    layout = {"title": "Old", "titlefont": {"size": 31}, "yaxis": {"title": "Level", "titlefont": {"color": "rgb(1, 2, 3)"}}}
    page = look(client.new_plot({**empty, "x": [1], "y": [1]}, layout=layout))
    expect(page.locator("#plot .gtitle")).to_have_css("font-size", "31px")
    expect(page.locator("#plot .ytitle")).to_have_css("fill", "rgb(1, 2, 3)")
    with client.stream(token) as stream:
        stream.write({"layout": {"xaxis": {"title": "Time", "titlefont": {"size": 29}}}})
        expect(page.locator("#plot .xtitle")).to_have_css("font-size", "29px")
        expect(page.locator("#plot .xtitle")).to_have_text("Time")
