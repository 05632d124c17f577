"""Request bodies: chunked, with Content-Length, or until the connection closes.

Every decoder takes bytes as they come and gives back what is body among them. `refusal` is set at bytes that make no sense; what
was decoded before them is still good.
"""

import re
import sys
from typing import Protocol

from .errors import Refusal
from .head import Head

_WHITE = b"\r\n \t"
# A chunk's size, perhaps with an extension, perhaps after empty lines: the Python SDKs end a stream with "\r\n0\r\n\r\n".
_SIZE = re.compile(rb"[\r\n \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_SIZE_SO_FAR = re.compile(rb"(?:[0-9A-Fa-f]{1,15}[ \t]*(?:;[^\n]*)?\r?)?")
# What may stand between the bytes that were counted and the next size. An LF is the chunk's end when a size follows, and the end
# of the client's own line when another line end follows.
_CHUNK_END = re.compile(rb"(?P<crlf>[^\r\n]*\n?)\r\n|(?P<lf>[^\r\n]*\n)\n|\n(?=[^\r\n])")
_OVERLONG = re.compile(rb"[^\r\n]*")
_LINE_ENDS = 3  # bytes behind those at most until it is clear what they are
_LAST_CHUNK = b"0\r\n\r\n"
_TRAILERS = re.compile(rb"(?:[^\n]+\n)*?\r?\n")
_MAX_SIZE_LINE = 4096
_MAX_OVERLONG = 256  # bytes of a chunk beyond the size that it claims
_MAX_TRAILERS = 16 * 1024


class Body(Protocol):
    """One request's body."""

    done: bool  # the whole body has come
    surplus: bytes  # what came behind the body: the next request
    refusal: Refusal | None  # the bytes make no sense from here on

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the connection, return the body's bytes among them."""

    def ends_with(self, data: bytes) -> bool:
        """Whether the body looks as if it ended with these bytes, to be fed next."""

    def end(self) -> None:
        """The client has stopped sending: sets `done` or `refusal`."""


def body_of(head: Head) -> Body:
    """The decoder that the head asks for. Chunked wins over Content-Length (RFC 9112 section 6.3)."""
    if head.chunked:
        return Chunked()
    if head.content_length is None and head.version == "1.0" and head.method == "POST":
        return UntilClose()
    return Counted(head.content_length or 0)


class UntilClose:
    """HTTP/1.0 without a length: everything up to the end of the connection."""

    __slots__ = ("done", "refusal", "surplus")

    def __init__(self) -> None:
        self.done = False
        self.surplus = b""
        self.refusal: Refusal | None = None

    def feed(self, data: bytes) -> bytes:
        return data

    def ends_with(self, _data: bytes) -> bool:
        return False

    def end(self) -> None:
        self.done = True


class Counted:
    """Content-Length."""

    __slots__ = ("_left", "done", "refusal", "surplus")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.surplus = b""
        self.refusal: Refusal | None = None

    def feed(self, data: bytes) -> bytes:
        taken = data[: self._left]
        self._left -= len(taken)
        if self._left == 0:
            self.done = True
            self.surplus += data[len(taken) :]
        return taken

    def ends_with(self, data: bytes) -> bool:
        return len(data) >= self._left

    def end(self) -> None:
        if not self.done:
            self.refusal = Refusal(400, f"the request ended {self._left} bytes before its Content-Length")


class Chunked:
    """Transfer-Encoding: chunked, as real clients write it.

    Both cases of hex, extensions, trailers, bare line feeds, empty lines before a size, and Plotly's Arduino library, which
    counts a rounded float one byte short so that the line's end falls outside its chunk: all that comes before the CRLF is data.
    """

    __slots__ = ("_left", "_rest", "_step", "done", "refusal", "surplus")

    def __init__(self) -> None:
        self._left = 0  # bytes that the chunk at hand still owes
        self._rest = b""  # bytes whose meaning depends on what follows
        self._step = Chunked._size
        self.done = False
        self.surplus = b""
        self.refusal: Refusal | None = None

    def feed(self, data: bytes) -> bytes:
        if self.done:
            self.surplus += data
            return b""
        data, self._rest = self._rest + data, b""
        pieces: list[bytes] = []
        at = 0
        while at < len(data) and not self.done and self.refusal is None:
            at = self._step(self, data, at, pieces)
        return b"".join(pieces)

    def ends_with(self, data: bytes) -> bool:
        return data.endswith(_LAST_CHUNK)

    def end(self) -> None:
        if self._step is Chunked._trailers:  # the last chunk has come, only its empty line is missing
            self.done = True
        elif not self.done:
            self.refusal = Refusal(400, "the request ended before its last chunk")

    # Each step consumes data from `at` on, appends what is body to `pieces` and returns where to go on.

    def _size(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        match = _SIZE.match(data, at)
        if match is None or match.end() - match.start(1) > _MAX_SIZE_LINE:
            line = data[at:].lstrip(_WHITE)
            if len(line) > _MAX_SIZE_LINE or not _SIZE_SO_FAR.fullmatch(line):
                shown = line.split(b"\n", 1)[0].strip()[:20].decode("latin-1")
                self.refusal = Refusal(400, f"a chunk's size is not a hexadecimal number: {shown!a}")
            return self._wait(line)
        start = match.end()
        size = int(match[1], 16)
        end = start + size
        if size and data.startswith(b"\r\n", end):  # the whole chunk is here: most are
            pieces.append(data[start:end])
            return end + 2
        self._left = size
        self._step = Chunked._data if size else Chunked._trailers
        return start

    def _data(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        end = at + self._left
        pieces.append(data[at:end])
        if end > len(data):
            self._left = end - len(data)
            return end
        if data.startswith(b"\r\n", end):
            self._step = Chunked._size
            return end + 2
        self._step = Chunked._chunk_end
        return end

    def _chunk_end(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        match = _CHUNK_END.match(data, at)
        overlong = _OVERLONG.match(data, at)
        assert overlong is not None  # it matches nothing, too
        if overlong.end() - at > _MAX_OVERLONG or (match is None and len(data) >= overlong.end() + _LINE_ENDS):
            self.refusal = Refusal(400, "a chunk is longer than its size says")
            return self._wait(b"")
        if match is None:
            return self._wait(data[at:])
        pieces.append(match["crlf"] or match["lf"] or b"")
        self._step = Chunked._size
        return match.end()

    def _trailers(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        match = _TRAILERS.match(data, at)
        if (match.end() if match else len(data)) - at > _MAX_TRAILERS:
            self.refusal = Refusal(400, f"the trailers are longer than {_MAX_TRAILERS // 1024} KiB")
            return self._wait(b"")
        if match is None:
            return self._wait(data[at:])
        self.done = True
        self.surplus = data[match.end() :]
        return match.end()

    def _wait(self, rest: bytes) -> int:
        self._rest = rest
        return sys.maxsize
