"""Readouts, colours and heights of the live page."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.looking import trace, until
from tests.plotly_client import PlotlyClient

Look = Callable[..., Page]
TIMES = ["2026-11-01 10:00:00", "2026-11-01 10:01:00"]


def test_readouts_have_whole_numbers_steady_decimals_and_names_as_they_are(client: PlotlyClient, look: Look) -> None:
    count, empty = trace(client, name="p<0.05, q>3")
    level, second = trace(client, name="<b>Level</b> &deg;")
    page = look(client.new_plot(empty, second, layout={"yaxis": {"title": "ADC"}}))
    tiles = page.get_by_role("list", name="Latest values").get_by_role("button")
    with client.stream(count) as one, client.stream(level) as other:
        one.write({"x": TIMES[0], "y": 12345682})
        other.write({"x": TIMES[0], "y": 50.5}, {"x": TIMES[1], "y": 50})
        expect(tiles.nth(0)).to_have_text("p<0.05, q>312345682 ")
        expect(tiles.nth(1)).to_have_text("Level °50.0 ")


def test_a_bubble_chart_keeps_its_legend(client: PlotlyClient, look: Look) -> None:
    bubbles = [
        {"x": [1, 2], "y": [1, 2], "mode": "markers", "name": name, "marker": {"size": [20, 40]}} for name in ("Asia", "Europe")
    ]
    page = look(client.new_plot(*bubbles))
    expect(page.locator("#plot .legendtext")).to_have_text(["Asia", "Europe"])
    expect(page.get_by_role("list", name="Latest values").get_by_role("button")).to_have_count(0)


def test_every_trace_has_a_colour_of_its_own(client: PlotlyClient, look: Look) -> None:
    page = look(client.new_plot(*({"y": [index, index + 1]} for index in range(60))))
    until(page, "new Set(document.querySelector('#plot')._fullData?.map((trace) => trace.line.color)).size", 60)
    stroke = "[...document.querySelectorAll('#plot path.js-line')].map((path) => path.style.stroke)"
    until(page, f"new Set({stroke}).size", 60)


def test_the_height_of_a_figure_is_kept_and_the_page_scrolls(client: PlotlyClient, look: Look) -> None:
    page = look(client.new_plot({"y": [1, 2]}, layout={"height": 1500}), viewport={"width": 800, "height": 600})
    until(page, "document.querySelector('#plot')._fullLayout?.height", 1500)
    page.locator("#plot .xtick").first.scroll_into_view_if_needed()
    expect(page.locator("#plot .xtick").first).to_be_in_viewport()


def test_many_subplots_have_room_each(client: PlotlyClient, look: Look) -> None:
    traces = [{"y": [1, 2], "yaxis": f"y{index + 1}" if index else "y"} for index in range(10)]
    page = look(
        client.new_plot(*traces, layout={"grid": {"rows": 10, "columns": 1, "pattern": "coupled"}}),
        viewport={"width": 800, "height": 600},
    )
    until(page, "document.querySelector('#plot')._fullLayout?.height >= 1000")
