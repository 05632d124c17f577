"""Several traces in one plot, each with a token and a stream of its own."""

import math
import time

from account import URL, make_plot, steps, tokens
from plotpost import Stream

NAMES = ("sine", "cosine", "both")

traces = [
    {"name": name, "x": [], "y": [], "mode": "lines", "stream": {"token": token, "maxpoints": 200}}
    for name, token in zip(NAMES, tokens(3), strict=True)
]
make_plot("multiple traces", traces, {"title": {"text": "Three streams, one plot"}})

streams = [Stream(URL, token) for token in tokens(3)]
for stream in streams:
    stream.open()
for n in range(steps(1000)):
    x = n / 10
    for stream, y in zip(streams, (math.sin(x), math.cos(x), math.sin(x) + math.cos(x)), strict=True):
        stream.write({"x": x, "y": y})
    time.sleep(0.05)
for stream in streams:
    stream.close()
