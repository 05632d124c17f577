"""A figure's own buttons and sliders: what a viewer does with them stays while it streams, until the owner saves something else."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.browser.looking import data_of, trace, until
from tests.plotly_client import PlotlyClient

Look = Callable[..., Page]
TRACE = "document.querySelector('#plot')._fullData[0]"
LAYOUT = "document.querySelector('#plot')._fullLayout"
MENU = {
    "type": "buttons",
    "active": -1,
    "buttons": [
        {"label": "red", "method": "restyle", "args": [{"line.color": "red"}]},
        {"label": "named", "method": "relayout", "args": ["yaxis.title.text", "Level"]},
    ],
}
WIDTHS = [
    {"label": str(width), "method": "update", "args": [{"line.width": [width]}, {"xaxis.title.text": f"width {width}"}]}
    for width in (1, 9)
]


def with_frames(client: PlotlyClient, figure: dict[str, Any]) -> str:
    """The path of a new plot; frames come by REST v2 only."""
    key = base64.b64encode(f"{client.user.name}:{client.key}".encode()).decode()
    headers = {"authorization": f"Basic {key}", "content-type": "application/json"}
    _, answer = client.request("POST", "/v2/plots", json.dumps({"figure": figure, "world_readable": True}).encode(), headers)
    address: str = json.loads(answer)["file"]["web_url"]
    return urlsplit(address).path.rstrip("/")


def slide_to_end(page: Page) -> None:
    box = page.locator("#plot .slider-rail-touch-rect").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)


def test_buttons_and_sliders_stay_while_it_streams_and_for_the_viewer_alone(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    layout: dict[str, Any] = {"updatemenus": [MENU], "sliders": [{"active": 0, "steps": WIDTHS}]}
    path = client.new_plot({**empty, "x": [1, 2], "y": [1, 2]}, filename="buttons", layout=layout)
    page, other = look(path), look(path)
    until(page, "document.querySelectorAll('#plot .updatemenu-button').length", 2)
    for index in (0, 1):
        page.locator("#plot .updatemenu-button").nth(index).click()
    slide_to_end(page)
    until(page, f"{TRACE}.line.width", 9)
    with client.stream(token) as stream:
        stream.write({"x": 3, "y": 1})
        for each in (page, other):
            until(each, "document.querySelector('#plot').data[0].y", [1, 2, 1])
    for expression, value in (
        (f"{TRACE}.line.color", "red"),
        (f"{TRACE}.line.width", 9),
        (f"{LAYOUT}.yaxis.title.text", "Level"),
        (f"{LAYOUT}.xaxis.title.text", "width 9"),
        (f"{LAYOUT}.sliders[0].active", 1),
        (f"{LAYOUT}.updatemenus[0].active", 1),
    ):
        until(page, expression, value)
    assert other.evaluate(f"{TRACE}.line.width") == 2

    client.plot([], filename="buttons", fileopt="append", layout={"yaxis": {"title": {"text": "Owner's"}}})
    until(page, f"{LAYOUT}.yaxis.title.text", "Owner's")
    until(page, f"{TRACE}.line.color", "red")
    client.plot([], filename="buttons", fileopt="append", layout={"updatemenus": [], "sliders": []})
    until(page, f"{TRACE}.line.width", 2)


def test_a_frame_of_an_animation_stays(client: PlotlyClient, look: Look) -> None:
    """A slider's animation ends with the next point no more."""
    steps = [{"label": name, "method": "animate", "args": [[name], {"mode": "immediate"}]} for name in ("a", "b")]
    token, empty = trace(client)
    figure = {
        "data": [empty, {"x": [1, 2], "y": [0, 0]}],
        "layout": {"sliders": [{"active": 0, "steps": steps}]},
        "frames": [{"name": name, "data": [{"y": y}], "traces": [1]} for name, y in (("a", [0, 0]), ("b", [5, 6]))],
    }
    page = look(with_frames(client, figure))
    until(page, "document.querySelector('#plot').data?.[1]?.y", [0, 0])
    slide_to_end(page)
    until(page, "document.querySelector('#plot').data[1].y", [5, 6])
    with client.stream(token) as stream:
        stream.write({"x": 3, "y": 1})
        until(page, "document.querySelector('#plot').data[0].y", [1])
    assert data_of(page)[1]["y"] == [5, 6]
