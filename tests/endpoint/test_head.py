"""A request head is read as leniently as real clients need, and refused with a line that names what is wrong."""

import pytest

from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.head import MAX_HEAD, Records, end_of_head, parse_head, skip_blank_lines

PYTHON_SDK = (
    b"POST / HTTP/1.1\r\nHost: stream.example\r\nAccept-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"
    b"Host: plot.example\r\nplotly-streamtoken: abcdefghij\r\n\r\n"
)


def head_with(*lines: str) -> bytes:
    return "\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode("latin-1")


def test_two_different_host_headers_are_accepted() -> None:
    head = parse_head(PYTHON_SDK)
    assert (head.method, head.target, head.version) == ("POST", "/", "1.1")
    assert head.headers.get("host") == "stream.example"
    assert head.headers.all("Host") == ["stream.example", "plot.example"]


def test_a_head_without_content_type_or_host_is_accepted() -> None:
    head = parse_head(b"POST / HTTP/1.1\r\n\r\n")
    assert head.headers.get("content-type") is None
    assert (head.content_length, head.chunked, head.token, head.records, head.device) == (None, False, None, None, None)


@pytest.mark.parametrize(
    "raw",
    [
        PYTHON_SDK.replace(b"\r\n", b"\n"),
        PYTHON_SDK.replace(b"plotly-streamtoken: ", b"PLOTLY-StreamToken:"),
        PYTHON_SDK.replace(b"plotly-streamtoken: abcdefghij", b"plotly-streamtoken \t:\t abcdefghij \t"),
        PYTHON_SDK.replace(b"plotly-streamtoken: ", b"plotly-streamtoken:\r\n  "),
        PYTHON_SDK.replace(b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED"),
        PYTHON_SDK.replace(b"POST / HTTP/1.1", b"post  /\tHTTP/1.1 "),
        PYTHON_SDK.replace(b"POST / HTTP/1.1", b"POST http://plot.example HTTP/1.1"),
        PYTHON_SDK.replace(b"POST / HTTP/1.1", b"POST /?from=here HTTP/1.1"),
    ],
    ids=["bare LF", "case", "white space", "folded", "case of a value", "request line", "absolute target", "query"],
)
def test_odd_spelling_means_the_same(raw: bytes) -> None:
    head = parse_head(raw)
    assert (head.method, head.path, head.version, head.token, head.chunked) == ("POST", "/", "1.1", "abcdefghij", True)


@pytest.mark.parametrize("raw", [PYTHON_SDK, PYTHON_SDK.replace(b"\r\n", b"\n"), b"GET / HTTP/1.1\r\n\r\n", b"A /\n\r\n"])
def test_the_end_of_a_head_is_found_and_not_before_it_is_whole(raw: bytes) -> None:
    for cut in range(len(raw)):
        assert end_of_head(raw[:cut]) == -1
    assert end_of_head(raw) == len(raw)
    assert end_of_head(raw + b"\r\n\r\nbody") == len(raw)


def test_line_ends_before_the_request_line_are_skipped() -> None:
    assert skip_blank_lines(b"\r\n\n\r\nPOST /") == b"POST /"


def test_a_head_beyond_the_limit_is_refused_and_one_below_is_not() -> None:
    whole = head_with("x: " + "y" * (MAX_HEAD - 24))
    assert len(whole) == MAX_HEAD
    assert end_of_head(whole) == MAX_HEAD
    with pytest.raises(Refusal, match="longer than 16 KiB") as refused:
        end_of_head(b"x" * MAX_HEAD)
    assert refused.value.status == 431


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("Connection: keep-alive", True),
        ("connection: Upgrade, Keep-Alive", True),
        ("Connection: close", False),
        ("Connection: keep-alive, close", False),
        ("Host: keep-alive", False),
    ],
)
def test_keep_alive_counts_only_when_it_is_asked_for(line: str, asked: bool) -> None:
    assert parse_head(head_with(line)).keep_alive_asked is asked


def test_our_headers_are_read() -> None:
    head = parse_head(
        head_with(
            "plotpost-records: 0123456789ABCDEF/42",
            "plotpost-device: e6614103; dropped=0; boots=3",
            'plotly-convertTimestamp: "Europe/Berlin"',
            "Expect: 100-continue",
            "Content-Length: 12",
        )
    )
    assert head.records == Records("0123456789abcdef", 42)
    assert head.device == "e6614103; dropped=0; boots=3"
    assert head.convert_timestamp == "Europe/Berlin"
    assert head.expect_continue
    assert head.content_length == 12


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_only_http_1_1_is_told_to_continue(version: str) -> None:
    head = parse_head(f"POST / HTTP/{version}\r\nExpect: 100-continue\r\n\r\n".encode())
    assert head.expect_continue is (version == "1.1")


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (head_with("plotpost-records: 0123456789abcdef"), "plotpost-records"),
        (head_with("plotpost-records: 0123456789abcde/1"), "plotpost-records"),
        (head_with("plotpost-records: 0123456789abcdef/-1"), "plotpost-records"),
        (head_with("plotpost-records: 0123456789abcdef/1x"), "plotpost-records"),
        (head_with("plotpost-records: 0123456789abcdef/\N{SUPERSCRIPT TWO}"), "plotpost-records"),
        (head_with("Content-Length: 5", "Content-Length: 6"), "Content-Length"),
        (head_with("Content-Length: -5"), "Content-Length"),
        (head_with("Content-Length: \N{SUPERSCRIPT TWO}"), "Content-Length"),
        (head_with("no colon here"), "colon is missing: 'no colon here'"),
        (head_with(": nameless"), "colon is missing"),
        (b"hello\r\n\r\n", "not an HTTP request line: 'hello'"),
        (b"POST /\r\n\r\n", "not an HTTP request line"),
        (b"POST / HTTP/x\r\n\r\n", "not an HTTP request line"),
        (b"\x00\xff\r\n\r\n", "not an HTTP request line"),
    ],
)
def test_a_malformed_head_is_refused_by_name(raw: bytes, named: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_head(raw)
    assert refused.value.status == 400
    assert named in refused.value.message
    assert refused.value.message.isascii()
    assert refused.value.message.isprintable()


def test_the_same_content_length_twice_is_one() -> None:
    assert parse_head(head_with("Content-Length: 5", "Content-Length: 5")).content_length == 5


@pytest.mark.parametrize("version", ["2.0", "0.9", "3.0"])
def test_another_version_of_http_is_refused_by_name(version: str) -> None:
    with pytest.raises(Refusal, match=f"505 .*not HTTP/{version}"):
        parse_head(f"PRI * HTTP/{version}\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("host", "sound"),
    [
        ("192.168.1.10:8050", True), ("my_pi.local", True), ("[fe80::1]:8050", True), ("", True), ("x:", True), ("[::1", False),
        ("[:::]", False), ("x:99999", False), ("x:0", False), ("x:y", False), ("a b", False),
        ("\xff", False), ("me@x", False), ("x/y", False),
    ],
)  # fmt: skip
def test_a_host_that_no_address_can_hold_is_told_from_others(host: str, sound: bool) -> None:
    assert parse_head(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1")).host_is_sound is sound
