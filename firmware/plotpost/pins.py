"""The pin that a sensor's entry in config.json names: whatever machine.Pin takes for it, a number on every port."""

from plotpost.sensors import Absent


def wanted(options):
    """The value of the option `pin`. Raises Absent when there is none."""
    name = options.get("pin")
    if type(name) not in (str, int):
        raise Absent('it has no pin; say which in config.json, such as "pin": 15')
    return name


def pin(name):
    """The machine.Pin `name`. Raises Absent when the board has none."""
    try:
        from machine import Pin
    except ImportError:
        raise Absent("this machine has no pins") from None
    try:
        return Pin(name)
    except (ValueError, TypeError):
        raise Absent("this board has no pin %r" % (name,)) from None
