"""The spool on flash: what the ring cannot hold, in small append-only files that a power cut at any byte leaves readable.

A segment is a file of at most 4 KiB, one erase block of littlefs on a Pico or an ESP32:

    "PPS1" | length of the head, 2 bytes | head, JSON | CRC-32 of the head, 4 bytes | blocks
    block: number of its first record, 4 bytes | how many, 2 bytes | CRC-32 of block but itself, 4 bytes | records of 12 bytes

All integers are little-endian. The head names the stream id, the endpoint and the channel table, so that a segment is replayed
as it was taken, whatever config.json says by then; and how many readings this life had given up by then, so that a power cut
does not take the count away. A segment is deleted when all of it is settled; only blocks whose checksum is
right are ever read, and nothing is appended to a file of an earlier boot.
"""

import errno
import json
import os
from array import array
from binascii import crc32
from struct import pack, unpack

from plotpost import log
from plotpost.port import const
from plotpost.spool import RECORD_BYTES, Numbered, Unreadable

_MAGIC = const(b"PPS1")
_SEGMENT_BYTES = const(4096)
_HEAD_MAX = const(2048)
_BLOCK = const("<IHI")
_BLOCK_BYTES = const(10)
_WINDOW = const(16)  # records that are read at once


class SegmentError(ValueError):
    """This file is no segment, or its head was never written whole."""


class Channel:
    """What a stored record's channel meant when it was taken."""

    def __init__(self, token, decimals):
        self.token = token
        self.decimals = decimals


class Segment:
    """One file: records `first` to `next`, in `size` bytes."""

    def __init__(self, path, first, next, size):
        self.path = path
        self.first = first
        self.next = next
        self.size = size


class Session(Numbered):
    """The segments of one stream id, oldest first, without a gap.

    `channels` and `endpoint` are those under which the records were taken. `admitted`: how many readings an earlier life had given up by
    its own count, which goes with its stream id to the endpoint.
    """

    def __init__(self, flash, stream_id, endpoint, channels):
        super().__init__(stream_id, channels)
        self.endpoint = endpoint
        self.segments = []
        self.admitted = 0
        self._told = False
        self.capacity = 0  # nothing is added: a request that has sent everything may end
        self._flash = flash
        self._open = None  # the last segment, while records are being appended to it
        self._reader = _Reader()

    def append_to_last(self):
        """Go on with the last segment instead of beginning another."""
        self._open = self.segments[-1]

    def append(self, words, start, number, count):
        """Store `count` records, which begin at record `start` of the array `words` and at `number`; returns how many were stored.

        Fewer than asked for where a segment ends, none when the flash refuses.
        """
        try:
            return self._append(words, start, number, count)
        except OSError as error:
            log.warning("flash", "not written (error {}): readings stay in RAM", error.errno)
            self._open = None
            return 0

    def _append(self, words, start, number, count):
        if not self.waiting():
            self.first = self.next = self.settled = number
        segment = self._open
        if segment is None or segment.size + _BLOCK_BYTES + RECORD_BYTES > _SEGMENT_BYTES:
            segment = self._begin(number)
        count = min(count, (_SEGMENT_BYTES - segment.size - _BLOCK_BYTES) // RECORD_BYTES)
        records = memoryview(words)[start * 3 : (start + count) * 3]
        self._reader.close()
        with open(segment.path, "ab") as file:
            file.write(pack(_BLOCK, number, count, _checksum(number, count, records)) + bytes(records))
        segment.size += _BLOCK_BYTES + count * RECORD_BYTES
        segment.next = self.next = number + count
        return count

    def _begin(self, number):
        self._open = None
        self._flash.make_room()
        head = json.dumps(
            {
                "id": self.stream_id,
                "endpoint": self.endpoint,
                "channels": [[c.token, c.decimals] for c in self.channels],
                "dropped": self._flash.given_up,
            }
        ).encode()
        path = self._flash.new_path()
        with open(path, "wb") as file:
            file.write(_MAGIC + pack("<H", len(head)) + head + pack("<I", crc32(head)))
        segment = Segment(path, number, number, len(head) + len(_MAGIC) + 6)
        self.segments.append(segment)
        self._open = segment
        return segment

    def load(self, number):
        """Read record `number`; `first <= number < next`. Raises Unreadable."""
        self.read(number, self)

    def read(self, number, into):
        """Read record `number` into `into`, a Numbered. Raises Unreadable."""
        reader = self._reader
        if not reader.holds(number):
            try:
                self._fill(number)
            except OSError as error:
                log.error("flash", "cannot be read (error {})", error.errno)
                raise Unreadable(number) from None
        into.decode(reader.words, (number - reader.first) * 3)

    def _fill(self, number):
        for segment in self.segments:
            if segment.first <= number < segment.next:
                self._reader.fill(segment, number)
                return
        raise OSError(errno.EIO)

    def settle(self, number):
        """All below `number` is settled: segments that hold nothing else are deleted."""
        super().settle(number)
        while self.segments and self.segments[0].next <= self.first:
            self._delete_oldest()

    def give_up(self, number, count):
        """All below `number`, of which `count` were not settled, is given up."""
        self._flash.given_up += count
        self.settle(number)

    def drop_oldest(self):
        """Give up the oldest segment."""
        if not self.segments:
            return
        oldest = self.segments[0]
        self._flash.given_up += oldest.next - max(self.first, oldest.first)
        self.first = max(self.first, oldest.next)
        self._delete_oldest()
        if not self.segments and not self._told:
            self._flash.take_over(self.admitted)

    def admit(self):
        """What an earlier life had given up: a request with its stream id is about to say so."""
        self._told = True
        return self.admitted

    def _delete_oldest(self):
        segment = self.segments.pop(0)
        if segment is self._open:
            self._open = None
        self._reader.close()
        try:
            os.remove(segment.path)
        except OSError as error:
            log.warning("flash", "{} not deleted (error {})", segment.path, error.errno)


class _Reader:
    """A window of records of one segment, read forwards."""

    def __init__(self):
        self.words = array("i", bytes(_WINDOW * RECORD_BYTES))
        self.close()

    def close(self):
        """Forget the window: files change."""
        self.first = 0
        self._count = 0

    def holds(self, number):
        return self.first <= number < self.first + self._count

    def fill(self, segment, number):
        """Read the records from `number` on, as far as window and block go."""
        with open(segment.path, "rb") as file:
            _read_head(file)
            for first, count, _ in _blocks(file):
                if first <= number < first + count:
                    file.seek((number - first) * RECORD_BYTES, 1)
                    self._count = min(count - (number - first), _WINDOW)
                    self.first = number
                    file.readinto(self.words)
                    return
                file.seek(count * RECORD_BYTES, 1)
        raise OSError(errno.EIO)


def _blocks(file):
    """The heads of the blocks after the segment's head; the file stands at each one's first record, and the caller moves it on."""
    while True:
        head = file.read(_BLOCK_BYTES)
        if len(head) < _BLOCK_BYTES:
            return
        number, count, check = unpack(_BLOCK, head)
        if count * RECORD_BYTES > _SEGMENT_BYTES:
            return
        yield number, count, check


def _read_head(file):
    start = file.read(len(_MAGIC) + 2)
    if len(start) < len(_MAGIC) + 2 or not start.startswith(_MAGIC):
        raise SegmentError("no segment")
    length = unpack("<H", start[len(_MAGIC) :])[0]
    if length > _HEAD_MAX:
        raise SegmentError("head too long")
    head = file.read(length)
    check = file.read(4)
    if len(check) < 4 or unpack("<I", check)[0] != crc32(head):
        raise SegmentError("head not whole")
    return json.loads(head)


class Flash:
    """The folder of segments, at most `size` bytes of it.

    `sessions`: what earlier boots left, oldest first, for `endpoint`. `foreign`: what they left for another one, which is neither sent
    nor deleted before the room is needed. `given_up`: readings that left flash unconfirmed in this life, whether or not an answer under
    way confirms some of them yet.
    """

    def __init__(self, folder, size, endpoint):
        self._folder = folder
        self._most = max(size // _SEGMENT_BYTES, 2)
        self._serial = 0
        self._current = None
        self.sessions = []
        self.foreign = []
        self.given_up = 0
        self._lost = 0  # of sessions that are done with
        self._recover(endpoint)

    def session(self, stream_id, endpoint, channels):
        """The session of this boot: nothing is written before its first record."""
        self._current = Session(self, stream_id, endpoint, channels)
        return self._current

    def resume(self, stream_id, number, endpoint, channels):
        """The session of a stream id that goes on with record `number` after a deep sleep: appended to where it was left.

        A sleep is planned, so that its last block is whole.
        """
        if self.sessions and self.sessions[-1].stream_id == stream_id and self.sessions[-1].next == number:
            session = self._current = self.sessions.pop()
            session.channels = channels
            session.append_to_last()
            return session
        session = self.session(stream_id, endpoint, channels)
        session.first = session.next = session.settled = number
        return session

    def oldest(self):
        """The oldest session of an earlier boot that still holds something, or None."""
        while self.sessions:
            if self.sessions[0].waiting():
                return self.sessions[0]
            done = self.sessions.pop(0)
            done.give_up_evicted()
            self._lost += done.dropped
        return None

    @property
    def dropped(self):
        """How many readings of earlier boots were given up because the flash was full."""
        return self._lost + sum([s.dropped for s in self.sessions]) + sum([s.first - s.settled for s in self.foreign])

    def take_over(self, count):
        """Answer for so many readings that a life gave up of which nothing is left."""
        self.given_up += count
        self._lost += count

    def waiting(self):
        """How many readings of earlier boots wait to be sent."""
        return sum([s.waiting() for s in self.sessions])

    def make_room(self):
        """Drop the oldest segments until one more may be begun."""
        everything = self.foreign + self.sessions + ([self._current] if self._current else [])
        count = sum([len(s.segments) for s in everything])
        for session in everything:
            while count >= self._most and session.segments:
                session.drop_oldest()
                count -= 1

    def new_path(self):
        """A path after all others in the order of names."""
        self._serial += 1
        return f"{self._folder}/{self._serial:08x}"

    def _recover(self, endpoint):
        try:
            os.mkdir(self._folder)
        except OSError:
            pass  # it is there
        for name in sorted(os.listdir(self._folder)):
            path = f"{self._folder}/{name}"
            try:
                self._serial = max(self._serial, int(name, 16))
                self._take(path, endpoint)
            except (SegmentError, ValueError, KeyError):
                log.warning("flash", "{} holds nothing whole and is deleted", path)
                os.remove(path)

    def _take(self, path, endpoint):
        head, first, next = _whole(path)
        if first is None:
            self._admit_more(head)
            raise SegmentError("no whole block")
        session = self._session_for(head, first, endpoint)
        session.admitted = head.get("dropped", 0)
        session.segments.append(Segment(path, first, next, os.stat(path)[6]))
        session.next = next

    def _admit_more(self, head):
        """The power was cut before the first block: the head counts all the same."""
        for sessions in (self.sessions, self.foreign):
            if sessions and sessions[-1].stream_id == head["id"]:
                sessions[-1].admitted = head.get("dropped", 0)

    def _session_for(self, head, first, endpoint):
        sessions = self.sessions if head["endpoint"] == endpoint else self.foreign
        if sessions and sessions[-1].stream_id == head["id"] and sessions[-1].next == first:
            return sessions[-1]
        session = Session(self, head["id"], head["endpoint"], [Channel(*c) for c in head["channels"]])
        session.first = session.settled = first
        sessions.append(session)
        return session


def _checksum(number, count, records):
    return crc32(records, crc32(pack("<IH", number, count)))


def _whole(path):
    """The head of a segment, and the numbers `first` to `next` of its records up to the first block that is not whole; None for none."""
    first = next = None
    with open(path, "rb") as file:
        head = _read_head(file)
        for number, count, check in _blocks(file):
            records = file.read(count * RECORD_BYTES)
            if len(records) < count * RECORD_BYTES or _checksum(number, count, records) != check or next not in (None, number):
                break
            first = number if first is None else first
            next = number + count
    return head, first, next
