"""Text on points: whatever a trace has a list for can be streamed, here a text and a colour for each point."""

import random
import time

from account import URL, make_plot, steps, tokens
from plotpost import Stream

[token] = tokens(1)
trace = {
    "x": [],
    "y": [],
    "text": [],
    "mode": "markers+text",
    "textposition": "top center",
    "marker": {"size": 14, "color": []},
    "stream": {"token": token, "maxpoints": 20},
}
make_plot("text on points", [trace], {"title": {"text": "Dice"}, "yaxis": {"range": [1, 13]}})

with Stream(URL, token) as stream:
    for n in range(steps(200)):
        dice = random.randint(1, 6), random.randint(1, 6)
        colour = "crimson" if dice[0] == dice[1] else "steelblue"
        stream.write({"x": n, "y": sum(dice), "text": f"{dice[0]} + {dice[1]}", "marker": {"color": colour}})
        time.sleep(0.3)
