"""The registry of sensor drivers: which there are, and how one is made. A driver is imported only when config.json names it."""

from plotpost.spool import NO_VALUE

__all__ = ("DRIVERS", "NO_VALUE", "Absent", "create", "driver")

DRIVERS = ("analog", "cpu", "dht11", "dht22", "ds18b20", "health", "load", "memory", "thermal")


class Absent(Exception):
    """The part is not on this machine. The text is one line for the owner of the board."""


def driver(name):
    """The class `Driver` of one of DRIVERS."""
    return __import__("plotpost.sensors." + name, None, None, ("Driver",)).Driver


def create(spec):
    """The sensor of one entry of `Config.sensors`. Raises Absent when it is not there, ValueError for a wrong option."""
    return driver(spec["driver"])(spec["options"])
