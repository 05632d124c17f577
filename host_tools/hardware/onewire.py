"""In the place of micropython-lib's `onewire`; see dht.py beside it. The search is that of Maxim's application note 187."""

import _onewire


class OneWireError(Exception):
    """Nobody answers a reset."""


class OneWire:
    """A bus at a machine.Pin."""

    SEARCH_ROM = 0xF0
    MATCH_ROM = 0x55
    SKIP_ROM = 0xCC

    def __init__(self, pin):
        self.pin = pin
        pin.init(pin.OPEN_DRAIN, pin.PULL_UP)

    def reset(self, required=False):
        present = _onewire.reset(self.pin)
        if required and not present:
            raise OneWireError
        return present

    def writebyte(self, value):
        _onewire.writebyte(self.pin, value)

    def write(self, data):
        for value in data:
            self.writebyte(value)

    def readinto(self, buf):
        for i in range(len(buf)):
            buf[i] = _onewire.readbyte(self.pin)

    def select_rom(self, rom):
        self.reset()
        self.writebyte(self.MATCH_ROM)
        self.write(rom)

    def crc8(self, data):
        return _onewire.crc8(data)

    def scan(self):
        """The addresses of all parts: at each fork that was passed towards 0, another turn goes towards 1."""
        found = []
        turns = [[]]
        while turns:
            path = turns.pop()
            rom = self._follow(path, turns)
            if rom is not None:
                found.append(rom)
        return found

    def _follow(self, path, turns):
        """The address at the end of a path of bits, which is completed with zeros; forks on the way go into `turns`."""
        if not self.reset():
            return None
        self.writebyte(self.SEARCH_ROM)
        bits = []
        for i in range(64):
            bit, complement = _onewire.readbit(self.pin), _onewire.readbit(self.pin)
            if bit and complement:
                return None
            if i < len(path):
                bit = path[i]
            elif not bit and not complement:
                turns.append(list(bits))
                turns[-1].append(1)
            _onewire.writebit(self.pin, bit)
            bits.append(bit)
        return bytearray([sum([bits[8 * k + i] << i for i in range(8)]) for k in range(8)])
