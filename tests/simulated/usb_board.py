"""A board without a network, on MicroPython: lies beside main.py and is run in its place; its USB port is standard input and output."""

from plotpost import port

port.SYSTEM_CLOCK = port.SYSTEM_NETWORK = False
port.booted = port.started  # it has just booted

__import__("main")
