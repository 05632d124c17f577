"""A request head, read as leniently as real clients need.

Recorded clients send two different Host headers, no Content-Type, odd white space, bare line feeds and stray line ends before the
request line; RFC 9112 (section 2.2) lets a server accept most of that, and every one of them must be served.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import Refusal

MAX_HEAD = 16 * 1024

_END = re.compile(rb"\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")  # a header continued on the next line (obs-fold, RFC 9112 section 5.2)
_ORIGIN = re.compile(r"^https?://[^/?]*", re.IGNORECASE)
_VERSION = re.compile(r"HTTP/(\d\.\d)", re.IGNORECASE)
_HOST = re.compile(r"([A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")
_RECORDS = re.compile(r"([0-9A-Fa-f]{16})/([0-9]{1,18})")


class Headers:
    """Names and values in the order they came; names compare without case."""

    __slots__ = ("_items",)

    def __init__(self, items: list[tuple[str, str]]) -> None:
        self._items = [(name.lower(), value) for name, value in items]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def all(self, name: str) -> list[str]:
        """Every value of the header, in the order they came."""
        wanted = name.lower()
        return [value for key, value in self._items if key == wanted]

    def get(self, name: str) -> str | None:
        """The first value of the header, or None."""
        return next(iter(self.all(name)), None)

    def words(self, name: str) -> set[str]:
        """The comma-separated words of all headers of that name, in lower case."""
        return {word.strip().lower() for value in self.all(name) for word in value.split(",")}


@dataclass(frozen=True, slots=True)
class Records:
    """`plotpost-records: <stream id>/<first>`: the numbers of the readings that the request carries."""

    stream_id: str  # 16 hexadecimal digits, in lower case
    first: int


@dataclass(frozen=True, slots=True)
class Head:
    """What the request line and the headers say."""

    method: str
    target: str
    version: str  # "1.0", "1.1"
    headers: Headers
    content_length: int | None
    chunked: bool
    keep_alive_asked: bool  # an explicit "Connection: keep-alive"
    expect_continue: bool
    token: str | None
    records: Records | None
    device: str | None  # the text of plotpost-device
    convert_timestamp: str | None  # an IANA zone: x counts milliseconds since the board's start

    @property
    def path(self) -> str:
        """The target without its query, and without scheme and host if a client sent them (RFC 9112 section 3.2.2)."""
        return _ORIGIN.sub("", self.target).partition("?")[0] or "/"

    @property
    def host_name(self) -> str:
        """The name or address in `Host`, without port and brackets; empty when there is none."""
        match = _HOST.fullmatch(self.headers.get("host") or "")
        return match[1].strip("[]") if match else ""

    @property
    def host_is_sound(self) -> bool:
        """Whether `Host`, of which answers make addresses, is a name or an address, perhaps with a port."""
        host = self.headers.get("host") or ""
        try:
            return _HOST.fullmatch(host) is not None and urlsplit(f"//{host}").port != 0
        except ValueError:
            return False


def skip_blank_lines(data: bytes) -> bytes:
    """`data` without the line ends that some clients leave behind their last request."""
    return data.lstrip(b"\r\n")


def end_of_head(data: bytes) -> int:
    """Where the body begins, or -1 while the head is not whole; raises Refusal(431) when it is too long to go on."""
    match = _END.search(data, 0, MAX_HEAD)
    if match:
        return match.end()
    if len(data) >= MAX_HEAD:
        raise Refusal(431, f"the request head is longer than {MAX_HEAD // 1024} KiB")
    return -1


def parse_head(raw: bytes) -> Head:
    """Read a whole head, its closing empty line included; raises Refusal that names what is wrong: 400, 505."""
    text = _FOLD.sub(b" ", raw).decode("latin-1")
    request_line, *lines = text.strip("\r\n").split("\n")
    method, target, version = _request_line(request_line)
    headers = Headers([_header(line) for line in lines])
    connection = headers.words("connection")
    return Head(
        method=method,
        target=target,
        version=version,
        headers=headers,
        content_length=_content_length(headers),
        chunked="chunked" in headers.words("transfer-encoding"),
        keep_alive_asked="keep-alive" in connection and "close" not in connection,
        expect_continue="100-continue" in headers.words("expect") and version != "1.0",
        token=headers.get("plotly-streamtoken") or None,
        records=_records(headers.get("plotpost-records")),
        device=headers.get("plotpost-device"),
        convert_timestamp=_unquoted(headers.get("plotly-converttimestamp")),
    )


def _request_line(line: str) -> tuple[str, str, str]:
    words = line.split()
    version = _VERSION.fullmatch(words[2]) if len(words) == 3 else None
    if version is None:
        raise Refusal(400, f"not an HTTP request line: {line.strip()[:40]!a}")
    if not version[1].startswith("1."):
        raise Refusal(505, f"this endpoint speaks HTTP/1.1, not HTTP/{version[1]}")
    return words[0].upper(), words[1], version[1]


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise Refusal(400, f"not a header line, the colon is missing: {name.strip()[:40]!a}")
    return name.strip(), value.strip()


def _content_length(headers: Headers) -> int | None:
    values = set(headers.all("content-length"))
    if not values:
        return None
    value = values.pop()
    if values or not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise Refusal(400, f"Content-Length is not one whole number: {value[:40]!a}")
    return int(value)


def _records(value: str | None) -> Records | None:
    if value is None:
        return None
    match = _RECORDS.fullmatch(value)
    if match is None:
        raise Refusal(400, f"plotpost-records is not <16 hex digits>/<first number>: {value[:40]!a}")
    return Records(match[1].lower(), int(match[2]))


def _unquoted(value: str | None) -> str | None:
    return value.strip('" ') or None if value is not None else None
