"""Frames on the serial port: length, kind, number, payload and CRC, with anything between them; docs/bridge.md describes them.

Nothing blocks, and nothing is allocated when a frame is sent or taken.
"""

import select
from array import array

from plotpost.port import const, receive, send

# Bytes that occur in no UTF-8 text, and that MicroPython's REPL ignores
_ESCAPE = const(0xFD)
_START = const(0xFE)
_END = const(0xFF)
_FLIP = const(0x40)
DIGIT = const(0x80)  # six bits of a number
MASK = const(63)

HEAD = const(4)  # two digits of length, kind, number
_TAIL = const(3)  # three digits of CRC
_CRC_START = const(0xFFFF)
_TURN_BYTES = const(512)  # so many at once: noise without an end must not hold up the loop


def _table():
    """CRC-16/IBM-3740 (polynomial 0x1021) of each byte."""
    table = array("H", [0] * 256)
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
        table[byte] = crc
    return table


_TABLE = _table()


def _crc(buf, i, end, crc, table=_TABLE):
    while i < end:
        crc = (crc & 255) << 8 ^ table[crc >> 8 ^ buf[i]]
        i += 1
    return crc


def _escape(buf, i, end, out, n):
    """Copy `buf[i:end]` to `out` from `n` on, without control characters and delimiters; returns where that ends."""
    while i < end:
        byte = buf[i]
        i += 1
        if byte < 32 or byte >= _ESCAPE:
            out[n] = _ESCAPE
            n += 1
            byte ^= _FLIP
        out[n] = byte
        n += 1
    return n


def number(buf, i):
    """The number of the two digits `buf[i]` and `buf[i + 1]`."""
    return (buf[i] & MASK) << 6 | buf[i + 1] & MASK


def _watch(stream, events):
    """What gives the events of a stream, without allocating where MicroPython has ipoll."""
    poll = select.poll()
    poll.register(stream, events)
    return getattr(poll, "ipoll", poll.poll)


class Frames:
    """On `source` and `sink`, the two directions of a serial port as streams of bytes; payloads of at most so many bytes.

    The frame that was taken last: `kind`, `number`, and its payload of `size` bytes in `buf` from HEAD on. `next`: the number of the
    next frame to be sent.
    """

    def __init__(self, source, sink, most_taken, most_sent):
        self._source = source
        self._sink = sink
        self._readable = _watch(source, select.POLLIN)
        self._writable = _watch(sink, select.POLLOUT)
        self.buf = bytearray(HEAD + most_taken + _TAIL)
        self.kind = self.number = self.size = self.next = 0
        self._byte = bytearray(1)
        self._filled = -1  # bytes of the frame that comes, -1 between two frames
        self._flip = 0
        self._out = bytearray(1 + HEAD + 2 * most_sent + _TAIL + 1)
        self._out[0] = _START
        self._sent = 0  # what of the frame still has to go
        self._end = 0
        self._sum = 0

    def take(self):
        """True when another frame has come. Bytes at a time: MicroPython waits for as many as it is asked for."""
        left = _TURN_BYTES
        while left and self._has_byte():
            left -= 1
            receive(self._source, self._byte)
            if self._feed(self._byte[0]):
                return True
        return False

    def send(self, kind, buf, start, end):
        """Begin a frame with the payload `buf[start:end]`; the one before must be gone: see `drain`."""
        self._begin(kind, end - start)
        self._sum = _crc(buf, start, end, self._sum)
        self._end = _escape(buf, start, end, self._out, 1 + HEAD)
        self._finish()
        self.drain()

    def drain(self):
        """Whether the whole frame is sent. The port may take a part of it; call again for the rest."""
        if self._sent < self._end and self._has_room():
            self._sent += send(self._sink, self._out, self._sent, self._end) or 0
        return self._sent == self._end

    def restart(self):
        """Count from 0; what is left of a frame is not sent."""
        self.next = self._sent = self._end = 0

    def _has_byte(self):
        for event in self._readable(0):
            return event[1] & select.POLLIN
        return 0

    def _has_room(self):
        for event in self._writable(0):
            return event[1] & select.POLLOUT
        return 0

    def _feed(self, byte):
        """True when `byte` ends a frame that is whole."""
        if byte == _START:
            self._filled = self._flip = 0
        elif self._filled < 0:
            return False  # noise
        elif byte == _END:
            length = self._filled
            self._filled = -1
            return self._is_whole(length - _TAIL)
        elif byte == _ESCAPE:
            self._flip = _FLIP
        elif self._filled == len(self.buf):
            self._filled = -1
        else:
            self.buf[self._filled] = byte ^ self._flip
            self._filled += 1
            self._flip = 0
        return False

    def _is_whole(self, end):
        """Check a frame whose payload ends at `end`."""
        buf = self.buf
        self.size = end - HEAD
        if end < HEAD or number(buf, 0) != self.size:
            return False
        self.kind = buf[2]
        self.number = buf[3] & MASK
        return _crc(buf, 0, end, _CRC_START) == (buf[end] & MASK) << 12 | number(buf, end + 1)

    def _begin(self, kind, size):
        out = self._out
        out[1] = DIGIT | size >> 6
        out[2] = DIGIT | size & MASK
        out[3] = kind
        out[4] = DIGIT | self.next
        self.next = self.next + 1 & MASK
        self._sum = _crc(out, 1, 1 + HEAD, _CRC_START)

    def _finish(self):
        out = self._out
        end = self._end
        out[end] = DIGIT | self._sum >> 12
        out[end + 1] = DIGIT | self._sum >> 6 & MASK
        out[end + 2] = DIGIT | self._sum & MASK
        out[end + 3] = _END
        self._sent = 0
        self._end = end + 4
