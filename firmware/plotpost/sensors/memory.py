"""Free memory, from Linux's /proc/meminfo (man page proc_meminfo(5)): lines such as `MemAvailable:   24310104 kB`."""

from plotpost.kernelfile import KernelFile


class Driver:
    """MiB that programs can still have (MemAvailable). Kernels before 3.14 do not tell: there, MiB that are unused (MemFree)."""

    CHANNELS = (("free", "MiB", 1),)
    OPTIONS = ()
    MIN_EVERY_MS = 10

    def __init__(self, options):
        self.file = KernelFile("/proc/meminfo", 128)  # MemTotal, MemFree and MemAvailable are the first three lines

    def start(self):
        return 0

    def read(self, values):
        length = self.file.read()
        tens = self._tens_of_kib(b"MemAvailable:", length)
        if tens < 0:
            tens = self._tens_of_kib(b"MemFree:", length)
        if tens < 0:
            raise ValueError("no free memory in /proc/meminfo")
        values[0] = tens // 256 * 25 + tens % 256 * 25 // 256  # 100 / 1024, in an order that cannot overflow

    def _tens_of_kib(self, label, length):
        """The number behind `label` without its last digit, which keeps 10 TB below 2**30; -1 when it is not there."""
        buffer = self.file.buffer
        i = buffer.find(label, 0, length)
        if i < 0:
            return -1
        i += len(label)
        while i < length and buffer[i] == 32:
            i += 1
        tens = 0
        while i + 1 < length and 48 <= buffer[i + 1] <= 57:
            tens = tens * 10 + buffer[i] - 48
            i += 1
        return tens
