"""The unmodified main.py for two minutes of simulated time (tests/simulated): prints the modules that it holds then, as JSON."""

import json
import sys
import time


def each_minute(minute):
    if minute == 2:
        print(json.dumps(list(sys.modules)))
        raise KeyboardInterrupt


time.each_minute = each_minute
__import__("main")
