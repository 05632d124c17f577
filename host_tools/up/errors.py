"""What `up` itself can fail with."""

from host_tools.device import DeviceError


class UpError(DeviceError):
    """The plot does not move. One line: why, and what to do."""
