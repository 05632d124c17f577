"""Plots of time: outages, the hour that comes twice, a single reading, and a drag that chooses a span."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.looking import data_of, trace, until
from tests.plotly_client import PlotlyClient

Look = Callable[..., Page]
GD = "document.querySelector('#plot')"
AXIS = f"{GD}._fullLayout.xaxis"
# Three hours without a reading
TIMES = [f"2026-11-01 10:{minute:02}:00" for minute in range(20)] + [f"2026-11-01 13:{minute:02}:00" for minute in range(20, 40)]
VALUES = [float(index) for index in range(40)]


def line(page: Page) -> Locator:
    return page.locator("#plot .scatterlayer path.js-line")


def drag(page: Page, start: float, end: float) -> None:
    """From the upper part of the plot to the lower: `start` and `end` are parts of its width."""
    box = page.locator("#plot .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + box["height"] * 0.6, steps=5)
    page.mouse.up()


@pytest.mark.parametrize("kind", ["Z", ""])
def test_an_outage_is_a_gap_and_data_stay_as_they_are(client: PlotlyClient, look: Look, kind: str) -> None:
    x = [time.replace(" ", "T") + kind for time in TIMES]
    path = client.new_plot({"x": x, "y": VALUES, "mode": "lines"})
    page = look(path)
    expect(line(page)).to_have_count(2)
    assert client.figure(path)["data"][0] == {"x": x, "y": VALUES, "mode": "lines"}


def test_a_stream_goes_on_after_its_gap(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot({**empty, "mode": "lines", "x": TIMES[:20], "y": VALUES[:20]}))
    expect(line(page)).to_have_count(1)
    with client.stream(token) as stream:
        stream.write(*({"x": x, "y": y} for x, y in zip(TIMES[20:], VALUES[20:], strict=True)))
        expect(line(page)).to_have_count(2)
    drawn = data_of(page)[0]
    assert [y for y in drawn["y"] if y is not None] == VALUES


def test_connectgaps_and_the_owner_join_what_an_outage_parts(client: PlotlyClient, look: Look) -> None:
    whole = {"x": TIMES, "y": VALUES, "mode": "lines"}
    for figure, layout in (({**whole, "connectgaps": True}, {}), (whole, {"meta": {"gaps": False}})):
        expect(line(look(client.new_plot(figure, layout=layout)))).to_have_count(1)


def test_whoever_restyles_switches_gaps_off_in_the_panel(client: PlotlyClient, look: Look) -> None:
    page = look(client.new_plot({"x": TIMES, "y": VALUES, "mode": "lines"}))
    expect(line(page)).to_have_count(2)
    page.get_by_role("button", name="Restyle").click()
    page.get_by_label("Outages").select_option("joined by a line")
    expect(line(page)).to_have_count(1)


def test_the_hour_that_comes_twice_is_told_twice_and_the_curve_runs_on(client: PlotlyClient, look: Look) -> None:
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    x = [(start + timedelta(minutes=20 * step)).isoformat() for step in range(13)]
    page = look(client.new_plot({"x": x, "y": list(range(13)), "mode": "lines+markers"}), timezone_id="Europe/Berlin")
    points = page.locator("#plot .point")
    expect(points).to_have_count(13)
    boxes = [points.nth(index).bounding_box() for index in range(13)]
    lefts = [box["x"] for box in boxes if box]
    assert lefts == sorted(lefts)
    ticks = page.locator("#plot .xtick text").all_text_contents()
    twice = ["02:00 GMT+2", "02:30 GMT+2", "02:00 GMT+1", "02:30 GMT+1"]
    assert [tick for tick in ticks if "GMT" in tick] == twice
    assert boxes[7] is not None
    page.mouse.move(boxes[7]["x"] + boxes[7]["width"] / 2, boxes[7]["y"] + 20)
    expect(page.locator("#plot .hoverlayer")).to_contain_text("Oct 25, 2026, 02:20:00")  # 00:20 UTC, the first time


def test_a_single_reading_has_a_minute_around_it(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty))
    with client.stream(token) as stream:
        stream.write({"x": "2026-11-01T10:00:00Z", "y": 20})
        until(page, f"{AXIS}.type", "date")
        until(page, f"{AXIS}.range.map((end) => Date.parse(end)).reduce((a, b) => b - a) >= 60000")
        stream.write({"x": "2026-11-01T10:00:05Z", "y": 21})
        until(page, f"{AXIS}.range.map((end) => Date.parse(end)).reduce((a, b) => b - a) < 10000")


def test_a_drag_chooses_a_span_of_time_and_the_values_fit(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot({**empty, "x": TIMES[:20], "y": [0.0] * 10 + [100.0] * 10}, layout={"meta": {"gaps": False}}))
    expect(page.locator("#plot .point")).to_have_count(20)
    drag(page, 0.1, 0.4)
    expect(page.get_by_role("button", name="Show everything")).to_be_visible()
    until(page, f"{GD}._fullLayout.yaxis.range[1] < 50")
    span = page.evaluate(f"{AXIS}.range")
    with client.stream(token) as stream:
        stream.write({"x": "2026-11-01 10:20:00", "y": 500})
        until(page, f"{GD}.data[0].y.length", 21)
    assert page.evaluate(f"{AXIS}.range") == span
    assert page.evaluate(f"{GD}._fullLayout.yaxis.range[1]") < 50
    page.get_by_role("button", name="Show everything").click()
    until(page, f"{GD}._fullLayout.yaxis.range[1] > 400")


def test_a_drag_on_a_plot_of_numbers_zooms_in_both_directions(client: PlotlyClient, look: Look) -> None:
    page = look(client.new_plot({"x": list(range(20)), "y": list(range(20))}))
    expect(page.locator("#plot .point")).to_have_count(0)
    until(page, f"{GD}.data?.length", 1)
    drag(page, 0.1, 0.4)
    until(page, f"{GD}.layout.yaxis.range?.length", 2)


def test_a_heatmap_over_time_is_zoomed_in_both_directions(client: PlotlyClient, look: Look) -> None:
    page = look(client.new_plot({"type": "heatmap", "x": TIMES[:3], "y": [1, 2, 3], "z": [[1, 2, 3]] * 3}))
    until(page, f"{GD}.data?.length", 1)
    drag(page, 0.1, 0.4)
    until(page, f"{GD}.layout.yaxis.range?.length", 2)


def test_ends_of_a_range_may_be_milliseconds(client: PlotlyClient, look: Look) -> None:
    start = 1_793_527_200_000  # 2026-11-01 10:00 UTC
    page = look(
        client.new_plot({"x": TIMES, "y": VALUES, "mode": "markers"}, layout={"xaxis": {"range": [start, start + 600_000]}})
    )
    expect(page.locator("#plot .point").first).to_be_attached()
