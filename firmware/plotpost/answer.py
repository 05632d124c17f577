"""The endpoint's answer to one request, parsed from its bytes as they arrive (RFC 9112)."""

from plotpost.clock import DAY_MS, day_number
from plotpost.port import const

_MONTHS = b"janfebmaraprmayjunjulaugsepoctnovdec"
_LINE_MAX = const(120)  # longer header lines are cut; none that matters is so long
_TEXT_MAX = const(400)  # the endpoint says in less what went wrong, and what to do


class Answer:
    """Feed it what the socket gives until `done`.

    `status`: the code, 0 until it is known, -1 when this is no HTTP. `next`: the number of `plotpost-next`, or None. `time`: the
    endpoint's clock in milliseconds since 1970, from `plotpost-time` or else from `Date`, or None. `text`: the beginning of the body,
    for the log. `html`: a page for people, as a captive portal sends it. `reusable`: the connection may carry the next request.
    """

    def __init__(self):
        self._line = bytearray(_LINE_MAX)
        self.reset()

    def reset(self):
        """Forget everything: another answer follows."""
        self.status = 0
        self.next = None
        self.time = None
        self.text = ""
        self.html = False
        self.done = False
        self.reusable = False
        self._keep = False  # version and Connection allow another request
        self._length = -1  # Content-Length, -1 when there is none
        self._body = False
        self._filled = 0

    def feed(self, buf, n):
        """Take `buf[:n]`."""
        i = 0
        while i < n and not self.done:
            if self._body:
                i = self._take_body(buf, i, n)
                continue
            end = buf.find(b"\n", i, n)
            self._keep_line(buf, i, n if end < 0 else end)
            i = n
            if end >= 0:
                self._end_line()
                i = end + 1
        if i < n:
            self.reusable = False  # bytes that nobody asked for

    def _keep_line(self, buf, i, end):
        take = min(end - i, _LINE_MAX - self._filled)
        self._line[self._filled : self._filled + take] = buf[i : i + take]
        self._filled += take

    def closed(self):
        """The other side closed: whatever came is all there is."""
        self.done = True
        self.reusable = False

    def _take_body(self, buf, i, n):
        take = n - i if self._length < 0 else min(n - i, self._length)
        if len(self.text) < _TEXT_MAX:
            part = bytes(buf[i : min(i + take, i + _TEXT_MAX - len(self.text))])
            self.text += "".join([chr(b) if 32 <= b < 127 else " " for b in part])
        if self._length >= 0:
            self._length -= take
            self._finish_when_read()
        return i + take

    def _finish_when_read(self):
        if self._length == 0:
            self.done = True
            self.reusable = self._keep and self.status == 200

    def _end_line(self):
        line = bytes(self._line[: self._filled]).strip()
        self._filled = 0
        if self.status == 0:
            if line:
                self._status_line(line)
        elif line:
            self._header(line.lower())
        elif 100 <= self.status < 200:  # interim: the real answer follows (RFC 9110 section 15.2)
            self.status = 0
        else:
            self._body = True
            self._finish_when_read()

    def _status_line(self, line):
        parts = line.split(None, 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/") or len(parts[1]) != 3 or not parts[1].isdigit():
            self.status = -1
            self.done = True
            return
        self.status = int(parts[1])
        self._keep = parts[0] == b"HTTP/1.1"

    def _header(self, line):
        name, _, value = line.partition(b":")
        value = value.strip()
        if name == b"connection" and b"close" in value:
            self._keep = False
        elif name == b"content-length" and value.isdigit():
            self._length = int(value)
        elif name == b"plotpost-next" and value.isdigit():
            self.next = int(value)
        elif name == b"plotpost-time" and value.isdigit():
            self.time = int(value)
        elif name == b"date" and self.time is None:
            self.time = _date(value)
        elif name == b"content-type":
            self.html = b"html" in value
        elif name == b"transfer-encoding":
            self._keep = False


def _date(value):
    """Milliseconds since 1970 of an IMF-fixdate in lower case (RFC 9110 section 5.6.7: "tue, 24 nov 2026 08:52:05 gmt"), or None."""
    try:
        day, month, year = int(value[5:7]), _MONTHS.index(value[8:11]) // 3 + 1, int(value[12:16])
        seconds = int(value[17:19]) * 3600 + int(value[20:22]) * 60 + int(value[23:25])
    except ValueError:
        return None
    return day_number(year, month, day) * DAY_MS + seconds * 1000
