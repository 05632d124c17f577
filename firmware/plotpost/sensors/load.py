"""The load average over one minute, the first number in Linux's /proc/loadavg: `0.15 0.05 0.01 4/95 5076` (proc_loadavg(5))."""

ROOT = ""


class Driver:
    """How many processes run or wait to run. The kernel brings the number up to date every five seconds."""

    CHANNELS = (("load1", "", 2),)
    OPTIONS = ()
    MIN_EVERY_MS = 10

    def __init__(self, options):
        self.file = open(ROOT + "/proc/loadavg", "rb", 0)
        self._buffer = bytearray(16)

    def start(self):
        return 0

    def read(self, values):
        self.file.seek(0)
        length = self.file.readinto(self._buffer)
        value = i = 0
        while i < length and self._buffer[i] > 32:
            if self._buffer[i] != 46:  # b"."
                value = value * 10 + self._buffer[i] - 48
            i += 1
        if i == 0:
            raise ValueError("no number in /proc/loadavg")
        values[0] = value
