"""Pictures that a real Chromium draws, and figures that it cannot draw."""

import asyncio
import itertools
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from host_tools.endpoint.browser import PROGRAMS
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.images import AT_ONCE, Picture, Renderer, make_page, parse_picture, read_dump
from host_tools.endpoint.turns import MOST_WAITING, Asker
from tests.endpoint.core import PATIENCE_S

FIGURE: dict[str, Any] = {"data": [{"y": [1, 3, 2]}], "layout": {"title": "25 °C"}}

USER = Asker("ann", known=True)
STRANGER = Asker("192.0.2.1", known=False)

PRINT = "echo '<body>data:image/png;base64,QUJD</body>'"

needs_chromium = pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium: install the package chromium")


def draw(figure: dict[str, Any], picture: Picture, **options: Any) -> bytes:
    return asyncio.run(Renderer(**options).render(figure, picture, USER))


@needs_chromium
@pytest.mark.parametrize(
    ("format", "start"),
    [("png", b"\x89PNG\r\n"), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF"), ("svg", b"<svg "), ("pdf", b"%PDF-")],
)
def test_every_format_is_drawn(format: str, start: bytes) -> None:
    assert draw(FIGURE, Picture(format, 300, 200)).startswith(start)


@needs_chromium
def test_the_size_is_what_was_asked_for_times_the_scale() -> None:
    assert struct.unpack(">2I", draw(FIGURE, Picture("png", 300, 200, 2.0))[16:24]) == (600, 400)


@needs_chromium
def test_data_titles_and_webgl_traces_are_in_the_picture() -> None:
    """WebGL is drawn as a picture inside the SVG; without it the trace would be missing without a word."""
    svg = draw(
        {"data": [{"y": [1, 3, 2]}, {"y": [2, 1], "type": "scattergl"}], "layout": FIGURE["layout"]}, Picture("svg")
    ).decode()

    assert "25 °C" in svg
    assert 'class="js-line"' in svg
    assert "data:image/png;base64," in svg


@needs_chromium
@pytest.mark.parametrize("drawn", [
    {"data": [{"type": "scattergeo", "lat": [52], "lon": [13]}], "layout": {"geo": {"showland": True}}},
    {"data": [{"type": "scattergeo", "lat": [52], "lon": [13]}], "layout": {}},
], ids=["land", "as it is"])  # fmt: skip
def test_places_are_drawn_without_the_land(drawn: dict[str, Any]) -> None:
    assert 'class="point"' in draw(drawn, Picture("svg")).decode()


@needs_chromium
def test_old_names_are_drawn_as_in_the_page() -> None:
    svg = draw(
        {"data": [{"r": [1, 2], "t": [0, 90]}], "layout": {"title": "Old", "titlefont": {"size": 31}}}, Picture("svg")
    ).decode()

    assert "font-size: 31px" in svg
    assert "scatterpolar" in svg or "polarlayer" in svg


@needs_chromium
@pytest.mark.parametrize("format", ["png", "pdf"])
def test_a_figure_that_cannot_be_drawn_is_refused(format: str) -> None:
    with pytest.raises(Refusal, match=r"plotly\.js cannot draw this figure: TypeError") as caught:
        draw({"data": [{"x": 5}], "layout": {"xaxis": {"domain": "x"}}}, Picture(format))

    assert caught.value.status == 422


@needs_chromium
def test_nobody_is_asked_on_behalf_of_a_figure() -> None:
    """A figure is somebody else's text: it must not make this machine reach into its network."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        image = {"source": f"{address}/image.png", "x": 0, "y": 1, "sizex": 1, "sizey": 1}
        shapes = {"type": "choropleth", "geojson": f"{address}/shapes.json", "locations": ["a"], "z": [1]}
        assert draw({"data": [{"y": [1]}, shapes], "layout": {"images": [image]}}, Picture()).startswith(b"\x89PNG")
        style = {"style": f"{address}/style.json"}
        with pytest.raises(Refusal, match="maps are drawn in the page of a plot only"):
            draw({"data": [{"type": "scattermap", "lat": [1], "lon": [1]}], "layout": {"map": style}}, Picture())
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@needs_chromium
def test_a_picture_that_takes_too_long_is_given_up_and_leaves_no_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(Refusal, match=r"not drawn within 0\.05 s") as caught:
        draw(FIGURE, Picture(), timeout_s=0.05)

    assert caught.value.status == 422
    deadline = time.monotonic() + PATIENCE_S
    while f"{tmp_path}/plotpost-picture-" in _running():  # what was killed needs a moment of the processor to end
        assert time.monotonic() < deadline


def _running() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_without_a_browser_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(Refusal, match="install chromium") as caught:
        draw(FIGURE, Picture())

    assert caught.value.status == 424


def put_program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the browser, where what matters is when it runs and not what it draws."""
    program = folder / "chromium"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


async def crowd(size: int) -> list[bytes | BaseException]:
    renderer = Renderer()
    return await asyncio.gather(*(renderer.render(FIGURE, Picture(), USER) for _ in range(size)), return_exceptions=True)


def test_no_more_than_a_few_are_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = tmp_path / "log"
    crowded = f"until [ $(grep -c + {log}) -ge {AT_ONCE} ]; do sleep 0.01; done; sleep 0.1"
    put_program(tmp_path, f"echo + >>{log}; {crowded}; echo - >>{log}; {PRINT}", monkeypatch)

    assert asyncio.run(crowd(3 * AT_ONCE)) == [b"ABC"] * 3 * AT_ONCE

    steps = [1 if line == "+" else -1 for line in log.read_text().split()]
    assert len(steps) == 6 * AT_ONCE
    assert max(itertools.accumulate(steps)) == AT_ONCE


def test_a_browser_that_does_not_run_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_program(tmp_path, "exit 1", monkeypatch)

    with pytest.raises(Refusal, match=f"try {tmp_path}/chromium --headless") as caught:
        draw(FIGURE, Picture())

    assert caught.value.status == 424


def test_too_many_at_once_are_told_to_come_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_program(tmp_path, PRINT, monkeypatch)

    *drawn, refused = asyncio.run(crowd(MOST_WAITING + 1))

    assert set(drawn) == {b"ABC"}
    assert isinstance(refused, Refusal)
    assert refused.status == 429


def test_no_text_of_a_figure_ends_its_element() -> None:
    page = make_page({"data": [{"name": "</script><script>alert(1)</script>"}], "layout": {}}, Picture())

    assert b"alert(1)</script>" not in page


@pytest.mark.parametrize("output", [b"", b"<html><body><p>nothing</p></body></html>"])
def test_a_browser_that_prints_no_picture_is_told(output: bytes) -> None:
    with pytest.raises(Refusal, match="the browser could not draw this figure"):
        read_dump(output)


@pytest.mark.parametrize(
    ("given", "picture"),
    [
        ({}, Picture("png", 700, 500, 1)),
        ({"format": "JPG", "width": "300", "height": 200.4, "scale": 2}, Picture("jpeg", 300, 200, 2)),
    ],
)
def test_what_is_not_said_is_as_plotly_js_has_it(given: dict[str, Any], picture: Picture) -> None:
    assert parse_picture(given) == picture


@pytest.mark.parametrize(
    ("asker", "picture", "points", "status", "message"),
    [
        (STRANGER, Picture("png", 8192, 8192), 1, 400, "would have 67.1 megapixels; 6 are the most for who is not logged in"),
        (STRANGER, Picture("png", 700, 500, 4.2), 1, 400, "would have 6.2 megapixels; 6 are the most"),
        (
            STRANGER,
            Picture("svg", 700, 500),
            1_000_000,
            413,
            "larger than 8 MiB, the most that is drawn as a picture for who is not",
        ),
        (USER, Picture("png", 8192, 8192), 1, 400, "would have 67.1 megapixels; 25 are the most"),
        (USER, Picture("png", 700, 500), 4_000_000, 413, "larger than 32 MiB"),
    ],
)
def test_what_would_take_too_much_is_refused_before_a_browser_starts(
    asker: Asker, picture: Picture, points: int, status: int, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_program(tmp_path, f"touch {tmp_path}/started; {PRINT}", monkeypatch)
    figure = {"data": [{"text": ["." * 9 * points]}], "layout": {}}

    with pytest.raises(Refusal, match=message) as caught:
        asyncio.run(Renderer().render(figure, picture, asker))

    assert caught.value.status == status
    assert not (tmp_path / "started").exists()


def test_what_strangers_usually_ask_for_is_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_program(tmp_path, PRINT, monkeypatch)
    assert asyncio.run(Renderer().render(FIGURE, Picture("png", 700, 500, 4), STRANGER)) == b"ABC"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"format": "emf"}, "pictures are made as png, jpeg, webp, svg, pdf, not as 'emf'"),
        ({"width": "wide"}, "width must be a number from 10 to 8192"),
        ({"height": 1}, "height must be a number from 10 to 8192"),
        ({"height": "nan"}, "height must be a number from 10 to 8192"),
        ({"scale": 100}, r"scale must be a number from 0\.1 to 10"),
        ({"width": 5000, "scale": 4}, "width must be a number from 10 to 2048"),
    ],
)
def test_an_impossible_picture_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(Refusal, match=message):
        parse_picture(given)
