"""One life of a board that sleeps, on MicroPython: what `machine` tells comes from the file that the last life left.

Lies beside main.py, with the simulated machine.py, and is run in its place: `sleeping_board.py PORT`. The board has no clock of its own.
"""

import sys

import machine

machine.boot("machine.txt", sys.argv[1])

from plotpost import port  # noqa: E402  nothing may ask for the machine before it is there

port.SYSTEM_CLOCK = False
port.booted = port.started  # each life begins with a boot or a wake

try:
    __import__("main")
except machine.Ended:
    pass
