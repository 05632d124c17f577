"""A restyling: what a person changes on a plot by hand, checked."""

from dataclasses import dataclass
from typing import Any

from .attributes import MAX_DEPTH, too_deep
from .errors import Refusal
from .figure import Figure
from .trace import DATA_ARRAYS, MAX_POINTS, MAXPOINTS

_MOST = 1000  # changes
_PATH_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Style:
    """Attributes by path, such as "xaxis.title.text"; None takes one away."""

    layout: dict[str, Any]
    traces: dict[int, dict[str, Any]]  # by the trace's place in the figure

    def apply(self, figure: Figure) -> None:
        """Raises Refusal(409) when the figure has no such trace."""
        for index in self.traces:
            if index >= len(figure.traces):
                raise Refusal(409, f"the plot has no trace {index + 1} any more: reload the page")
        figure.restyle(self.layout, self.traces)


def parse_style(given: Any) -> Style:
    """From `{"layout": {path: value}, "traces": {"0": {path: value}}}`. Raises Refusal(400)."""
    if not isinstance(given, dict) or not given.keys() <= {"layout", "traces"}:
        raise Refusal(400, "a style must be an object with layout and traces")
    layout, traces = _object(given, "layout"), _object(given, "traces")
    by_index = {_index(key): _object(traces, key) for key in traces}
    if len(layout) + sum(map(len, by_index.values())) > _MOST:
        raise Refusal(400, f"a style may have {_MOST} changes at most")
    for path, value in layout.items():
        _check(path, value)
    for changes in by_index.values():
        for path, value in changes.items():
            _check_trace(path, value)
    return Style(layout, by_index)


def _object(given: dict[str, Any], name: str) -> dict[str, Any]:
    value = given.get(name, {})
    if not isinstance(value, dict):
        raise Refusal(400, f"{name[:40]} must be an object")
    return value


def _index(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 7):
        raise Refusal(400, "traces must be numbered from 0")
    return int(key)


def _check(path: str, value: Any) -> None:
    if len(path) > _PATH_LENGTH or not all(path.split(".")) or path.count(".") >= MAX_DEPTH:
        raise Refusal(400, f"{path[:40]!r} is no attribute")
    if isinstance(value, dict) or too_deep(value):
        raise Refusal(400, f"{path[:40]!r} must be a value or a list")


def _check_trace(path: str, value: Any) -> None:
    _check(path, value)
    if path == MAXPOINTS:
        if type(value) is not int or not 1 <= value <= MAX_POINTS:
            raise Refusal(400, f"maxpoints must be a whole number from 1 to {MAX_POINTS}")
    elif path in DATA_ARRAYS or path.partition(".")[0] == "stream":
        raise Refusal(400, f"{path} is data, not style")
