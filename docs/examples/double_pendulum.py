"""A double pendulum: one stream replaces its rods in every line, another appends to the trail of its end."""

import math
import time

from account import URL, make_plot, steps, tokens
from plotpost import Stream

GRAVITY = 9.81  # m/s²; both rods are 1 m long, both weights 1 kg
STEP_S = 0.01

State = tuple[float, float, float, float]
"""The angles of both rods from the vertical, and their speeds; radians, radians a second."""


def change(state: State) -> State:
    """What the equations of motion make of a state, a second (en.wikipedia.org/wiki/Double_pendulum)."""
    a, b, va, vb = state
    difference = a - b
    scale = 3 - math.cos(2 * difference)
    pull_a = -3 * GRAVITY * math.sin(a) - GRAVITY * math.sin(a - 2 * b)
    swing_a = -2 * math.sin(difference) * (vb * vb + va * va * math.cos(difference))
    swing_b = 2 * math.sin(difference) * (2 * va * va + 2 * GRAVITY * math.cos(a) + vb * vb * math.cos(difference))
    return va, vb, (pull_a + swing_a) / scale, swing_b / scale


def moved(state: State, by: State, seconds: float) -> State:
    a, b, va, vb = (value + rate * seconds for value, rate in zip(state, by, strict=True))
    return a, b, va, vb


def step(state: State) -> State:
    """The midpoint method: exact enough to look right for minutes."""
    middle = moved(state, change(state), STEP_S / 2)
    return moved(state, change(middle), STEP_S)


def ends(state: State) -> tuple[list[float], list[float]]:
    """x and y of the pivot, of the middle and of the end."""
    x, y = math.sin(state[0]), -math.cos(state[0])
    return [0.0, x, x + math.sin(state[1])], [0.0, y, y - math.cos(state[1])]


rods, trail = tokens(2)
traces = [
    {"name": "trail", "x": [], "y": [], "mode": "lines", "line": {"width": 1}, "stream": {"token": trail, "maxpoints": 500}},
    {
        "name": "rods",
        "x": [],
        "y": [],
        "mode": "lines+markers",
        "marker": {"size": 14},
        "stream": {"token": rods, "maxpoints": 3},
    },
]
axis = {"range": [-2.2, 2.2], "zeroline": False}
make_plot("double pendulum", traces, {"xaxis": axis, "yaxis": axis | {"scaleanchor": "x"}, "showlegend": False})

state: State = (2.0, 2.5, 0.0, 0.0)
with Stream(URL, rods) as rod_stream, Stream(URL, trail) as trail_stream:
    for _ in range(steps(1500)):
        for _ in range(5):
            state = step(state)
        x, y = ends(state)
        rod_stream.write({"x": x, "y": y})
        trail_stream.write({"x": x[2], "y": y[2]})
        time.sleep(5 * STEP_S)
