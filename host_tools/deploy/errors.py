"""What can go wrong with a deploy beside what can with any attached board."""

from host_tools.device import DeviceError


class DeployError(DeviceError):
    """The board keeps what it has. The text is one line with the remedy."""
