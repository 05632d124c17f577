"""plotpost on a board: reads sensors and streams them to a live plot. Nothing is imported before it is used."""

import sys

__version__ = "0.1.0"


def __getattr__(name):
    if name == "Stream":
        from plotpost.client import Stream

        return Stream
    if name[0] != "_" and sys.implementation.name == "micropython":
        # `from plotpost import log` asks here first, and after an AttributeError MicroPython does not look for the file.
        return __import__("plotpost." + name, None, None, (name,))
    raise AttributeError(name)
