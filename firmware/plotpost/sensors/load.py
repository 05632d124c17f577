"""The load average over one minute, the first number in Linux's /proc/loadavg: `0.15 0.05 0.01 4/95 5076` (proc_loadavg(5))."""

from plotpost.kernelfile import KernelFile


class Driver:
    """How many processes run or wait to run. The kernel brings the number up to date every five seconds."""

    CHANNELS = (("load1", "", 2),)
    OPTIONS = ()
    MIN_EVERY_MS = 10

    def __init__(self, options):
        self.file = KernelFile("/proc/loadavg", 16)

    def start(self):
        return 0

    def read(self, values):
        buffer = self.file.buffer
        length = self.file.read()
        value = i = 0
        while i < length and buffer[i] > 32:
            if buffer[i] != 46:  # b"."
                value = value * 10 + buffer[i] - 48
            i += 1
        if i == 0:
            raise ValueError("no number in /proc/loadavg")
        values[0] = value
