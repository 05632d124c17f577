"""What the page of a plot may do (Content-Security-Policy): more only where its figure holds a trace that needs it."""

import re
from typing import Any

from .web import PLOT_POLICY

# plotly.js draws these by regl, which writes code while it runs. (npm's "strict" builds do without it; no Python package has them.)
_COMPILED = frozenset({"scattergl", "scatterpolargl", "splom", "parcoords", "pointcloud"})
# MapLibre works in a Worker, whose code plotly.js carries along.
_MAPS = frozenset({"scattermap", "densitymap", "choroplethmap", "scattermapbox", "densitymapbox", "choroplethmapbox"})


def plot_policy(figure: dict[str, Any]) -> tuple[str, str]:
    """Return the policy of the figure's page, and the types of traces, with spaces between, that it does not let plotly.js draw."""
    types = set(_types(figure))
    policy, forbidden = PLOT_POLICY, frozenset[str]()
    if types & _COMPILED:
        policy = re.sub("script-src [^;]*", r"\g<0> 'unsafe-eval'", policy)
    else:
        forbidden |= _COMPILED
    if types & _MAPS:
        policy += "; worker-src blob:"
    else:
        forbidden |= _MAPS
    return policy, " ".join(sorted(forbidden))


def _types(figure: dict[str, Any]) -> set[str]:
    """Every type that a trace of the figure has, or gets in a frame or by one of the figure's own buttons and sliders."""
    layout = figure["layout"]
    found = {str(trace.get("type")) for trace in figure["data"]}
    found.update(_texts([figure.get("frames"), layout.get("updatemenus"), layout.get("sliders")]))
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]
