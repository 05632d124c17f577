"""Bytes to whole lines, within limits: chunk borders and line borders are independent."""

from .errors import Refusal

MAX_LINE = 1024 * 1024


class Lines:
    """Collects bytes until lines are whole.

    A line beyond the limit is refused with 422, the status for a line that cannot be used: a client with numbered records then
    skips exactly this one, and every Plotly client knows the status.
    """

    __slots__ = ("_partial", "limit", "refusal")

    def __init__(self, limit: int = MAX_LINE) -> None:
        self.limit = limit
        self._partial = bytearray()
        self.refusal: Refusal | None = None  # a line was too long; the lines before it were good

    def feed(self, data: bytes) -> bytes:
        """Take body bytes, return all lines that are now whole as one block, each ended by a line feed."""
        data = data.replace(b"\r", b"")
        end = data.rfind(b"\n") + 1
        whole = data[:end]
        if end and self._partial:
            whole = bytes(self._partial) + whole
            self._partial = bytearray()
        self._partial += data[end:]
        return self._within_limit(whole)

    def last(self) -> bytes:
        """The unterminated last line of a request that ended well, ended by a line feed; empty if there is none."""
        line, self._partial = bytes(self._partial), bytearray()
        return line + b"\n" if line else b""

    def _within_limit(self, block: bytes) -> bytes:
        if len(block) <= self.limit and len(self._partial) <= self.limit:
            return block
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            if end - start > self.limit:
                break
            start = end + 1
        if start < len(block) or len(self._partial) > self.limit:
            self.refusal = Refusal(422, f"a line is longer than {self.limit} bytes")
            self._partial = bytearray()
        return block[:start]
