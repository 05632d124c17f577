"""The frames that cross the cable between a board and `plotpost bridge`; docs/bridge.md describes them.

They are made and read here without the firmware's code, so that the tests compare two readings of the document.
"""

import re
from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

VERSION = 1
MOST = 4095  # the largest number of two digits

_ESCAPE, _START, _END = 0xFD, 0xFE, 0xFF
_FLIP = 0x40
_HEAD = 4
_TAIL = 3
_STUFFED = re.compile(rb"[\x00-\x1f\xfd-\xff]")
_ESCAPED = re.compile(rb"\xfd(.)", re.DOTALL)
_LINE_BYTES = 1000  # text without a line end is cut there


class Kind(IntEnum):
    HELLO = 0x81
    OPEN = 0x82
    OPENED = 0x83
    REFUSED = 0x84
    DATA = 0x85
    CREDIT = 0x86
    CLOSE = 0x87
    LOG = 0x88
    PING = 0x89
    BYE = 0x8A


_KINDS = frozenset(map(int, Kind))


@dataclass(frozen=True)
class Frame:
    """`number`, 0 to 63, counts the frames of a direction."""

    kind: Kind
    number: int
    payload: bytes = b""

    def encode(self) -> bytes:
        body = digits(len(self.payload), 2) + bytes([self.kind]) + digits(self.number, 1) + self.payload
        stuffed = _STUFFED.sub(lambda match: bytes([_ESCAPE, match[0][0] ^ _FLIP]), self.payload)
        return bytes([_START]) + body[:_HEAD] + stuffed + digits(crc_hqx(body, 0xFFFF), 3) + bytes([_END])

    @classmethod
    def decode(cls, stuffed: bytes) -> "Frame | None":
        """The frame of what stands between START and END, None if that is none."""
        body = _ESCAPED.sub(lambda match: bytes([match[1][0] ^ _FLIP]), stuffed)
        head, payload, tail = body[:_HEAD], body[_HEAD:-_TAIL], body[-_TAIL:]
        if len(body) < _HEAD + _TAIL or head[2] not in _KINDS:
            return None
        if number(head[:2]) != len(payload) or number(tail) != crc_hqx(head + payload, 0xFFFF):
            return None
        return cls(Kind(head[2]), number(head[3:]), payload)


def digits(value: int, count: int) -> bytes:
    """A number in so many digits of six bits."""
    return bytes(0x80 | value >> 6 * place & 0x3F for place in reversed(range(count)))


def number(digits: bytes) -> int:
    """The number of these digits."""
    value = 0
    for digit in digits:
        value = value << 6 | digit & 0x3F
    return value


class Decoder:
    """Takes what comes from the serial port, in pieces of any size: frames, and lines of text between them.

    Text counts only when its line has ended: what is left of a frame whose beginning was lost is not text, and may hold a token.
    `broken`: how many frames were not whole.
    """

    def __init__(self) -> None:
        self.broken = 0
        self._inside = False
        self._piece = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | bytes]:
        for byte in data:
            if byte == _START:
                self.broken += self._inside
                self._begin(True)
            elif byte == _END:
                yield from self._end()
            elif self._inside and byte < 0x20:  # never in a frame: the rest of this one is lost
                self.broken += 1
                self._begin(False)
            elif byte == 0x0A:
                yield bytes(self._piece)
                self._begin(False)
            else:
                self._piece.append(byte)
                self._check_length()

    def _begin(self, inside: bool) -> None:
        self._inside = inside
        self._piece.clear()

    def _end(self) -> Iterator[Frame]:
        frame = Frame.decode(bytes(self._piece)) if self._inside else None
        self.broken += frame is None
        self._begin(False)
        if frame is not None:
            yield frame

    def _check_length(self) -> None:
        if len(self._piece) > 2 * (_HEAD + MOST + _TAIL) or (not self._inside and len(self._piece) > _LINE_BYTES):
            self._begin(False)
