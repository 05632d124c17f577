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
from plotpost.port import const, forget
from plotpost.spool import RECORD_BYTES, Numbered, Unreadable

MAGIC = b"PPS1"
_SEGMENT_BYTES = const(4096)
_BLOCK = const("<IHI")
_BLOCK_BYTES = const(10)
_WINDOW = const(16)  # records that are read at once


class Segment:
    """One file: records `first` to `next`, in `size` bytes, of which the first `head` are no records."""

    def __init__(self, path, first, next, head, size):
        self.path = path
        self.first = first
        self.next = next
        self.head = head
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
            file.write(pack(_BLOCK, number, count, crc32(records, checksum(number, count))))
            file.write(records)
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
            size = file.write(MAGIC + pack("<H", len(head)) + head + pack("<I", crc32(head)))
        segment = Segment(path, number, number, size, size)
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
            file.seek(segment.head)
            for first, count, _ in blocks(file):
                if first <= number < first + count:
                    file.seek((number - first) * RECORD_BYTES, 1)
                    self._count = min(count - (number - first), _WINDOW)
                    self.first = number
                    file.readinto(self.words)
                    return
                file.seek(count * RECORD_BYTES, 1)
        raise OSError(errno.EIO)


def blocks(file):
    """The heads of the blocks after the segment's head; the file stands at each one's first record, and the caller moves it on."""
    while True:
        head = file.read(_BLOCK_BYTES)
        if len(head) < _BLOCK_BYTES:
            return
        number, count, check = unpack(_BLOCK, head)
        if count * RECORD_BYTES > _SEGMENT_BYTES:
            return
        yield number, count, check


def checksum(number, count):
    """Of what stands before a block's records; crc32 goes on with them."""
    return crc32(pack("<IH", number, count))


class Flash:
    """The folder of segments, at most `size` bytes of it.

    `sessions`: what earlier boots left, oldest first, for `endpoint`. `foreign`: what they left for another one, which is neither sent
    nor deleted before the room is needed. `given_up`: readings that left flash unconfirmed in this life, whether or not an answer under
    way confirms some of them yet.
    """

    def __init__(self, folder, size, endpoint):
        self._folder = folder
        self._most = max(size // _SEGMENT_BYTES, 2)
        self._current = None
        self.sessions = []
        self.foreign = []
        self.given_up = 0
        self._lost = 0  # of sessions that are done with
        self._serial = self._recover(endpoint)

    def _recover(self, endpoint):
        from plotpost import recovery

        try:
            return recovery.recover(self, self._folder, endpoint)
        finally:
            del recovery
            forget("plotpost.recovery")

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
