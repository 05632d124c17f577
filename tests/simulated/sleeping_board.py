"""One life of a board that sleeps, on MicroPython: what `machine` tells comes from the file that the last life left.

Lies beside main.py, with the simulated machine.py, and is run in its place. The board has no clock of its own.
"""

import machine

machine.boot("machine.txt")

from plotpost import port  # noqa: E402  nothing may ask for the machine before it is there

port.SYSTEM_CLOCK = False
port.started = 0  # each life begins with a boot or a wake

try:
    __import__("main")
except machine.Ended:
    pass
