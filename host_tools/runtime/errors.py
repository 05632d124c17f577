"""What can go wrong on the way to a MicroPython."""


class RuntimeMissing(Exception):
    """There is no MicroPython here and none could be fetched: one line that says what to install."""


class FetchFailed(Exception):
    """One way to get MicroPython did not work on this machine: one line that says why."""
