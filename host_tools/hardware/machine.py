"""`machine` of a simulated board: its pins, with the parts that config.json names. It lies beside main.py, and time is real.

What else a chip's `machine` has is missing, so that the firmware takes this for a Linux machine: `plotpost simulate` restarts nothing.
"""

import json

import board_pins
import room
from board_pins import Pin, dht_readinto

with open("config.json") as _file:
    _config = json.load(_file)

ADC = board_pins.CalibratedADC if _config["board"].startswith("esp32") else board_pins.ADC
board_pins.voltages = room.Voltages()
room.furnish(_config["sensors"])

__all__ = ("ADC", "Pin", "dht_readinto")
