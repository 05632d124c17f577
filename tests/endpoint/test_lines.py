"""Bytes become whole lines, the same ones however they are cut, and a line that is too long is refused alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_tools.endpoint.lines import Lines


def feed_all(lines: Lines, segments: list[bytes]) -> bytes:
    return b"".join(lines.feed(segment) for segment in segments)


def every_cut(data: bytes) -> list[list[bytes]]:
    return [[data], [data[i : i + 1] for i in range(len(data))], *([data[:cut], data[cut:]] for cut in range(1, len(data)))]


def test_lines_are_the_same_at_every_split() -> None:
    text = '{"x":1}\r\n\n{"text":"Grüße 🌡"}\n\r\n{"y":2}'.encode()
    for segments in every_cut(text):
        lines = Lines()
        assert feed_all(lines, segments) == '{"x":1}\n\n{"text":"Grüße 🌡"}\n\n'.encode()
        assert lines.last() == b'{"y":2}\n'


@given(st.lists(st.binary(max_size=30), max_size=12))
def test_no_byte_is_lost_or_moved(segments: list[bytes]) -> None:
    lines = Lines()
    blocks = [lines.feed(segment) for segment in segments]
    assert all(block.endswith(b"\n") for block in blocks if block)
    text = b"".join(segments).replace(b"\r", b"")
    assert b"".join(blocks) + lines.last() == (text if text.endswith(b"\n") or not text else text + b"\n")


def test_a_line_is_given_out_as_soon_as_it_is_whole() -> None:
    lines = Lines()
    assert lines.feed(b"{}") == b""
    assert lines.feed(b"\n{") == b"{}\n"


def test_a_request_that_ends_with_a_line_feed_has_no_last_line() -> None:
    lines = Lines()
    lines.feed(b"{}\n")
    assert lines.last() == b""


@pytest.mark.parametrize("text", [b"1234\n12345\n\n123456\n1\n", b"1234\n12345\n\n123456"])
def test_a_line_over_the_limit_is_refused_and_those_before_it_are_kept_at_every_split(text: bytes) -> None:
    for segments in every_cut(text):
        lines = Lines(limit=5)
        blocks = b""
        for segment in segments:
            if lines.refusal is None:
                blocks += lines.feed(segment)
        assert blocks == b"1234\n12345\n\n"
        assert lines.refusal is not None
        assert lines.refusal.status == 422
        assert "longer than 5 bytes" in lines.refusal.message


def test_a_line_of_exactly_the_limit_is_taken_however_it_comes() -> None:
    for segments in every_cut(b"12345\n" * 3):
        lines = Lines(limit=5)
        assert feed_all(lines, segments) == b"12345\n" * 3
        assert lines.refusal is None


def test_a_line_without_an_end_is_refused_as_soon_as_it_is_too_long() -> None:
    lines = Lines(limit=1000)
    for _ in range(1000):
        lines.feed(b"x")
    assert lines.refusal is None
    lines.feed(b"x")
    assert lines.refusal is not None
