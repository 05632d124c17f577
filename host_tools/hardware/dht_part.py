"""A DHT11 or DHT22 on a wire: a start signal makes it answer with a train of pulses. Source: Aosong's datasheets, and their tolerances.

After the start it waits 20 to 40 us, is low for 80 and high for 80; then each bit is a low of 50 us and a high of 26 to 28 us for 0,
of 70 for 1; a last low of 50 us ends the train.
"""

_START_US = 800  # DHT22: at least 0.8 ms, typically 1; DHT11: at least 18 ms


class Part:
    """`frame`: its five bytes; None is a part that does not answer. `stretch`: how much its clock is off, in percent."""

    def __init__(self, frame=None, start_us=_START_US, stretch=0, bits=40):
        self.frame = frame
        self.starts = 0
        self._start_us = start_us
        self._stretch = stretch
        self._bits = bits
        self._lows = []  # (from, to) in microseconds
        self._pulled_at = 0

    def edge(self, level, now):
        if not level:
            self._pulled_at = now
            self._lows = []
        elif now - self._pulled_at >= self._start_us:
            self.starts += 1
            self._lows = self._answer(now)

    def pulls(self, now):
        while self._lows and self._lows[0][1] <= now:
            del self._lows[0]
        return bool(self._lows) and self._lows[0][0] <= now

    def pulses(self):
        """The train as lengths: low, high, low, .. from the part's first low on."""
        if self.frame is None:
            return []
        lengths = [80, 80]
        for i in range(self._bits):
            one = self.frame[i // 8] >> (7 - i % 8) & 1
            lengths += [50, 70 if one else 27]
        lengths.append(50)
        return [length * (100 + self._stretch) // 100 for length in lengths]

    def _answer(self, now):
        lows = []
        at = now + 30
        for i, length in enumerate(self.pulses()):
            if i % 2 == 0:
                lows.append((at, at + length))
            at += length
        return lows


def frame(humidity, temperature, negative=False):
    """A DHT22's frame of two magnitudes in tenths, with its checksum."""
    body = [humidity >> 8, humidity & 255, temperature >> 8 | (0x80 if negative else 0), temperature & 255]
    body.append(sum(body) & 255)
    return bytes(body)
