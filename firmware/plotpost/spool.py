"""The readings that no endpoint has confirmed yet: a ring of 12-byte records, numbered without gaps.

A record is three words of an `array('i')`: channel, flags and day | millisecond of the day | value. All stay below 2**30, so that
none is ever a heap object on a 32-bit chip.
"""

from array import array

from plotpost.port import const

RECORD_BYTES = const(12)
NO_VALUE = const(-1073741824)  # -(1 << 30): the one small integer that is no value
VALUE_MAX = const(1073741823)

_DAY_BITS = const(16)
_DAY_MASK = const(0xFFFF)
_CLOCK_UNKNOWN = const(0x10000)
_CHANNEL_SHIFT = const(17)
CHANNELS_MAX = const(256)


class Spool:
    """`size`: bytes of RAM for the ring.

    Numbers count the readings since the cold boot. `first` is the oldest held, `next` the one that comes; what lies below `settled`
    is in the endpoint's store (or was given up knowingly). `dropped` counts readings that were pushed out unsettled, `saturated`
    values cut to +-(2**30 - 1).
    """

    def __init__(self, size):
        self.capacity = size // RECORD_BYTES
        self._words = array("i", bytes(self.capacity * RECORD_BYTES))
        self.first = 0
        self.next = 0
        self.settled = 0
        self.dropped = 0
        self.saturated = 0
        self.channel = 0  # the record that load() read
        self.day = 0
        self.ms = 0
        self.value = 0
        self.clock_known = True

    def put(self, channel, day, ms, value, clock_known):
        """Append a reading. A full ring gives up its oldest: thinning out would break the numbering."""
        if value != NO_VALUE and not -VALUE_MAX <= value <= VALUE_MAX:
            value = VALUE_MAX if value > 0 else -VALUE_MAX
            self.saturated += 1
        if self.next - self.first == self.capacity:
            self.first += 1
        words = self._words
        i = self.next % self.capacity * 3
        words[i] = channel << _CHANNEL_SHIFT | (0 if clock_known else _CLOCK_UNKNOWN) | day & _DAY_MASK
        words[i + 1] = ms
        words[i + 2] = value
        self.next += 1

    def load(self, number):
        """Read record `number` into `channel`, `day`, `ms`, `value` and `clock_known`; `first <= number < next`."""
        words = self._words
        i = number % self.capacity * 3
        head = words[i]
        self.channel = head >> _CHANNEL_SHIFT
        self.clock_known = not head & _CLOCK_UNKNOWN
        self.day = head & _DAY_MASK
        self.ms = words[i + 1]
        self.value = words[i + 2]

    def settle(self, number):
        """All below `number` is settled and leaves the ring.

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

    def waiting(self):
        """How many readings are held."""
        return self.next - self.first
