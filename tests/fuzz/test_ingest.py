"""What comes as a stream, made up: the ingest takes or refuses it, and everybody sees the same of it.

Each test is a target of `make fuzz` as well, which looks for new cases as long as one likes.
"""

import asyncio
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from host_tools.endpoint.body import body_of
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.figure import Delta, Figure
from host_tools.endpoint.head import Head, parse_head
from host_tools.endpoint.jsonline import BadLine, parse_line
from host_tools.endpoint.lines import Lines
from host_tools.endpoint.plots import replay
from tests.endpoint.core import STREAM_ID, Core, finish, trace
from tests.endpoint.test_figure import show

TOKEN = "abcdefghij"
SEED = 20261130  # the same cases in every run of `make test`; they take about a minute

# What lines are made of

NAMES = [
    "x", "y", "z", "text", "customdata", "i", "marker", "size", "colors", "line", "error_y", "array", "node", "label", "type", "name",
    "colorscale", "layout", "title", "stream", "token", "maxpoints", "bdata", "dtype", "shape", "marker.size", "marker.colors", "a.b.c", "",
]  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([1.5, "a", "heatmap", "mesh3d", "f8", "AAAAAAAA8D8=", 1e300])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3), max_leaves=6
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
points = st.fixed_dictionaries({}, optional=dict.fromkeys(("x", "y", "text"), scalars))
lines_ = st.lists(points | objects, max_size=15)

PIECES = [
    b'{"x":1}', b'{"x":nan,"y":-inf}', b'{"text":"\\ud800"}', b'{"text":"\xed\xa0\x80"}', b"\xef\xbb\xbf", b'{"', b'":', b"{", b"}",
    b"[", b"]", b'"', b"\\", b"\\u", b"d83d", b"ovf", b"nan(", b"1.#INF", b",", b" ", b"\r", b"\n", b"\0", b"\x1f\x8b", b"\xff", b"1e999",
    b'"streamtoken":"abcdefghij"',
]  # fmt: skip
line_bytes = st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=12).map(b"".join)

SIZES = [b"0", b"1", b"5", b"a", b"ff", b"10;x=y", b"zz", b"", b"fffffffffffffff"]
ENDS = [b"\r\n", b"\n", b"\r", b"", b"\r\n\r\n", b"0\r\n\r\n"]
wire = st.lists(st.sampled_from([*SIZES, *ENDS, *PIECES]) | st.binary(max_size=8), max_size=20).map(b"".join)
framings = st.sampled_from([b"Transfer-Encoding: chunked", b"Content-Length: 7", b"Content-Length: 0"])


def decoded(head: Head, pieces: list[bytes]) -> tuple[bytes, bytes, bool, str | None]:
    """Body, what follows it, whether it ended well, and why not."""
    body, lines, text = body_of(head), Lines(64), b""
    for piece in pieces:
        if body.refusal is None and lines.refusal is None:
            text += lines.feed(body.feed(piece))
    body.end()
    refusal = lines.refusal or body.refusal
    return text, body.surplus, body.done, refusal.message if refusal else None


@seed(SEED)
@settings(max_examples=1200)
@given(framings, wire, st.lists(st.integers(0, 200), max_size=6))
def test_a_body_is_the_same_however_the_network_cuts_it(framing: bytes, data: bytes, cuts: list[int]) -> None:
    head = parse_head(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    whole, cut = decoded(head, [data]), decoded(head, pieces)
    if whole[3] is None:
        assert cut == whole
    else:
        assert cut[3] is not None
        assert whole[0].startswith(cut[0]) or cut[0].startswith(whole[0])


@seed(SEED)
@settings(max_examples=1500)
@given(line_bytes)
def test_a_line_is_an_object_or_is_refused_with_a_reason(raw: bytes) -> None:
    try:
        line, text = parse_line(raw)
    except BadLine:
        return
    assert orjson.loads(text) == line


@seed(SEED)
@settings(max_examples=500)
@given(objects, lines_, st.integers(1, 5), st.integers(1, 6))
def test_viewers_and_a_restart_see_what_the_lines_have_made(
    start: dict[str, Any], lines: list[dict[str, Any]], maxpoints: int, step: int
) -> None:
    live = Figure([{**start, "stream": {"token": TOKEN, "maxpoints": maxpoints}}], {})
    begun, shown = live.snapshot(), orjson.loads(orjson.dumps(live.as_dict()))
    for begin in range(0, len(lines), step):
        delta = Delta()
        live.apply(TOKEN, lines[begin : begin + step], delta)
        show(shown, orjson.loads(orjson.dumps(delta.message())))
        assert shown == orjson.loads(orjson.dumps(live.as_dict()))
        lengths = {len(column) for _, _, column in live.traces[0].columns()}
        assert len(live.traces[0]) == max(lengths, default=0)
    again = Figure(**orjson.loads(begun))
    for line in lines:
        again.apply(TOKEN, [line])
        again = Figure(**orjson.loads(again.snapshot()))
    assert again.snapshot() == live.snapshot()


blocks = st.lists(st.lists(line_bytes | objects.map(orjson.dumps), max_size=6).map(b"\n".join), min_size=1, max_size=4)


@seed(SEED)
@settings(max_examples=120)
@given(blocks, st.sampled_from([None, 0, 3]), st.booleans(), st.sampled_from([None, "Europe/Berlin"]))
def test_a_session_stores_what_it_takes_and_says_so(
    blocks: list[bytes], first: int | None, several: bool, zone: str | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_stream(Path(folder), blocks, first, several, zone))


async def _stream(folder: Path, blocks: list[bytes], first: int | None, several: bool, zone: str | None) -> None:
    core = Core(folder)
    try:
        token = core.store.new_token(core.user)
        await core.plots.poll()
        info = await core.plot(trace(token))
        shown = core.plots.figure(info.id)
        records = None if first is None else (STREAM_ID, first)
        session = core.open(None if several else token, records, **({"zone": zone} if zone else {}))
        refusal: Refusal | None = None
        for block in blocks:
            try:
                session.lines(block.replace(TOKEN.encode(), token.encode()) + b"\n")
            except Refusal as refused:
                refusal = refused
                break
        ended = await finish(session)
        assert (ended is None) == (refusal is None) or several
        assert ended is None or ended.status in (403, 404, 406, 422, 423)
        assert (session.settled is None) == (first is None)
        assert (session.settled or 0) <= (first or 0) + sum(block.count(b"\n") + 1 for block in blocks)
        loaded = core.store.load_plot(info.id)
        assert loaded is not None
        stored = replay(loaded[1], loaded[2])
        assert orjson.dumps(stored.as_dict()["layout"]) == orjson.dumps(core.plots.figure(info.id)["layout"])
        assert len(stored.traces[0]) == len(Figure(**core.plots.figure(info.id)).traces[0])
        assert shown["data"][0]["type"] == "scatter"
    finally:
        await core.close()
