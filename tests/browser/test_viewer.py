"""The live page in a real browser: what is drawn, what it says, and that it goes on by itself."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.figure import Figure
from host_tools.endpoint.plots import write_plot
from host_tools.endpoint.store import Store
from tests.browser.looking import data_of, state, trace, until, until_alike, wait_for_y
from tests.plotly_client import PlotlyClient

Look = Callable[..., Page]


def test_points_are_drawn_as_they_come(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty, filename="Greenhouse"))
    expect(page.get_by_text("Waiting for the first reading")).to_be_visible()
    expect(page).to_have_title("Greenhouse")

    with client.stream(token) as stream:
        for count in range(1, 6):
            stream.write({"x": count, "y": count * count})
            wait_for_y(page, [n * n for n in range(1, count + 1)])

    expect(page.get_by_text("Waiting for the first reading")).to_be_hidden()


def test_points_are_drawn_where_they_belong(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty, layout={"xaxis": {"range": [0, 4]}, "yaxis": {"range": [0, 4]}}))
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 3}, {"x": 3, "y": 1})
        wait_for_y(page, [3, 1])

    first, second = (page.locator("#plot .point").nth(index).bounding_box() for index in (0, 1))
    assert first is not None
    assert second is not None
    assert first["x"] < second["x"]
    assert first["y"] < second["y"]


def test_two_windows_show_the_same(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    path = client.new_plot(empty)
    early = look(path)
    with client.stream(token) as stream:
        stream.write(*({"x": n, "y": n} for n in range(10)))
        wait_for_y(early, list(range(10)))
        late = look(path)
        stream.write(*({"x": n, "y": n} for n in range(10, 20)))
        for page in (early, late):
            wait_for_y(page, list(range(20)))

    assert data_of(early) == data_of(late)
    drawn = "document.querySelector('#plot path.js-line').getAttribute('d')"
    until_alike(early, late, drawn)  # a window may still be making room for the readouts


def test_only_the_newest_maxpoints_are_kept(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client, maxpoints=3)
    page = look(client.new_plot(empty))
    with client.stream(token) as stream:
        stream.write(*({"x": n, "y": n} for n in range(3)))
        wait_for_y(page, [0, 1, 2])
        stream.write(*({"x": n, "y": n} for n in range(3, 8)))
        wait_for_y(page, [5, 6, 7])


def test_a_plot_that_is_full_says_so_on_its_page(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty))
    expect(page.locator("#remarks")).to_be_hidden()
    text = b"." * (1 << 19)
    lines = b"".join(b'{"text%d":["%b"]}\n' % (number, text) for number in range(100))
    response, answer = client.request("POST", "/", lines, {"plotly-streamtoken": token})
    assert (response.status, b"holds more than 32 MiB" in answer) == (423, True)
    expect(page.locator("#remarks")).to_contain_text("No more readings are taken: the plot holds more than 32 MiB")
    client.new_plot(empty)
    expect(page.locator("#remarks")).to_be_hidden()


def test_arrays_that_lag_behind_stay_in_step_with_the_others(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client, maxpoints=3)
    page = look(client.new_plot(empty))
    with client.stream(token) as stream:
        stream.write(*({"x": n, "y": n} for n in range(3)), {"x": 3}, {"x": 4, "y": 4, "text": "four"})
        wait_for_y(page, [2, None, 4])
        until(page, "document.querySelector('#plot').data[0].text", [None, None, "four"])
        stream.write({"x": 5})
        until(page, "document.querySelector('#plot').data[0].x", [3, 4, 5])
        wait_for_y(page, [None, 4])
        stream.write({"x": [0] * 9, "y": list(range(9))})
        wait_for_y(page, list(range(9)))


def test_a_plot_tells_that_its_token_is_fought_over(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty))
    streams = [client.stream(token) for _ in range(2)]
    for _ in range(2):
        assert b" 308 " in streams.pop(0).answer()
        streams.append(client.stream(token))
    streams[-1].write({"x": 1, "y": 1})
    expect(page.locator("#remarks")).to_contain_text("with the same token")
    for stream in streams:
        stream.close()


def test_a_gap_stays_a_gap(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty))
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1}, {"x": 2, "y": None}, {"x": 3, "y": 3})
        wait_for_y(page, [1, None, 3])

    pieces = page.locator("#plot path.js-line")
    expect(pieces).to_have_count(2)
    assert not any("L" in (piece.get_attribute("d") or "") for piece in pieces.all())


def test_lists_replace_and_layout_changes_while_it_streams(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty))
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1})
        wait_for_y(page, [1])
        stream.write({"x": [7, 8, 9], "y": [4, 5, 6], "marker": {"color": "rgb(1, 2, 3)"}})
        wait_for_y(page, [4, 5, 6])
        expect(page.locator("#plot .point").first).to_have_css("fill", "rgb(1, 2, 3)")
        stream.write({"layout": {"title": "an old client's title", "yaxis": {"range": [0, 50]}}})
        expect(page.locator("#plot .gtitle")).to_have_text("an old client's title")
        stream.write({"x": 10, "y": 7, "layout": {"title": {"text": "a new title"}}})
        expect(page.locator("#plot .gtitle")).to_have_text("a new title")
        wait_for_y(page, [4, 5, 6, 7])

    assert page.evaluate("document.querySelector('#plot').layout.yaxis.range") == [0, 50]


def test_every_size_comes_with_its_point(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client, marker={"size": []})
    page = look(client.new_plot(empty))
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1, "marker": {"size": 10}}, {"x": 2, "y": 2, "marker": {"size": 30}})
        wait_for_y(page, [1, 2])

    assert data_of(page)[0]["marker"]["size"] == [10, 30]
    boxes = [page.locator("#plot .point").nth(index).bounding_box() for index in (0, 1)]
    widths = [box["width"] for box in boxes if box]
    assert widths[1] - widths[0] == pytest.approx(20, abs=1)


def test_the_state_follows_the_stream(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty))
    state(page, "waiting")

    stream = client.stream(token)
    stream.write({"x": 1, "y": 1})
    state(page, "live")
    expect(page.locator("#last")).to_contain_text("Last point")

    assert stream.end().startswith(b"HTTP/1.1 200")
    state(page, "stream ended")
    expect(page.locator("#last")).to_contain_text("ago")


def test_the_age_of_the_last_point_does_not_depend_on_the_viewers_clock(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    path = client.new_plot(empty)
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1})
        page = look(path)
        wait_for_y(page, [1])

    page.add_init_script("const now = Date.now; Date.now = () => now() - 3_600_000")
    page.reload()
    wait_for_y(page, [1])
    expect(page.locator("#last")).to_have_text(re.compile(r"^Last point (just now|\d+ s ago|[1-5] min ago)$"))


def test_it_goes_on_after_the_endpoint_was_killed(serve: Callable[..., ChildEndpoint], free_port: int, chromium: Browser) -> None:
    endpoint = serve(port=free_port)
    client = PlotlyClient(endpoint)
    token, empty = trace(client)
    path = client.new_plot(empty)
    page = chromium.new_page()
    page.goto(endpoint.url.rstrip("/") + path)
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1})
        wait_for_y(page, [1])
        endpoint.kill()
        state(page, "reconnecting")
    endpoint.start()
    state(page, "stream ended")
    with client.stream(token) as stream:
        stream.write({"x": 2, "y": 2})
        wait_for_y(page, [1, 2])
        state(page, "live")
    page.context.close()


def test_a_page_that_never_hears_anything_says_what_to_look_for(client: PlotlyClient, chromium: Browser) -> None:
    page = chromium.new_page()
    page.route_web_socket("**/ws", lambda socket: socket.close())
    page.goto(client.endpoint.url.rstrip("/") + client.new_plot({"y": [1]}))
    expect(page.get_by_text("does every proxy on the way to it pass WebSockets on?")).to_be_visible()
    state(page, "connecting")
    page.context.close()


def test_dates_with_a_zone_are_shown_in_the_viewers_and_others_as_they_are(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    plain_token, plain = trace(client)
    path = client.new_plot({**empty, "x": ["2026-07-01T22:00:00Z"], "y": [0]}, plain)
    pages = {zone: look(path, timezone_id=zone) for zone in ("Asia/Tokyo", "America/New_York")}
    with client.stream(token) as stream, client.stream(plain_token) as plain_stream:
        stream.write({"x": "2026-07-01T23:00:00.5Z", "y": 1})
        plain_stream.write({"x": "2026-07-02 01:00:00", "y": 2})
        for page in pages.values():
            wait_for_y(page, [0, 1], index=0)
            wait_for_y(page, [2], index=1)

    assert data_of(pages["Asia/Tokyo"])[0]["x"] == ["2026-07-02 07:00:00.000", "2026-07-02 08:00:00.500"]
    assert data_of(pages["America/New_York"])[0]["x"] == ["2026-07-01 18:00:00.000", "2026-07-01 19:00:00.500"]
    for zone, page in pages.items():
        assert data_of(page)[1]["x"] == ["2026-07-02 01:00:00"]
        expect(page.locator("#zone")).to_have_text(f"Times in {zone}")


SCRIPT_LIKE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def test_text_that_looks_like_a_script_stays_text(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client, name=SCRIPT_LIKE, text=[SCRIPT_LIKE])
    link = "<a href=\"javascript:document.title='owned'\">here</a>"
    layout = {"title": {"text": SCRIPT_LIKE}, "annotations": [{"text": link, "x": 1, "y": 1}], "showlegend": True}
    page = look(client.new_plot(empty, filename=SCRIPT_LIKE, layout=layout))
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1, "layout": {"xaxis": {"title": SCRIPT_LIKE}, "__proto__": {"owned": 1}}})
        wait_for_y(page, [1])

    assert page.title() == SCRIPT_LIKE
    assert page.locator("img[src=x], a[href^='javascript']").count() == 0
    assert page.locator("main script").count() == 0
    assert page.evaluate("({}).owned") is None


def test_a_zoom_survives_new_points_and_a_new_snapshot(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    page = look(client.new_plot(empty, filename="zoomed"))
    with client.stream(token) as stream:
        stream.write(*({"x": n, "y": n} for n in range(10)))
        wait_for_y(page, list(range(10)))
        box = page.locator("#plot .nsewdrag").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=5)
        page.mouse.up()
        expect(page.get_by_role("button", name="Show everything")).to_be_visible()
        zoomed = page.evaluate("document.querySelector('#plot').layout.xaxis.range")
        stream.write({"x": 10, "y": 10})
        until(page, "document.querySelector('#plot').data[0].y.length", 11)
        assert page.evaluate("document.querySelector('#plot').layout.xaxis.range") == zoomed
        client.plot([{"x": [100], "y": [5]}], filename="zoomed", fileopt="append")
        until(page, "document.querySelector('#plot').data.length", 2)
        assert page.evaluate("document.querySelector('#plot').layout.xaxis.range") == zoomed

    page.get_by_role("button", name="Show everything").click()
    until(page, "document.querySelector('#plot').layout.xaxis.range[1] > 50")
    expect(page.get_by_role("button", name="Show everything")).to_be_hidden()


def test_the_newest_values_stand_above_the_plot_with_their_units(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client, name="Temperature")
    page = look(client.new_plot(empty, layout={"yaxis": {"title": {"text": "Inside (°C)"}}}))
    readout = page.get_by_role("list", name="Latest values").get_by_role("button")
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 20.5}, {"x": 2, "y": 21.25})
        expect(readout).to_have_text("Temperature21.25 °C")

    readout.click()
    expect(readout).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#plot .scatterlayer .trace")).to_have_count(0)


def test_a_stream_that_is_faster_than_the_screen_loses_nothing(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client, maxpoints=5000)
    page = look(client.new_plot(empty))
    state(page, "waiting")
    with client.stream(token) as stream:
        stream.write(*({"x": n, "y": n} for n in range(3000)))
        until(page, "document.querySelector('#plot').data?.[0].y.length", 3000)

    assert data_of(page)[0]["y"] == list(range(3000))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(client: PlotlyClient, look: Look, scheme: str) -> None:
    page = look(client.new_plot({"x": [1, 2], "y": [1, 2], "mode": "markers"}), color_scheme=scheme)
    wait_for_y(page, [1, 2])
    luminances = page.evaluate(
        """() => ["#plot .main-svg", "#plot .xtick text", "h1", "body"].map((selector, index) => {
            const style = getComputedStyle(document.querySelector(selector));
            const colour = [style.backgroundColor, style.fill, style.color, style.backgroundColor][index];
            const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number);
            return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
        })"""
    )
    background, ticks, heading, body = luminances

    assert (background < 0.3) == (body < 0.3) == (scheme == "dark")
    assert abs(background - ticks) > 0.3
    assert abs(body - heading) > 0.5


@pytest.mark.parametrize(("drawn", "mark"), [
    ({"type": "table", "header": {"values": ["a"]}, "cells": {"values": [["seven"]]}}, "#plot .table"),
    ({"type": "sankey", "node": {"label": ["a", "b"]}, "link": {"source": [0], "target": [1], "value": [1]}}, "#plot .sankey"),
    ({"x": [], "y": []}, "#plot .cartesianlayer"),
], ids=["table", "sankey", "nothing"])  # fmt: skip
def test_a_static_picture_waits_for_no_reading(client: PlotlyClient, look: Look, drawn: dict[str, Any], mark: str) -> None:
    page = look(client.new_plot(drawn))
    expect(page.locator(mark).first).to_be_visible()
    expect(page.get_by_text("Waiting for the first reading")).to_be_hidden()


def test_a_track_of_places_needs_no_other_server(client: PlotlyClient, look: Look) -> None:
    token = client.token()
    track = {"type": "scattergeo", "lat": [], "lon": [], "mode": "lines+markers", "stream": {"token": token}}
    page = look(client.new_plot(track))
    with client.stream(token) as stream:
        stream.write({"lat": 52.5, "lon": 13.4}, {"lat": 48.1, "lon": 11.6})
        expect(page.locator("#plot .scattergeo .point")).to_have_count(2)


def test_a_plot_that_no_stream_feeds_says_so(client: PlotlyClient, look: Look) -> None:
    state(look(client.new_plot({"x": [1], "y": [1]})), "no stream")


def test_no_button_sends_the_readings_elsewhere(client: PlotlyClient, look: Look) -> None:
    page = look(client.new_plot({"x": [1, 2], "y": [1, 2], "mode": "markers"}))
    wait_for_y(page, [1, 2])

    buttons = page.locator("#plot .modebar-btn")
    titles = [button.get_attribute("data-title") for button in buttons.all()]
    assert titles == ["Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"]


def test_it_fits_a_phone(client: PlotlyClient, look: Look) -> None:
    traces = [{"x": [1, 2], "y": [n, n], "name": f"sensor {n}", "mode": "markers"} for n in range(8)]
    page = look(client.new_plot(*traces, filename="a plot with a rather long name"), viewport={"width": 360, "height": 640})
    wait_for_y(page, [7, 7], index=7)

    until(page, "document.documentElement.scrollWidth", 360)
    until(page, "document.querySelector('#plot .main-svg').getBoundingClientRect().bottom <= 640")
    box = page.locator("#plot .main-svg").first.bounding_box()
    assert box is not None
    assert box["height"] > 300


def test_the_list_refreshes_itself(client: PlotlyClient, look: Look) -> None:
    page = look("/")
    expect(page.get_by_role("heading", name="No plots yet")).to_be_visible()
    token, empty = trace(client)

    path = client.new_plot(empty, filename="Greenhouse")

    row = page.get_by_role("link", name="Greenhouse")
    expect(row).to_have_attribute("href", path)
    expect(row).to_contain_text("waiting")
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1})
        expect(row).to_contain_text("live")
        expect(row).to_contain_text("ago")
    row.click()
    expect(page).to_have_title("Greenhouse")


def test_an_animation_plays(client: PlotlyClient, look: Look) -> None:
    frames = [{"name": str(n), "data": [{"y": [n, n]}]} for n in range(3)]
    play = {"label": "Play", "method": "animate", "args": [None, {"frame": {"duration": 0}, "transition": {"duration": 0}}]}
    layout = {"updatemenus": [{"type": "buttons", "buttons": [play]}], "yaxis": {"range": [-1, 3]}}
    store = Store.open(client.endpoint.data)
    with store.transaction():
        figure = Figure([{"x": [1, 2], "y": [0, 0], "mode": "markers"}], layout, frames)
        write_plot(store, client.user, None, figure, "animation", "public")
    store.close()
    page = look(f"/~{client.user.name}/1")
    page.locator("#plot .updatemenu-button").click()
    until(page, "document.querySelector('#plot').data[0].y", [2, 2])
