"""A connection through the USB cable, for a board without a network: `plotpost bridge` at the other end opens the socket.

What crosses the cable are frames; docs/bridge.md describes them. `Tunnel` has what stream.py uses of a socket and of a link. Nothing
blocks, and nothing is allocated while readings are sent. Without a bridge the log is plain text, within its session the log goes in
frames too.
"""

import errno
import select
from array import array

from plotpost import log
from plotpost.port import const, receive, send, ticks_diff, ticks_ms

VERSION = const(1)

# Bytes that occur in no UTF-8 text, and that MicroPython's REPL ignores
_ESCAPE = const(0xFD)
_START = const(0xFE)
_END = const(0xFF)
_FLIP = const(0x40)
_DIGIT = const(0x80)  # six bits of a number
_DIGIT_MASK = const(63)

# Kinds of frames
_HELLO = const(0x81)
_OPEN = const(0x82)
_OPENED = const(0x83)
_REFUSED = const(0x84)
_DATA = const(0x85)
_CREDIT = const(0x86)
_CLOSE = const(0x87)
_LOG = const(0x88)
_PING = const(0x89)
_BYE = const(0x8A)

_HEAD = const(4)  # two digits of length, kind, number
_TAIL = const(3)  # three digits of CRC
_PAYLOAD = const(192)  # to the bridge: with it a frame fits the 256 bytes that TinyUSB holds on an rp2
_WINDOW = const(128)  # from the bridge, unread: an esp32's UART waits for nobody, and 260 bytes hold that and what comes beside
_WINDOW_DIGITS = b"\x82\x80"
_RESERVE = const(512)  # of the bridge's room: the log must get through when the endpoint takes nothing
_SILENT_MS = const(5000)  # the bridge pings every second
_CRC_START = const(0xFFFF)

# States of the connection
_CLOSED = const(0)
_OPENING = const(1)
_STANDING = const(2)
_ENDED = const(3)  # by the endpoint
_FAILED = const(4)


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


def _stuff(buf, i, end, out, n):
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


def _number(buf, i):
    """The number of two digits."""
    return (buf[i] & _DIGIT_MASK) << 6 | buf[i + 1] & _DIGIT_MASK


def _watch(stream, events):
    """What gives the events of a stream, without allocating where MicroPython has ipoll."""
    poll = select.poll()
    poll.register(stream, events)
    return getattr(poll, "ipoll", poll.poll)


class Tunnel:
    """Through `source` and `sink`, the two directions of the serial port as streams of bytes.

    `up()`: a bridge is there. One connection at a time: `open`, then `poll` until it stands; `write`, `readinto` and `close` as on a
    non-blocking socket.
    """

    def __init__(self, source, sink):
        self._source = source
        self._sink = sink
        self._readable = _watch(source, select.POLLIN)
        self._writable = _watch(sink, select.POLLOUT)
        self._plain = log.write
        self._byte = bytearray(1)
        self._digits = bytearray(2)
        self._in = bytearray(_HEAD + _WINDOW + _TAIL)
        self._filled = -1  # bytes of the frame that comes, -1 between two frames
        self._flip = 0
        self._out = bytearray(1 + _HEAD + 2 * _PAYLOAD + _TAIL + 1)
        self._out[0] = _START
        self._sent = 0  # what of the frame still has to go
        self._end = 0
        self._sum = 0
        self._nonce = -1  # of the session, -1 without one
        self._heard = ticks_ms()
        self._expected = 0  # the number of the bridge's next frame
        self._next = 0  # the number of the next frame to it
        self._credit = 0  # how many bytes the bridge still takes
        self._state = _CLOSED
        self._why = OSError()  # it failed
        self._held = 0  # bytes of data in `_in` that nobody has read, from `_at` on
        self._at = 0
        self._greeting = b""  # these are owed to the bridge
        self._address = b""
        self._closing = False
        self._read = 0
        self._ponging = False
        self._opened = 0  # the number of the frame that asked for this connection
        self._missed = 0  # log lines for which there was no room
        log.info("bridge", "this board has no network: waiting for plotpost bridge at the USB port")

    # What stream.py and status.py use of a link

    why = 0  # no network has a reason to refuse it

    def up(self):
        """True when a bridge is there. To be called, or the connection read, several times a second."""
        self._pump()
        return self._nonce >= 0

    def heard(self, now):
        """The endpoint was heard."""

    # What it uses of a socket

    def open(self, address):
        """Ask for a connection to `address`, "http://host:port"; the one before is gone."""
        self.close()
        self._closing = False
        self._address = address.encode()[:_PAYLOAD]
        self._state = _OPENING
        self._pay()

    def poll(self, timeout):
        """Like select's: what has become of `open()`."""
        self._pump()
        if self._state == _OPENING:
            return ()
        return ((self, select.POLLOUT if self._state == _STANDING else select.POLLERR),)

    def write(self, buf, start, size):
        """Send some of `size` bytes of `buf` from `start` on: how many, None when there is no room."""
        if self._state != _STANDING or not self._free():
            return None
        size = min(size, self._credit - _RESERVE, _PAYLOAD)
        if size <= 0:
            return None
        self._credit -= size
        self._send(_DATA, buf, start, start + size)
        return size

    def readinto(self, buf):
        """Fill `buf`: how many bytes, 0 at the end, None when there is nothing yet. Raises OSError, or ValueError for a certificate."""
        self._pump()
        if self._held:
            return self._take(buf)
        if self._state == _ENDED:
            return 0
        if self._state == _FAILED:
            raise self._why
        return None

    def close(self):
        """Give up the connection."""
        self._closing = self._state in (_OPENING, _STANDING)
        self._address = b""
        self._state = _CLOSED
        self._read += self._held
        self._held = 0

    def leave(self):
        """The agent ends: so does the session, and the log is plain again."""
        if self._nonce >= 0:
            self._pay()
            self._forget()
            self._send_bye(b"the agent has ended")

    # From the bridge

    def _pump(self):
        """Take what has come, up to data that somebody must read, and send what is owed."""
        while not self._held and self._has_byte():
            receive(self._source, self._byte)
            self._feed(self._byte[0])
        if self._nonce >= 0:
            if ticks_diff(ticks_ms(), self._heard) > _SILENT_MS:
                self._lose("plotpost bridge is gone: readings wait on the board")
            self._pay()

    def _has_byte(self):
        for event in self._readable(0):
            return event[1] & select.POLLIN
        return 0

    def _feed(self, byte):
        if byte == _START:
            self._filled = self._flip = 0
        elif self._filled < 0:
            return  # noise
        elif byte == _END:
            size = self._filled
            self._filled = -1
            self._check(size)
        elif byte == _ESCAPE:
            self._flip = _FLIP
        elif self._filled == len(self._in):
            self._filled = -1
        else:
            self._in[self._filled] = byte ^ self._flip
            self._filled += 1
            self._flip = 0

    def _check(self, size):
        """A frame of `size` bytes, if it is whole."""
        buf = self._in
        body = size - _TAIL
        if body < _HEAD or _number(buf, 0) != body - _HEAD:
            return
        if _crc(buf, 0, body, _CRC_START) != (buf[body] & _DIGIT_MASK) << 12 | _number(buf, body + 1):
            return
        if buf[2] == _HELLO:
            self._hello()
        elif self._nonce >= 0:
            self._count(body - _HEAD)

    def _hello(self):
        """A bridge begins a session, or has not heard the answer yet."""
        nonce = _number(self._in, _HEAD + 1)
        begins = nonce != self._nonce and self._in[_HEAD] == _DIGIT | VERSION
        if begins:
            self._forget()
            self._nonce = nonce
            self._credit = _number(self._in, _HEAD + 3)
        self._heard = ticks_ms()
        self._greeting = bytes([_DIGIT | VERSION]) + self._in[_HEAD + 1 : _HEAD + 3] + _WINDOW_DIGITS
        self._pay()
        if begins:
            log.write = self._log  # type: ignore[assignment]
            log.info("bridge", "plotpost bridge is here")

    def _count(self, size):
        if self._in[3] & _DIGIT_MASK != self._expected:
            self._lose("a frame was lost on the cable")
            self._send_bye(b"a frame was lost on the cable")
            return
        self._expected = self._expected + 1 & _DIGIT_MASK
        self._heard = ticks_ms()
        self._obey(self._in[2], size)

    def _obey(self, kind, size):
        if kind == _DATA:
            if self._state == _STANDING:
                self._held = size
                self._at = _HEAD
            else:
                self._read += size
        elif kind == _CREDIT:
            self._credit += _number(self._in, _HEAD)
        elif kind == _PING:
            self._ponging = True
        elif kind == _BYE:
            self._lose("plotpost bridge has ended: readings wait on the board")
        elif kind == _CLOSE:
            if self._state == _STANDING:
                self._state = _ENDED
        elif self._state == _OPENING and not self._address and self._in[_HEAD] == self._opened:
            self._decide(kind, size)

    def _decide(self, kind, size):
        if kind == _OPENED:
            self._state = _STANDING
        elif kind == _REFUSED:
            reason = self._in[_HEAD + 3 : _HEAD + size].decode()
            number = _number(self._in, _HEAD + 1)
            self._fail(OSError(number, reason) if number else ValueError(reason))

    def _take(self, buf):
        size = min(self._held, len(buf))
        i = 0
        while i < size:
            buf[i] = self._in[self._at + i]
            i += 1
        self._at += size
        self._held -= size
        self._read += size
        return size

    def _fail(self, why):
        self._state = _FAILED
        self._why = why

    def _forget(self):
        """There is no session any more: the log is plain, and nothing is owed or under way."""
        log.write = self._plain
        self._nonce = -1
        self._expected = self._next = self._read = self._held = self._sent = self._end = 0
        self._greeting = self._address = b""
        self._closing = self._ponging = False
        if self._state != _CLOSED:
            self._fail(OSError(errno.ENODEV, "no bridge to the endpoint"))

    def _lose(self, why):
        self._forget()
        log.warning("bridge", why)

    # To the bridge

    def _free(self):
        """Whether another frame may begin, after those that are owed."""
        self._pay()
        return self._sent == self._end

    def _pay(self):
        """Send what is owed, as far as the cable takes it."""
        while self._drain() and self._owes():
            pass

    def _owes(self):
        """Begin the next frame that is owed; False when there is none."""
        if self._greeting:
            self._greet()
        elif self._closing:
            self._closing = False
            self._send(_CLOSE, b"", 0, 0)
        elif self._address:
            self._ask()
        elif self._read:
            self._grant()
        elif self._ponging:
            self._ponging = False
            self._send(_PING, b"", 0, 0)
        else:
            return False
        return True

    def _greet(self):
        counted = self._next  # a hello has the number 0, and does not count
        self._next = 0
        self._send(_HELLO, self._greeting, 0, len(self._greeting))
        self._next = counted
        self._greeting = b""

    def _ask(self):
        self._opened = _DIGIT | self._next
        self._send(_OPEN, self._address, 0, len(self._address))
        self._address = b""

    def _grant(self):
        digits = self._digits
        digits[0] = _DIGIT | self._read >> 6
        digits[1] = _DIGIT | self._read & _DIGIT_MASK
        self._read = 0
        self._send(_CREDIT, digits, 0, 2)

    def _log(self, line):
        size = len(line) + 1
        if self._credit < size or not self._free():
            self._missed = min(self._missed + 1, _DIGIT_MASK)
            return
        self._credit -= size
        self._send(_LOG, bytes([_DIGIT | self._missed]) + line.encode(), 0, size)
        self._missed = 0

    def _send_bye(self, why):
        self._send(_BYE, why, 0, len(why))

    def _send(self, kind, buf, start, end):
        self._begin(kind, end - start)
        self._sum = _crc(buf, start, end, self._sum)
        self._end = _stuff(buf, start, end, self._out, 1 + _HEAD)
        self._finish()
        self._drain()

    def _begin(self, kind, size):
        out = self._out
        out[1] = _DIGIT | size >> 6
        out[2] = _DIGIT | size & _DIGIT_MASK
        out[3] = kind
        out[4] = _DIGIT | self._next
        self._next = self._next + 1 & _DIGIT_MASK
        self._sum = _crc(out, 1, 1 + _HEAD, _CRC_START)

    def _finish(self):
        out = self._out
        end = self._end
        out[end] = _DIGIT | self._sum >> 12
        out[end + 1] = _DIGIT | self._sum >> 6 & _DIGIT_MASK
        out[end + 2] = _DIGIT | self._sum & _DIGIT_MASK
        out[end + 3] = _END
        self._sent = 0
        self._end = end + 4

    def _drain(self):
        """Whether the whole frame is sent. The cable may take a part of it; the rest goes later."""
        if self._sent < self._end and self._has_room():
            self._sent += send(self._sink, self._out, self._sent, self._end) or 0
        return self._sent == self._end

    def _has_room(self):
        for event in self._writable(0):
            return event[1] & select.POLLOUT
        return 0
