"""Figures to pictures: plotly.js draws them in a Chromium that runs without a window, for as long as one picture takes."""

import asyncio
import base64
import re
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import orjson

from .browser import PROGRAMS, Browser
from .errors import Refusal
from .turns import Asker, Turns

MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
}
MOST_PIXELS = 8192  # of an edge


class _Most(NamedTuple):
    """What one picture may take. Chromium needs 340 MiB, and 1 GiB more for 70 megapixels or for 30 MiB of a figure."""

    pixels: int
    bytes: int  # of the figure


_MOST_OF_A_USER = _Most(25_000_000, 32 << 20)
_MOST_OF_A_STRANGER = _Most(6_000_000, 8 << 20)  # the usual size times 4 is 5.6 megapixels
AT_ONCE = 2
TIMEOUT_S = 60.0

_PLOTLY = Path(str(resources.files("plotly").joinpath("package_data", "plotly.min.js")))
_DONE = re.compile(rb"<body[^>]*>(data|error):([^<]*)</body>")
# WebGL traces are drawn by code that plotly.js makes at run time: hence unsafe-eval, in a page that reaches nobody.
_PAGE = Template("""<!doctype html><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'nonce-$nonce' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:">
<style>@page { size: ${width}px ${height}px; margin: 0 } body { margin: 0 }</style>
<script nonce="$nonce" src="$plotly"></script>
<script type="application/json" id="picture">$picture</script>
<body><script type="module" nonce="$nonce">
$drawable
const { figure: given, format, width, height, scale } = JSON.parse(document.getElementById("picture").textContent);
const { figure } = drawable(given);
async function draw() {
  if (figure.data.some((trace) => MAPS.includes(trace.type))) throw new Error("maps are drawn in the page of a plot only");
  if (format !== "pdf") return Plotly.toImage(figure, { format, width, height, scale });
  await Plotly.newPlot(document.body, figure.data, { ...figure.layout, width, height }, { staticPlot: true });
  document.title = "drawn";
}
draw().catch((error) => `error:$${error}`).then((text) => { if (text) document.body.textContent = text; });
</script></body>
""")


@dataclass(frozen=True, slots=True)
class Picture:
    """What is asked for. Width and height are in pixels before they are multiplied by `scale`."""

    format: str = "png"
    width: int = 700
    height: int = 500
    scale: float = 1.0


def parse_picture(given: dict[str, Any]) -> Picture:
    """From a request's `format`, `width`, `height` and `scale`, numbers also as text. Raises Refusal(400)."""
    name = str(given.get("format") or "png").lower()
    name = {"jpg": "jpeg"}.get(name, name)
    if name not in MEDIA_TYPES:
        raise Refusal(400, f"pictures are made as {', '.join(MEDIA_TYPES)}, not as {name[:40]!r}")
    scale = _number(given, "scale", 1, 0.1, 10)
    width, height = (round(_number(given, edge, default, 10, MOST_PIXELS / scale)) for edge, default in _EDGES.items())
    return Picture(name, width, height, scale)


_EDGES = {"width": 700, "height": 500}  # plotly.js's own


def _number(given: dict[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = given.get(name)
    if value is None:
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not least <= number <= most:
        raise Refusal(400, f"{name} must be a number from {least:g} to {most:g}")
    return number


class Renderer:
    """Draws a few pictures at a time."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._turns = Turns(AT_ONCE)
        self._browser = Browser()

    async def render(self, figure: dict[str, Any], picture: Picture, asker: Asker) -> bytes:
        """Raises Refusal: 424 without a browser that runs, 429 when too many wait already, 422 for a figure that cannot be drawn,
        400 and 413 for one that takes too much.
        """
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise Refusal(424, "this endpoint has no browser to draw pictures with: install chromium on its machine")
        _check_pixels(picture, asker)
        async with self._turns.turn(asker):
            page = await asyncio.to_thread(make_page, figure, picture)
            _check_bytes(len(page), asker)
            return await self._draw(program, page, picture)

    async def _draw(self, program: str, content: bytes, picture: Picture) -> bytes:
        with tempfile.TemporaryDirectory(prefix="plotpost-picture-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            page = folder / "page.html"
            await asyncio.to_thread(page.write_bytes, content)
            await asyncio.to_thread(shutil.copyfile, _PLOTLY, folder / _PLOTLY.name)  # where the browser's user may read it
            pdf = folder / "page.pdf"
            printing = [f"--print-to-pdf={pdf}"] if picture.format == "pdf" else []
            try:
                output = await self._browser.run(program, folder, self._timeout_s, *printing, "--dump-dom", page.as_uri())
            except TimeoutError:
                raise Refusal(422, f"the picture was not drawn within {self._timeout_s:g} s: use fewer points") from None
            if not output:
                raise Refusal(424, f"the browser of this endpoint does not run: try {program} --headless about:blank there")
            return pdf.read_bytes() if b"<title>drawn</title>" in output else read_dump(output)


def _check_pixels(picture: Picture, asker: Asker) -> None:
    most, pixels = _most(asker).pixels, picture.width * picture.height * picture.scale**2
    if pixels > most:
        raise Refusal(400, f"the picture would have {pixels / 1e6:.1f} megapixels; {most / 1e6:g} are the most{_for(asker)}")


def _check_bytes(size: int, asker: Asker) -> None:
    most = _most(asker).bytes
    if size > most:
        raise Refusal(
            413, f"the plot is larger than {most >> 20} MiB, the most that is drawn as a picture{_for(asker)}: use fewer points"
        )


def _most(asker: Asker) -> _Most:
    return _MOST_OF_A_USER if asker.known else _MOST_OF_A_STRANGER


def _for(asker: Asker) -> str:
    return "" if asker.known else " for who is not logged in"


def make_page(figure: dict[str, Any], picture: Picture) -> bytes:
    """A page that draws the figure and then holds the picture as a data: address, or why there is none."""
    told = {"figure": figure, "format": picture.format, "scale": picture.scale}
    told |= {"width": picture.width, "height": picture.height}
    page = _PAGE.substitute(
        nonce=secrets.token_hex(16),
        plotly=_PLOTLY.name,
        drawable=resources.files("host_tools.endpoint").joinpath("viewer", "drawable.js").read_text(encoding="utf-8"),
        picture=orjson.dumps(told).decode().replace("<", "\\u003c"),  # JSON in a page: no text may end its element
        width=picture.width,
        height=picture.height,
    )
    return page.encode()


def read_dump(output: bytes) -> bytes:
    """The picture in a page that Chromium has printed. Raises Refusal(422)."""
    found = _DONE.search(output)
    if found is None:
        raise Refusal(422, "the browser could not draw this figure")
    if found[1] == b"error":
        raise Refusal(422, f"plotly.js cannot draw this figure: {found[2][:200].decode(errors='replace').strip()}")
    kind, _, content = found[2].partition(b",")
    return base64.b64decode(content) if kind.endswith(b";base64") else unquote_to_bytes(content)
