"""A DS18B20 on a 1-Wire bus, bit by bit: reset and presence, ROM commands and search, conversion, scratchpad, CRC.

Source: Maxim's DS18B20 datasheet; its timing is the slowest and fastest part's: a slot is read 15 to 60 us after its falling edge.
"""

_RESET_US = 480
_PRESENCE_US = (30, 150)  # after the reset's end
_SAMPLE_US = 30  # after the falling edge: later than the shortest 1, earlier than the shortest 0
_HOLD_US = 30  # how long a 0 that is read keeps the wire down
_SEARCH, _MATCH, _SKIP, _READ_ROM = 0xF0, 0x55, 0xCC, 0x33
_CONVERT, _READ = 0x44, 0xBE
_CONVERT_US = (93750, 187500, 375000, 750000)  # at 9, 10, 11 and 12 bits
_POWER_ON = 0x0550


def crc8(data):
    """Maxim's CRC, x^8 + x^5 + x^4 + 1, low bit first."""
    crc = 0
    for byte in data:
        for i in range(8):
            mixed = (crc ^ byte >> i) & 1
            crc >>= 1
            if mixed:
                crc ^= 0x8C
    return crc


def rom(serial, family=0x28):
    """The eight bytes of a part's address, from six of `serial`."""
    body = bytes([family]) + serial
    return body + bytes([crc8(body)])


class Probe:
    """`sixteenths`: what it would measure. `flip`: a byte of the scratchpad that comes wrong. `bits`: 9 to 12."""

    def __init__(self, address, sixteenths=0, bits=12):
        self.rom = address
        self.sixteenths = sixteenths
        self.flip = None
        self.bits = bits
        self.conversions = 0
        self._register = _POWER_ON
        self._due = None  # when the conversion is done
        self._pulled_at = 0
        self._low = (0, 0)
        self._state = _Deaf()

    def edge(self, level, now):
        if not level:
            self._finish(now)
            self._pulled_at = now
            bit = self._state.next()
            if bit == 0:
                self._low = (now, now + _HOLD_US)
        elif now - self._pulled_at >= _RESET_US:
            self._low = (now + _PRESENCE_US[0], now + _PRESENCE_US[1])
            self._state = _Byte(self._rom_command)
        else:
            self._state = self._state.slot(1 if now - self._pulled_at < _SAMPLE_US else 0)

    def pulls(self, now):
        return self._low[0] <= now < self._low[1]

    def _finish(self, now):
        if self._due is not None and now >= self._due:
            self._register = self.sixteenths & 0xFFFF
            self._due = None

    def _rom_command(self, command):
        if command == _SKIP:
            return _Byte(self._function)
        if command == _MATCH:
            return _Match(self.rom, _Byte(self._function))
        if command == _SEARCH:
            return _Search(self.rom)
        return _Send(self.rom) if command == _READ_ROM else _Deaf()

    def _function(self, command):
        if command == _CONVERT:
            self.conversions += 1
            self._due = self._pulled_at + _CONVERT_US[self.bits - 9]
        return _Send(self._scratchpad()) if command == _READ else _Deaf()

    def _scratchpad(self):
        body = [self._register & 255, self._register >> 8, 0x4B, 0x46, (self.bits - 9) << 5 | 0x1F, 0xFF, 0x0C, 0x10]
        body.append(crc8(body))
        if self.flip is not None:
            body[self.flip] ^= 0x10
        return bytes(body)


class _Deaf:
    """Not addressed: until the next reset it is as if it were not there."""

    def next(self):
        """The bit that it answers in this slot; a 1 is silence."""
        return 1

    def slot(self, bit):
        """What it does after a slot in which the board wrote `bit`."""
        return self


class _Byte(_Deaf):
    """Takes a byte, low bit first, and hands it on to what decides the next state."""

    def __init__(self, then):
        self._then = then
        self._value = 0
        self._count = 0

    def slot(self, bit):
        self._value |= bit << self._count
        self._count += 1
        return self if self._count < 8 else self._then(self._value)


class _Send(_Deaf):
    """Gives bytes, low bit first."""

    def __init__(self, data):
        self._data = data
        self._at = 0

    def next(self):
        if self._at >= 8 * len(self._data):
            return 1
        return self._data[self._at // 8] >> self._at % 8 & 1

    def slot(self, bit):
        self._at += 1
        return self


class _Match(_Deaf):
    """Goes on only if the 64 bits that come are its own."""

    def __init__(self, address, then):
        self._address = address
        self._then = then
        self._at = 0

    def slot(self, bit):
        if bit != self._address[self._at // 8] >> self._at % 8 & 1:
            return _Deaf()
        self._at += 1
        return self if self._at < 64 else self._then


class _Search(_Deaf):
    """For each bit of its address: gives the bit, then its complement, then goes on only if the board takes this branch."""

    def __init__(self, address):
        self._address = address
        self._at = 0
        self._turn = 0

    def _bit(self):
        return self._address[self._at // 8] >> self._at % 8 & 1

    def next(self):
        return (self._bit(), 1 - self._bit(), 1)[self._turn]

    def slot(self, bit):
        self._turn += 1
        if self._turn < 3:
            return self
        if bit != self._bit():
            return _Deaf()
        self._at += 1
        self._turn = 0
        return self if self._at < 64 else _Deaf()
