"""Pure: what a line does to a figure, and what viewers must be told."""

import base64
import binascii
import struct
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Any

MAX_POINTS = 200_000  # the most that Plotly's streaming API keeps in an array
MAX_DEPTH = 32
MAX_ATTRIBUTES = 10_000  # of one trace or layout; a stream that invents more is not followed

# fmt: off
# Plotly's attributes of type "data_array" (plotly.com/javascript/reference): a scalar under these is a point, also the first.
# "value" is left out, because an indicator's value is a number.
DATA_ARRAYS = frozenset({
    "a", "b", "c", "close", "customdata", "facecolor", "high", "hovertext", "i", "ids", "imag", "intensity", "j", "k", "labels",
    "lat", "locations", "lon", "low", "lowerfence", "mean", "measure", "median", "notchspan", "open", "parents", "q1", "q3", "r",
    "real", "sd", "surfacecolor", "text", "theta", "u", "upperfence", "v", "values", "vertexcolor", "w", "x", "y", "z",
    "error_x.array", "error_x.arrayminus", "error_y.array", "error_y.arrayminus", "error_z.array", "error_z.arrayminus",
    "marker.colors",
})
# A list at or below these is one setting, not a value for each point: a scalar replaces it, and maxpoints leaves it whole.
_SETTINGS = frozenset({
    "categoryarray", "cells", "colorbar", "colorscale", "columnorder", "constraintrange", "contours", "dimensions", "domain",
    "gauge", "geojson", "header", "opacityscale", "range", "selectedpoints", "slices", "span", "ticktext", "tickvals",
    "transforms", "xaxes", "yaxes", "zmax", "zmin",
})
_STRUCT_CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}
# fmt: on

MAXPOINTS = "stream.maxpoints"

Line = dict[str, Any]

_ABSENT = object()


class TraceDelta:
    """What happened to one trace: first `replace` is done, then `extend`. Keys are paths such as "marker.size"."""

    __slots__ = ("extend", "max", "replace")

    def __init__(self, maxpoints: int) -> None:
        self.extend: defaultdict[str, list[Any]] = defaultdict(list)
        self.replace: dict[str, Any] = {}
        self.max = maxpoints

    def set(self, path: str, value: Any) -> None:
        """The attribute has a new value; what was said before of it, and of what it held, is void."""
        for known in [known for known in self.extend if _related(known, path)]:
            del self.extend[known]
        _put_last(self.replace, path, value)

    def message(self, index: int) -> dict[str, Any]:
        message: dict[str, Any] = {"i": index, "max": self.max}
        if self.extend:
            message["extend"] = {path: values[-self.max :] for path, values in self.extend.items()}
        if self.replace:
            message["replace"] = self.replace
        return message


class Delta:
    """What viewers of a figure must be told; every line that is applied adds to it. `size` is about the number of values."""

    __slots__ = ("layout", "size", "traces")

    def __init__(self) -> None:
        self.traces: dict[int, TraceDelta] = {}
        self.layout: dict[str, Any] = {}
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self.traces or self.layout)

    def trace(self, index: int, maxpoints: int) -> TraceDelta:
        told = self.traces.get(index)
        if told is None:
            told = self.traces[index] = TraceDelta(maxpoints)
        return told

    def message(self) -> dict[str, Any]:
        """`traces` and `layout` of the WebSocket message."""
        traces = [told.message(index) for index, told in self.traces.items() if told.extend or told.replace]
        message: dict[str, Any] = {"traces": traces}
        if self.layout:
            message["layout"] = self.layout
        return message


class Attributes:
    """A tree of attributes as paths and values; no path leads to another. The values are never changed, points excepted."""

    __slots__ = ("_objects", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._objects: set[str] = set()  # paths that were seen to lead to others

    def put(self, path: str, value: Any) -> bool:
        """Set a value, and make way for it: an attribute is either a value or an object. False when there is no room."""
        if path not in self.values:
            if len(self.values) >= MAX_ATTRIBUTES or path.count(".") >= MAX_DEPTH:
                return False
            self._make_way(path)
        self.values[path] = value
        return True

    def _make_way(self, path: str) -> None:
        end = path.find(".")
        while end >= 0:
            self.values.pop(path[:end], None)
            self._objects.add(path[:end])
            end = path.find(".", end + 1)
        if path in self._objects:
            self._objects.discard(path)
            for known in [known for known in self.values if known.startswith(path + ".")]:
                del self.values[known]

    def remove(self, path: str) -> None:
        """Take an attribute away, with all that is in it."""
        for known in [known for known in self.values if known == path or known.startswith(path + ".")]:
            del self.values[known]
        self._objects.discard(path)

    def nested(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for path, value in self.values.items():
            *steps, last = path.split(".")
            inner = tree
            for step in steps:
                inner = inner.setdefault(step, {})
            inner[last] = list(value) if type(value) is deque else value
        return tree


class Trace:
    """A trace. Points are deques, so that the oldest go at no cost."""

    __slots__ = ("_attributes", "maxpoints", "token")

    def __init__(self, trace: dict[str, Any]) -> None:
        self.token, self.maxpoints = read_stream(trace.get("stream"))
        self._attributes = Attributes()
        for path, value in _leaves(trace):
            self._replace(path, value, None)

    def apply(self, line: Line, told: TraceDelta | None) -> None:
        """Scalars append, lists replace, objects go deep by the same rule; null is a value, drawn as a gap."""
        values = self._attributes.values
        for key, value in line.items():
            column = values.get(key)
            if type(column) is deque and type(value) is not list and type(value) is not dict:
                column.append(value)
                if told is not None:
                    told.extend[key].append(value)
            else:
                self._apply_other(key, value, told)

    def _apply_other(self, path: str, value: Any, told: TraceDelta | None) -> None:
        point = path in DATA_ARRAYS
        if type(value) is dict and not point:
            for key, inner in value.items():
                self._apply_other(f"{path}.{key}", inner, told)
        elif type(value) is not list and (point or type(self._attributes.values.get(path)) is deque):
            self._append(path, value, told)
        else:
            self._replace(path, value, told)

    def _append(self, path: str, value: Any, told: TraceDelta | None) -> None:
        column = self._attributes.values.get(path)
        if type(column) is not deque:
            self._replace(path, [value], told)
            return
        column.append(value)
        if told is not None:
            told.extend[path].append(value)

    def _replace(self, path: str, value: Any, told: TraceDelta | None) -> None:
        if path == "stream" or path.startswith("stream."):  # tokens are changed by the owner through REST only
            return
        if type(value) is list and holds_points(path):
            kept = self._attributes.put(path, deque(value, self.maxpoints))
            value = value[-self.maxpoints :]
        else:
            old = self._attributes.values.get(path, _ABSENT)
            if type(old) is type(value) and old == value:
                return  # many clients repeat "type": "scatter" in every line
            kept = self._attributes.put(path, value)
        if told is not None and kept:
            told.set(path, value)

    def extend(self, trace: dict[str, Any]) -> None:
        """Append the lists of a trace that REST gives, and take over its other attributes."""
        for path, value in _leaves(trace):
            column = self._attributes.values.get(path)
            if type(value) is list and type(column) is deque:
                column.extend(value)
            else:
                self._replace(path, value, None)

    def restyle(self, changes: dict[str, Any]) -> None:
        """Set attributes by path; None takes one away. `stream.maxpoints` is how many points a trace that is fed keeps."""
        for path, value in changes.items():
            if path == MAXPOINTS:
                if self.token is not None:
                    self.feed(self.token, value)
            elif value is None:
                self._attributes.remove(path)
            else:
                self._replace(path, value, None)

    def feed(self, token: str, maxpoints: int) -> None:
        """From now on the token feeds the trace, and the newest `maxpoints` of every array are kept."""
        self.token, self.maxpoints = token, maxpoints
        for path, value in self._attributes.values.items():
            if type(value) is deque:
                self._attributes.values[path] = deque(value, maxpoints)

    def __len__(self) -> int:
        """The number of points: the length of the longest array."""
        return max((len(value) for value in self._attributes.values.values() if type(value) is deque), default=0)

    def as_dict(self, tokens: bool) -> dict[str, Any]:
        trace = self._attributes.nested()
        if self.token is not None:
            trace["stream"] = {"token": self.token, "maxpoints": self.maxpoints} if tokens else {"maxpoints": self.maxpoints}
        return trace


class Figure:
    """Traces and layout of one plot, and the frames of an animation, which streams leave alone."""

    def __init__(self, data: Iterable[dict[str, Any]], layout: dict[str, Any], frames: Iterable[dict[str, Any]] = ()) -> None:
        self.traces = [Trace(trace) for trace in data]
        self.frames = list(frames)
        self._layout = Attributes()
        self._merge_layout(layout, None)
        self._fed: dict[str, list[tuple[int, Trace]]] = {}
        self._index()

    def _index(self) -> None:
        self._fed = {}
        for index, trace in enumerate(self.traces):
            if trace.token is not None:
                self._fed.setdefault(trace.token, []).append((index, trace))

    @property
    def tokens(self) -> set[str]:
        return set(self._fed)

    def apply(self, token: str, lines: Iterable[Line], delta: Delta | None = None) -> None:
        """Do what the lines of a stream say to each trace that the token feeds, and add that to `delta`."""
        fed = [
            (trace, None if delta is None else delta.trace(index, trace.maxpoints)) for index, trace in self._fed.get(token, ())
        ]
        for line in lines:
            if "layout" in line:
                line = dict(line)
                self._merge_layout(line.pop("layout"), delta)
            for trace, told in fed:
                trace.apply(line, told)
            if delta is not None:
                delta.size += _size(line)

    def _merge_layout(self, layout: Any, delta: Delta | None) -> None:
        if not isinstance(layout, dict):
            return
        for path, value in _leaves(layout):
            if self._layout.put(path, value) and delta is not None:
                delta.size += 1
                _put_last(delta.layout, path, value)

    def append(self, data: Iterable[dict[str, Any]], layout: dict[str, Any]) -> None:
        """Add traces, and change the layout."""
        self.traces += [Trace(trace) for trace in data]
        self._merge_layout(layout, None)
        self._index()

    def extend(self, data: Iterable[dict[str, Any]], layout: dict[str, Any]) -> None:
        """Add points at the end of the traces that are there, whole traces beyond, and change the layout."""
        for index, given in enumerate(data):
            token, maxpoints = read_stream(given.get("stream"))
            trace = self._counterpart(index, token)
            if trace is None:
                self.traces.append(Trace(given))
                continue
            if token is not None:
                trace.feed(token, maxpoints)
            trace.extend(given)
        self._merge_layout(layout, None)
        self._index()

    def restyle(self, layout: dict[str, Any], traces: dict[int, dict[str, Any]]) -> None:
        """What a person changes by hand: attributes by path, None takes one away. Raises IndexError where there is no such trace."""
        for index, changes in traces.items():
            self.traces[index].restyle(changes)
        for path, value in layout.items():
            if value is None:
                self._layout.remove(path)
            else:
                self._layout.put(path, value)

    def _counterpart(self, index: int, token: str | None) -> Trace | None:
        """The trace that the given one continues: the one its token feeds, else the one in the same place."""
        here = self.traces[index] if index < len(self.traces) else None
        fed = [trace for _, trace in self._fed.get(token or "", ())]
        return here if here in fed or not fed else fed[0]

    def release(self, tokens: Iterable[str]) -> None:
        """The tokens feed this figure no longer: their traces stay as they are."""
        for token in tokens:
            for _, trace in self._fed.pop(token, ()):
                trace.token = None

    def as_dict(self, tokens: bool = False) -> dict[str, Any]:
        """A copy, with the stream tokens only if asked for."""
        figure: dict[str, Any] = {"data": [trace.as_dict(tokens) for trace in self.traces], "layout": self._layout.nested()}
        return figure | {"frames": self.frames} if self.frames else figure


def holds_points(path: str) -> bool:
    """Whether a list at this path of a trace holds a value for each point."""
    return path in DATA_ARRAYS or _SETTINGS.isdisjoint(path.split("."))


def read_stream(stream: Any) -> tuple[str | None, int]:
    """Token and maxpoints of a trace's `stream`; maxpoints is brought into its range, the most where it is no number."""
    if not isinstance(stream, dict):
        return None, MAX_POINTS
    token = stream.get("token")
    try:
        maxpoints = min(max(int(stream["maxpoints"]), 1), MAX_POINTS)
    except (KeyError, TypeError, ValueError, OverflowError):
        maxpoints = MAX_POINTS
    return token if isinstance(token, str) and token else None, maxpoints


def too_deep(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether lists and objects are nested deeper than `depth`."""
    if isinstance(value, dict):
        return depth == 0 or any(too_deep(inner, depth - 1) for inner in value.values())
    if isinstance(value, list):
        return depth == 0 or any(too_deep(inner, depth - 1) for inner in value)
    return False


def _related(known: str, path: str) -> bool:
    """Whether one of the two paths is the other, or leads to it."""
    return known == path or known.startswith(path + ".") or path.startswith(known + ".")


def _put_last(items: dict[str, Any], path: str, value: Any) -> None:
    """Viewers do things in order: what was said last of a path or a part of it must come last."""
    items.pop(path, None)
    items[path] = value


def _size(line: Line) -> int:
    return len(line) + sum([len(value) for value in line.values() if type(value) is list])


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values, with Plotly's base64 arrays as lists."""
    for key, value in tree.items():
        path = prefix + key
        value = _decode_array(value)
        if isinstance(value, dict) and value:
            yield from _leaves(value, path + ".")
        else:
            yield path, value


def _decode_array(value: Any) -> Any:
    """{"dtype": "f8", "bdata": base64, "shape": "2, 3"}, as plotly.py 6 sends NumPy arrays, to lists; anything else as it is."""
    if not (isinstance(value, dict) and isinstance(value.get("bdata"), str) and value.get("dtype") in _STRUCT_CODES):
        return value
    try:
        raw = base64.b64decode(value["bdata"], validate=True)
        numbers = [number for (number,) in struct.iter_unpack("<" + _STRUCT_CODES[value["dtype"]], raw)]
        shape = [int(length) for length in str(value.get("shape", len(numbers))).split(",")]
    except (binascii.Error, struct.error, ValueError):
        return value
    values: list[Any] = [None if number != number else number for number in numbers]
    for length in reversed(shape[1:]):
        values = [values[start : start + length] for start in range(0, len(values), max(length, 1))]
    return values
