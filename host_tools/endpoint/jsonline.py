"""A line of a stream to the object in it, read as leniently as real programs need."""

import re
from typing import Any

import orjson

from .attributes import MAX_DEPTH, too_deep
from .trace import Line

_BOM = b"\xef\xbb\xbf"
# A text, or a number that is none as C's printf, Microsoft's, Arduino's Print and JavaScript write it. A text that does not end goes on
# to the end of the line, so that nothing is looked at twice.
_TEXT_OR_NO_NUMBER = re.compile(
    rb'"(?:[^"\\]+|\\.)*+"?|(?<![\w.+-])[+-]?(?:nan(?:\(\w{0,32}\))?|inf(?:inity)?|ovf|\d\.#\w+)(?![\w.])',
    re.IGNORECASE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(?:u[Dd][89ABab]..\\u[Dd][C-Fc-f]..|(?P<half>u[Dd][89A-Fa-f][0-9A-Fa-f]{2})|.)", re.DOTALL)
_HALF = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # a surrogate that was encoded by itself (RFC 3629 section 3 forbids it)
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd", b"\x78\x01": "zlib", b"\x78\x9c": "zlib", b"\x78\xda": "zlib"}


class BadLine(ValueError):
    """A line that cannot be used. Says why, and nothing of what is in it: that may be a token."""


def parse_line(raw: bytes) -> tuple[Line, bytes]:
    """A line's object, and the line as JSON. Raises BadLine."""
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        line, raw = _parse_odd(raw, error)
    if type(line) is not dict:
        raise BadLine("it is JSON but no object")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and too_deep(line):
        raise BadLine(f"it is nested more than {MAX_DEPTH} deep")
    return line, raw


def _parse_odd(raw: bytes, reason: orjson.JSONDecodeError) -> tuple[Any, bytes]:
    mended = mend(raw)
    try:
        return orjson.loads(mended), mended
    except orjson.JSONDecodeError:
        raise BadLine(_diagnosis(raw) or f"it is not JSON ({reason.msg}, at byte {reason.pos + 1})") from None


def mend(raw: bytes) -> bytes:
    """What JSON lacks but programs write, as JSON: numbers that are none become null, half a surrogate U+FFFD; a BOM goes."""
    return _TEXT_OR_NO_NUMBER.sub(_mend_part, _HALF.sub("\ufffd".encode(), raw.removeprefix(_BOM)))


def _mend_part(part: re.Match[bytes]) -> bytes:
    if not part[0].startswith(b'"'):
        return b"null"
    return _ESCAPE.sub(_mend_escape, part[0]) if b"\\u" in part[0] else part[0]


def _mend_escape(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape["half"] else escape[0]


def _diagnosis(raw: bytes) -> str | None:
    """What the bytes look like, where they are no text in UTF-8."""
    if raw[:2] in _COMPRESSED:
        return f"it is not JSON but looks compressed ({_COMPRESSED[raw[:2]]}): send it as plain text"
    if b"\0" in raw[:4] or raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it is not JSON in UTF-8 but looks like UTF-16: encode it as UTF-8"
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        at = error.start
        return f"it is not JSON in UTF-8: byte {at + 1}, 0x{raw[at]:02X}, looks like Latin-1 (ISO 8859-1); encode it as UTF-8"
    return None
