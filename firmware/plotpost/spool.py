"""The readings that no endpoint has confirmed yet: a ring of 12-byte records, numbered without gaps.

A record is three words of an `array('i')`: channel, flags and day | millisecond of the day | value. All stay below 2**30, so that
none is ever a heap object on a 32-bit chip.
"""

from array import array

from plotpost.port import const, ticks_diff, ticks_ms

RECORD_BYTES = const(12)
NO_VALUE = const(-1073741824)  # -(1 << 30): the one small integer that is no value
VALUE_MAX = const(1073741823)

_DAY_BITS = const(16)
_DAY_MASK = const(0xFFFF)
_CLOCK_UNKNOWN = const(0x10000)
_CHANNEL_SHIFT = const(17)
_SAVE_MS = const(600000)  # readings that nobody has confirmed for so long are safer on flash


class Unreadable(Exception):
    """Flash cannot be read. What can be done: `drop_oldest`, so that the rest can go on."""


class Numbered:
    """Records `first` to `next` of one stream id; those below `settled` are in the endpoint's store, or were given up knowingly.

    `channels` (objects with `token` and `decimals`) say what the records' channels are. `dropped` counts the records that were
    pushed out unsettled. After `load(number)` a record stands in `channel`, `day`, `ms`, `value` and `clock_known`.
    """

    def __init__(self, stream_id, channels):
        self.stream_id = stream_id
        self.channels = channels
        self.first = 0
        self.next = 0
        self.settled = 0
        self.dropped = 0
        self.channel = 0
        self.day = 0
        self.ms = 0
        self.value = 0
        self.clock_known = True

    def waiting(self):
        """How many records are held."""
        return self.next - self.first

    def settle(self, number):
        """All below `number` is settled and is held no longer.

        Records that were pushed out while their request was under way are only now known to be lost or not.
        """
        if number > self.next:
            number = self.next
        if number < self.first:
            self.dropped += self.first - max(number, self.settled)
            number = self.first
        self.first = number
        self.settled = number

    def give_up_evicted(self):
        """Count as dropped what was pushed out before a new request begins: no answer will speak of it any more."""
        self.dropped += self.first - self.settled
        self.settled = self.first

    def decode(self, words, i):
        """Take the record whose three words begin at `words[i]`."""
        head = words[i]
        self.channel = head >> _CHANNEL_SHIFT
        self.clock_known = not head & _CLOCK_UNKNOWN
        self.day = head & _DAY_MASK
        self.ms = words[i + 1]
        self.value = words[i + 2]


class Spool(Numbered):
    """The readings since the cold boot: a ring of `size` bytes of RAM and, before its oldest would go, a `session` on flash.

    `saturated` counts values cut to +-(2**30 - 1).
    """

    def __init__(self, size, stream_id="", channels=(), session=None):
        super().__init__(stream_id, channels)
        self.capacity = size // RECORD_BYTES
        self.saturated = 0
        self._words = array("i", bytes(self.capacity * RECORD_BYTES))
        self._ring_first = 0
        self._session = session
        self._saved_at = ticks_ms()
        self._saved_settled = 0

    def resume(self, number):
        """Go on with reading `number` after a deep sleep. What was not confirmed before it waits in the session."""
        self.next = self._ring_first = number
        self.first = self.settled = self._session.first if self._session.waiting() else number

    def put(self, channel, value, time):
        """Append a reading taken at `time` (a Clock: `day`, `ms`, `known`).

        When there is no room anywhere the oldest goes: thinning out would break the numbering.
        """
        if not -VALUE_MAX <= value <= VALUE_MAX and value != NO_VALUE:
            value = VALUE_MAX if value > 0 else -VALUE_MAX
            self.saturated += 1
        number = self.next
        if number - self._ring_first == self.capacity:
            self._make_room()
        i = number % self.capacity * 3
        words = self._words
        words[i] = channel << _CHANNEL_SHIFT | (0 if time.known else _CLOCK_UNKNOWN) | time.day & _DAY_MASK
        words[i + 1] = time.ms
        words[i + 2] = value
        self.next = number + 1

    def _make_room(self):
        if not self.spill(self.capacity // 2 or 1):
            self._evict()

    def in_ram(self):
        """How many records the ring holds."""
        return self.next - self._ring_first

    def spill(self, count):
        """Move the `count` oldest records of the ring to flash, as far as flash takes them; returns how many it took."""
        if self._session is None:
            return 0
        moved = 0
        while moved < count:
            start = self._ring_first % self.capacity
            run = min(count - moved, self.capacity - start)
            taken = self._session.append(self._words, start, self._ring_first, run)
            if not taken:
                break
            moved += taken
            self._ring_first += taken
        self.first = max(self.first, min(self._session.first, self._ring_first))
        return moved

    def save(self, now):
        """Call it now and then: what has not been confirmed for ten minutes goes to flash, so that a power cut loses no more than that.

        `now` in ticks. At most 144 times a day, and only while nothing is confirmed.
        """
        if self.settled != self._saved_settled or not self.in_ram():
            self._saved_settled = self.settled
            self._saved_at = now
        elif ticks_diff(now, self._saved_at) >= _SAVE_MS:
            self.spill(self.in_ram())
            self._saved_at = now

    def load(self, number):
        """Read record `number`; `first <= number < next`. Raises Unreadable."""
        if number < self._ring_first:
            self._session.read(number, self)
        else:
            self.decode(self._words, number % self.capacity * 3)

    def settle(self, number):
        """All below `number` is settled and leaves ring and flash."""
        super().settle(number)
        self._ring_first = max(self._ring_first, self.first)
        if self._session is not None:
            self._session.settle(self.first)

    def drop_oldest(self):
        """Give up the oldest segment on flash."""
        self._session.drop_oldest()
        self.first = max(self.first, min(self._session.first, self._ring_first))

    def _evict(self):
        """Give up the oldest record, and with it all that is on flash: it is older still, and flash is broken."""
        gone = self._ring_first + 1 - self.first
        self._ring_first += 1
        self.first = self._ring_first
        if self._session is not None:
            self._session.give_up(self.first, gone)
