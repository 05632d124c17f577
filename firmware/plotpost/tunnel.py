"""A connection through the USB cable, for a board without a network: `plotpost bridge` at the other end opens the socket.

`Tunnel` has what stream.py uses of a socket and of a link; docs/bridge.md describes what it says to the bridge. Without a bridge the log
is plain text; within its session the log goes in frames too.
"""

import errno
import select

from plotpost import log
from plotpost.frames import DIGIT, HEAD, MASK, Frames, number
from plotpost.port import const, ticks_diff, ticks_ms

VERSION = const(1)

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

_PAYLOAD = const(192)  # to the bridge: with it a frame fits the 256 bytes that TinyUSB holds on an rp2
_WINDOW = const(128)  # from the bridge, unread: an esp32's UART waits for nobody, and 260 bytes hold that and what comes beside
_WINDOW_DIGITS = const(b"\x82\x80")
_RESERVE = const(512)  # of the bridge's room: the log must get through when the endpoint takes nothing
_SILENT_MS = const(5000)  # the bridge pings every second
_NONE = const(b"")
_FRAME_LOST = const("a frame was lost on the cable")

# What Linux calls errno, as docs/bridge.md has it, by the numbers of this port: an ESP32 has others
_ERRNO = {104: errno.ECONNRESET, 110: errno.ETIMEDOUT, 111: errno.ECONNREFUSED, 113: errno.EHOSTUNREACH}

# States of the connection
_CLOSED = const(0)
_OPENING = const(1)
_STANDING = const(2)
_ENDED = const(3)  # by the endpoint
_FAILED = const(4)


class Tunnel:
    """Through `source` and `sink`, the two directions of the serial port as streams of bytes.

    `up()`: a bridge is there. One connection at a time: `open`, then `poll` until it stands; `write`, `readinto` and `close` as on a
    non-blocking socket.
    """

    def __init__(self, source, sink):
        self._frames = Frames(source, sink, _WINDOW, _PAYLOAD)
        self._plain = log.write
        self._nonce = -1  # of the session, -1 without one
        self._heard = ticks_ms()
        self._expected = 0  # the number of the bridge's next frame
        self._credit = 0  # how many bytes the bridge still takes
        self._missed = 0  # log lines for which there was no room
        self._state = _CLOSED
        self._why = OSError()  # it failed
        self._asked = 0  # the number of the frame that asked for this connection
        self._held = 0  # bytes of data that have come and that nobody has read, from `_at` on
        self._at = 0
        # What is owed to the bridge
        self._greeting = _NONE
        self._closing = False
        self._address = _NONE
        self._read = 0
        self._digits = bytearray(2)
        self._ponging = False
        log.info("bridge", "this board has no network: waiting for plotpost bridge at the USB port")

    # What stream.py and status.py use of a link

    why = 0  # no network has a reason to refuse it

    def up(self):
        """True when a bridge is there. To be called, or the connection read, several times a second."""
        self._pump()
        return self._nonce >= 0

    def heard(self, now):
        """The endpoint was heard."""

    # What stream.py uses of a socket

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
        if self._state != _STANDING or not self._pay():
            return None
        size = min(size, self._credit - _RESERVE, _PAYLOAD)
        if size <= 0:
            return None
        self._credit -= size
        self._frames.send(_DATA, buf, start, start + size)
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
        self._address = _NONE
        self._state = _CLOSED
        self._read += self._held
        self._held = 0

    def leave(self):
        """The agent ends: so does the session, and the log is plain again."""
        if self._nonce >= 0:
            self._pay()
            self._forget()
            self._send(_BYE, b"the agent has ended")

    # From the bridge

    def _pump(self):
        """Take what has come, up to data that somebody must read, and send what is owed."""
        while not self._held and self._frames.take():
            self._accept()
        if self._nonce >= 0:
            if ticks_diff(ticks_ms(), self._heard) > _SILENT_MS:
                self._lose("plotpost bridge is gone")
            self._pay()

    def _accept(self):
        frames = self._frames
        if frames.kind == _HELLO:
            self._hello(frames.buf)
        elif self._nonce < 0:
            return
        elif frames.number != self._expected:
            self._lose(_FRAME_LOST)
            self._send(_BYE, _FRAME_LOST.encode())
        else:
            self._expected = self._expected + 1 & MASK
            self._heard = ticks_ms()
            self._obey(frames.kind, frames.buf, frames.size)

    def _hello(self, buf):
        """A bridge begins a session, or has not heard the answer yet."""
        nonce = number(buf, HEAD + 1)
        begins = nonce != self._nonce and buf[HEAD] == DIGIT | VERSION
        if begins:
            self._forget()
            self._nonce = nonce
            self._credit = number(buf, HEAD + 3)
        self._heard = ticks_ms()
        self._greeting = bytes([DIGIT | VERSION]) + buf[HEAD + 1 : HEAD + 3] + _WINDOW_DIGITS
        self._pay()
        if begins:
            log.write = self._log  # type: ignore[assignment]
            log.info("bridge", "plotpost bridge is here")

    def _obey(self, kind, buf, size):
        if kind == _DATA and self._state == _STANDING:
            self._held = size
            self._at = HEAD
        elif kind == _DATA:
            self._read += size
        elif kind == _CREDIT:
            self._credit += number(buf, HEAD)
        elif kind == _PING:
            self._ponging = True
        elif kind == _BYE:
            self._lose(buf[HEAD : HEAD + size].decode())
        elif kind == _CLOSE and self._state == _STANDING:
            self._state = _ENDED
        elif self._state == _OPENING and not self._address and buf[HEAD] == self._asked:
            self._decide(kind, buf, size)

    def _decide(self, kind, buf, size):
        if kind == _OPENED:
            self._state = _STANDING
        elif kind == _REFUSED:
            reason = buf[HEAD + 3 : HEAD + size].decode()
            code = number(buf, HEAD + 1)
            self._fail(OSError(_ERRNO.get(code, code), reason) if code else ValueError(reason))

    def _take(self, buf):
        size = min(self._held, len(buf))
        come = self._frames.buf
        i = 0
        while i < size:
            buf[i] = come[self._at + i]
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
        self._frames.restart()
        self._nonce = -1
        self._expected = self._read = self._held = 0
        self._greeting = self._address = _NONE
        self._closing = self._ponging = False
        if self._state != _CLOSED:
            self._fail(OSError(errno.ENODEV, "no bridge to the endpoint"))

    def _lose(self, why):
        self._forget()
        log.warning("bridge", "{}: readings wait on the board", why)

    # To the bridge

    def _pay(self):
        """Send what is owed; True when all of it is gone, and another frame may begin."""
        while self._frames.drain():
            if not self._send_owed():
                return True
        return False

    def _send_owed(self):
        """Begin the next frame that is owed; False when there is none."""
        if self._greeting:
            self._greet()
        elif self._closing:
            self._closing = False
            self._send(_CLOSE, _NONE)
        elif self._address:
            self._ask()
        elif self._read:
            self._grant()
        elif self._ponging:
            self._ponging = False
            self._send(_PING, _NONE)
        else:
            return False
        return True

    def _greet(self):
        frames = self._frames
        counted = frames.next  # a hello has the number 0, and does not count
        frames.next = 0
        self._send(_HELLO, self._greeting)
        frames.next = counted
        self._greeting = _NONE

    def _ask(self):
        self._asked = DIGIT | self._frames.next
        self._send(_OPEN, self._address)
        self._address = _NONE

    def _grant(self):
        self._digits[0] = DIGIT | self._read >> 6
        self._digits[1] = DIGIT | self._read & MASK
        self._read = 0
        self._send(_CREDIT, self._digits)

    def _log(self, line):
        payload = bytes([DIGIT | self._missed]) + line.encode()
        if self._credit < len(payload) or not self._pay():
            self._missed = min(self._missed + 1, MASK)
            return
        self._credit -= len(payload)
        self._missed = 0
        self._send(_LOG, payload)

    def _send(self, kind, payload):
        self._frames.send(kind, payload, 0, len(payload))
