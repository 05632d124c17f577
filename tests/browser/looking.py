"""What the browser tests do again and again: make traces that stream, and wait until a page shows something."""

import base64
import json
import time
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page, expect

from tests.plotly_client import PlotlyClient

PATIENCE_S = 60


def trace(client: PlotlyClient, maxpoints: int = 500, **more: Any) -> tuple[str, dict[str, Any]]:
    """A token and an empty trace that it feeds."""
    token = client.token()
    return token, {"x": [], "y": [], "mode": "lines+markers", "stream": {"token": token, "maxpoints": maxpoints}, **more}


def data_of(page: Page) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = json.loads(page.evaluate("JSON.stringify(document.querySelector('#plot').data)"))
    return data


def until(page: Page, condition: str, wanted: Any = True) -> None:
    """Waits until the expression has the wanted value. (Playwright's own way needs eval, which the page forbids.)"""
    deadline = time.monotonic() + PATIENCE_S
    while (found := _value(page, condition)) != wanted:
        assert time.monotonic() < deadline, f"{condition} is {found!r}, not {wanted!r}"
        page.wait_for_timeout(50)


def until_alike(one: Page, other: Page, expression: str) -> None:
    """Wait until the expression has the same value in both pages."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := (_value(one, expression), _value(other, expression)))[0] != found[1]:
        assert time.monotonic() < deadline, f"{expression} is {found[0]!r} and {found[1]!r}"
        one.wait_for_timeout(50)


def _value(page: Page, expression: str) -> Any:
    """The error itself, while the page is on its way to another or has drawn nothing yet."""
    try:
        return page.evaluate(expression)
    except Error as error:
        return error


def arrive(page: Page, path: str) -> None:
    """Waits until the page of that path is loaded. (A pattern for the whole address would fit `/login?next=PATH` too.)"""
    page.wait_for_url(lambda url: urlsplit(url).path == path)


def wait_for_y(page: Page, values: list[Any], index: int = 0) -> None:
    """Waits until the trace is drawn with these values: in plotly.js's data and as marks on the screen."""
    until(page, f"document.querySelector('#plot')?.data?.[{index}]?.y", values)
    marks = page.locator("#plot .scatterlayer .trace").nth(index).locator(".point")
    expect(marks).to_have_count(sum(value is not None for value in values))


def state(page: Page, text: str) -> None:
    expect(page.get_by_role("status")).to_have_text(text)


def coloured_pixels(page: Page) -> int:
    """How many pixels of the plot are neither white, black nor grey, as they stand on the screen."""
    picture = base64.b64encode(page.locator("#plot").screenshot()).decode()
    count: int = page.evaluate(
        """async (picture) => {
            const image = new Image();
            image.src = `data:image/png;base64,${picture}`;
            await image.decode();
            const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d", { willReadFrequently: true });
            canvas.drawImage(image, 0, 0);
            const { data } = canvas.getImageData(0, 0, image.width, image.height);
            let count = 0;
            for (let at = 0; at < data.length; at += 4) {
                const [red, green, blue] = data.subarray(at, at + 3);
                if (Math.max(red, green, blue) - Math.min(red, green, blue) > 60) count += 1;
            }
            return count;
        }""",
        picture,
    )
    return count
