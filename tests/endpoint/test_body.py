"""Bodies are decoded as real clients write them, however the network cuts them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_tools.endpoint.body import Body, Chunked, Counted, UntilClose, body_of
from host_tools.endpoint.head import parse_head

LINE = b'{"x":1,"y":2}\n'


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def decode(body: Body, segments: list[bytes]) -> tuple[bytes, bool, bytes, bool]:
    """What came out: body, done, surplus, refused."""
    decoded = b"".join(body.feed(segment) for segment in segments)
    return decoded, body.done, body.surplus, body.refusal is not None


def every_cut(data: bytes) -> list[list[bytes]]:
    """`data` in one piece, cut at every position, and byte by byte."""
    return [[data], [data[i : i + 1] for i in range(len(data))], *(pieces(data, [cut]) for cut in range(1, len(data)))]


CHUNKED = {
    "lowercase hex": (b"e\r\n" + LINE + b"\r\n0\r\n\r\n", LINE),
    "uppercase hex": (b"E\r\n" + LINE + b"\r\n0\r\n\r\n", LINE),
    "leading zeros": (b"00000E\r\n" + LINE + b"\r\n0000\r\n\r\n", LINE),
    "two chunks a line": (b"5\r\n" + LINE[:5] + b"\r\n9\r\n" + LINE[5:] + b"\r\n0\r\n\r\n", LINE),
    "two lines a chunk": (b"1c\r\n" + LINE + LINE + b"\r\n0\r\n\r\n", LINE + LINE),
    "heartbeat": (b"1\r\n\n\r\n0\r\n\r\n", b"\n"),
    "extension": (b'e;name="a value" ; b\r\n' + LINE + b"\r\n0;last\r\n\r\n", LINE),
    "blanks round the size": (b" e \r\n" + LINE + b"\r\n 0\t\r\n\r\n", LINE),
    "trailers": (b"e\r\n" + LINE + b"\r\n0\r\nA: b\r\nC: d\r\n\r\n", LINE),
    "line feeds only": (b"e\n" + LINE + b"\ne\n" + LINE + b"\n0\n\n", LINE + LINE),
    "line feeds only, trailers": (b"e\n" + LINE + b"\n0\nA: b\n\n", LINE),
    "Python SDK's end": (b"e\r\n" + LINE + b"\r\n\r\n0\r\n\r\n", LINE),
    "Python SDK, nothing sent": (b"\r\n0\r\n\r\n", b""),
    "Arduino, one byte short": (b"D\r\n" + LINE + b"\r\nD\r\n" + LINE + b"\r\nE\r\n" + LINE + b"\r\n0\r\n\r\n", LINE * 3),
    "two bytes short": (b"C\r\n" + LINE + b"\r\nE\r\n" + LINE + b"\r\n0\r\n\r\n", LINE * 2),
    "one byte short, line feeds only": (b"D\n" + LINE + b"\nE\n" + LINE + b"\n0\n\n", LINE * 2),
    "CRLF inside": (b"10\r\n" + LINE[:-1] + b"\r\n\n\r\n0\r\n\r\n", LINE[:-1] + b"\r\n\n"),
}


@pytest.mark.parametrize(("wire", "body"), CHUNKED.values(), ids=CHUNKED.keys())
def test_chunks_decode_the_same_at_every_split(wire: bytes, body: bytes) -> None:
    for segments in every_cut(wire):
        assert decode(Chunked(), segments) == (body, True, b"", False)


TOO_LONG = {
    "chunk": b"e\r\n" + LINE + b"x" * 257 + b"\r\n0\r\n\r\n",
    "chunk, line feeds": b"e\r\n" + LINE + b"x" * 257 + b"\n\n0\r\n\r\n",
    "size": b"e;" + b"x" * 4095 + b"\r\n" + LINE + b"\r\n0\r\n\r\n",
    "trailers": b"e\r\n" + LINE + b"\r\n0\r\n" + b"a: b\r\n" * 2731 + b"\r\n",
}
JUST_NOT = {
    "chunk": (b"e\r\n" + LINE + b"x" * 256 + b"\r\n0\r\n\r\n", LINE + b"x" * 256),
    "chunk, line feeds": (b"e\r\n" + LINE + b"x" * 256 + b"\n\n0\r\n\r\n", LINE + b"x" * 256 + b"\n"),
    "size": (b"e;" + b"x" * 4092 + b"\r\n" + LINE + b"\r\n0\r\n\r\n", LINE),
    "trailers": (b"e\r\n" + LINE + b"\r\n0\r\n" + b"a: b\r\n" * 2730 + b"\r\n", LINE),
}


def some_cuts(data: bytes) -> list[list[bytes]]:
    """`data` in one piece, byte by byte, and cut near both ends and in the middle."""
    around = [*range(1, 40), len(data) // 2, *range(len(data) - 40, len(data))]
    return [[data], [data[i : i + 1] for i in range(len(data))], *(pieces(data, [cut]) for cut in around)]


@pytest.mark.parametrize("wire", TOO_LONG.values(), ids=TOO_LONG.keys())
def test_what_is_too_long_is_refused_however_the_network_cuts_it(wire: bytes) -> None:
    results = {decode(Chunked(), segments) for segments in some_cuts(wire)}
    assert [(done, refused) for _, done, _, refused in results] == [(False, True)]


@pytest.mark.parametrize(("wire", "body"), JUST_NOT.values(), ids=JUST_NOT.keys())
def test_what_is_just_not_too_long_is_taken_however_the_network_cuts_it(wire: bytes, body: bytes) -> None:
    assert {decode(Chunked(), segments) for segments in some_cuts(wire)} == {(body, True, b"", False)}


@pytest.mark.parametrize(("wire", "body"), CHUNKED.values(), ids=CHUNKED.keys())
def test_bytes_behind_the_last_chunk_belong_to_the_next_request(wire: bytes, body: bytes) -> None:
    for segments in every_cut(wire + b"GET /"):
        assert decode(Chunked(), segments) == (body, True, b"GET /", False)


def test_data_is_given_out_before_its_chunk_is_whole() -> None:
    body = Chunked()
    assert body.feed(b"100\r\nabc") == b"abc"
    assert body.feed(b"def") == b"def"


@st.composite
def chunkings(draw: st.DrawFn) -> tuple[bytes, bytes, list[int]]:
    """A body, a chunked spelling of it, and where the network cuts that."""
    chunks = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
    sizes = st.sampled_from(["{:x}", "{:X}", "0{:x}", "{:x};a=b", "{:x} "])
    wire = b"".join(draw(sizes).format(len(chunk)).encode() + b"\r\n" + chunk + b"\r\n" for chunk in chunks)
    wire += draw(st.sampled_from([b"0\r\n\r\n", b"\r\n0\r\n\r\n", b"000\r\nTrailer: 1\r\n\r\n"]))
    return b"".join(chunks), wire, draw(st.lists(st.integers(0, len(wire)), max_size=6))


@given(chunkings())
def test_any_chunking_of_any_body_round_trips(case: tuple[bytes, bytes, list[int]]) -> None:
    body, wire, cuts = case
    assert decode(Chunked(), pieces(wire, cuts)) == (body, True, b"", False)


@given(st.lists(st.from_regex(rb"[^\r\n]{1,30}\n", fullmatch=True), min_size=1), st.data())
def test_a_size_one_short_never_costs_a_byte_of_a_line(lines: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(b"%X\r\n%s\r\n" % (len(line) - data.draw(st.integers(0, 1)), line) for line in lines) + b"0\r\n\r\n"
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=6))
    assert decode(Chunked(), pieces(wire, cuts)) == (b"".join(lines), True, b"", False)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_rubbish_gives_the_same_at_every_split_and_never_an_exception(wire: bytes, cuts: list[int]) -> None:
    whole, cut = decode(Chunked(), [wire]), decode(Chunked(), pieces(wire, [c for c in cuts if c <= len(wire)]))
    assert cut == whole


@pytest.mark.parametrize(
    "size",
    [
        b"xyz",
        b"-5",
        b"0x10",
        b"1_0",
        b"+1",
        b"5 5",
        b'{"x":1}',
        b"\x00",
        b"1" * 16,
        b";a=b",
        "\N{ARABIC-INDIC DIGIT THREE}".encode(),
    ],
)
def test_a_malformed_size_is_refused_and_shown_and_what_came_before_is_kept(size: bytes) -> None:
    body = Chunked()
    assert body.feed(b"e\r\n" + LINE + b"\r\n" + size + b"\r\nabc") == LINE
    assert body.refusal is not None
    assert body.refusal.status == 400
    assert "size is not a hexadecimal number: " + ascii(size.decode("latin-1")) in body.refusal.message


def test_a_refused_size_is_shown_shortened_and_printable() -> None:
    body = Chunked()
    body.feed(b"\xff\x00" + b"z" * 5000 + b"\r\n")
    assert body.refusal is not None
    assert len(body.refusal.message) < 100
    assert body.refusal.message.isprintable()


@pytest.mark.parametrize(
    "endless",
    [b"1" + b"; " + b"x" * 5000, b"1\r\na" + b"x" * 300, b"0\r\n" + b"a: b\r\n" * 4000],
    ids=["extension", "chunk", "trailers"],
)
def test_framing_that_never_ends_is_refused(endless: bytes) -> None:
    body = Chunked()
    for at in range(0, len(endless), 100):
        body.feed(endless[at : at + 100])
    assert body.refusal is not None
    assert body.refusal.status == 400


@pytest.mark.parametrize("wire", [b"", b"e\r\n", b"e\r\n" + LINE, b"e\r\n" + LINE + b"\r\n", b"e\r\n" + LINE + b"\r\n0"])
def test_a_connection_that_ends_inside_a_chunked_body_is_no_good_end(wire: bytes) -> None:
    body = Chunked()
    body.feed(wire)
    body.end()
    assert not body.done
    assert body.refusal is not None
    assert body.refusal.status == 400


def test_a_connection_that_ends_right_behind_the_last_chunk_is_a_good_end() -> None:
    body = Chunked()
    body.feed(b"0\r\n")
    body.end()
    assert body.done
    assert body.refusal is None


def test_content_length_ends_the_body_at_every_split() -> None:
    for segments in every_cut(LINE + b"\r\nGET /"):
        assert decode(Counted(len(LINE)), segments) == (LINE, True, b"\r\nGET /", False)


def test_an_empty_body_is_done_at_once() -> None:
    assert Counted(0).done


def test_a_connection_that_ends_before_content_length_is_no_good_end() -> None:
    body = Counted(10)
    body.feed(b"abc")
    body.end()
    assert body.refusal is not None
    assert "7 bytes before its Content-Length" in body.refusal.message


def test_http_1_0_without_a_length_lasts_until_the_connection_ends() -> None:
    body = UntilClose()
    assert body.feed(LINE) == LINE
    assert not body.done
    body.end()
    assert body.done


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", Chunked),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n", Counted),
        (b"POST / HTTP/1.1\r\n\r\n", Counted),
        (b"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", Counted),
        (b"POST / HTTP/1.0\r\n\r\n", UntilClose),
        (b"GET / HTTP/1.0\r\n\r\n", Counted),
    ],
)
def test_the_head_chooses_the_decoder(head: bytes, kind: type[Body]) -> None:
    assert type(body_of(parse_head(head))) is kind
