"""What can go wrong with a firmware image, and while it is written."""

from host_tools.device import DeviceError


class FlashError(DeviceError):
    """Nothing was written, or not all of it: the text says which, why, and what to do."""


class ImageError(FlashError):
    """The file is not a firmware for this board, or is damaged. The text names it."""
