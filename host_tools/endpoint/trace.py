"""A trace: what a line does to it, and what viewers must be told."""

import base64
import binascii
import math
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from .attributes import ABSENT, Attributes, Changes
from .rows import Rows

MAX_POINTS = 200_000  # the most that Plotly's streaming API keeps in an array

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
    "gauge", "geojson", "header", "meta", "opacityscale", "range", "selectedpoints", "slices", "span", "ticktext", "tickvals",
    "transforms", "xaxes", "yaxes", "zmax", "zmin",
})
# Arrays with rows of their own beside those of the points: a mesh's faces, a Sankey diagram's nodes and links, a tube's starts.
_BESIDE = {"i": "faces", "j": "faces", "k": "faces", "facecolor": "faces", "node": "node", "link": "link", "starts": "starts"}
_STRUCT_CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}
# fmt: on
# Lists in these are the cells of a matrix or the levels of categories. The arrays of such a trace run along nothing in common.
_GRIDS = frozenset("xyz")
_MOST_DIMENSIONS = 3  # of an array: an image's rows, columns and colours
_MOST_COLUMNS = 50  # of a trace: each of them has a gap to fill in every row

MAXPOINTS = "stream.maxpoints"

Line = dict[str, Any]


class TraceDelta:
    """What happened to one trace: first `replace` is done, then `extend`. Keys are paths such as "marker.size"."""

    __slots__ = ("_changes", "_seen", "_trace", "listed")

    def __init__(self, trace: "Trace") -> None:
        self._trace = trace
        self.listed = 0  # values that came in lists
        self._changes = Changes(trace.attributes)
        # Of each array, as viewers have it: the number of the row behind its end, and its length.
        self._seen = {path: (rows.cut + len(column), len(column)) for rows, path, column in trace.columns()}

    def changed(self, path: str) -> None:
        """The attribute has a new value; what happened to it before is void."""
        self._changes.add(path)

    def message(self, index: int) -> dict[str, Any]:
        """The trace's part of a WebSocket message: docs/architecture.md."""
        most = self._trace.maxpoints
        replace = self._changes.values()
        extend: dict[str, list[Any]] = {}
        length: dict[str, int] = {}
        for rows, path, column in self._trace.columns():
            if path in replace:
                continue
            end, had = self._seen[path]
            new = min(rows.cut + len(column) - end, len(column))
            if new > 0:
                extend[path] = list(islice(reversed(column), new))[::-1]
            if len(column) != (min(had + new, most) if new > 0 else had):
                length[path] = len(column)
        parts = {"extend": extend, "replace": replace, "length": length}
        return {"i": index, "max": most} | {name: part for name, part in parts.items() if part}


class Trace:
    """A trace. The arrays that hold a value for each point are columns of rows; everything else is an attribute.

    An array is a column from the beginning when Plotly calls it data, and an array of a style from the first scalar that is streamed
    into it: the sizes of a fading trail, or bars' own colours, stay with their places.
    """

    __slots__ = ("_grids", "_rows", "attributes", "maxpoints", "token")

    def __init__(self, trace: dict[str, Any], streamed: Iterable[str] = ()) -> None:
        """`streamed` are the paths of the styles that streams append to."""
        self.token, self.maxpoints = read_stream(trace.get("stream"))
        self.attributes = Attributes()
        self._rows: dict[str, Rows] = {"": Rows()}  # those of the points first
        self._grids: set[str] = set()  # which of x, y and z hold lists
        for path, value in leaves(trace):
            self._replace(path, value, None)
        for path in streamed:
            if type(value := self.attributes.get(path)) is list and holds_points(path):
                self._add_column(path, deque(value))

    # What streams do

    def apply(self, lines: Iterable[Line], told: TraceDelta | None) -> int:
        """Scalars append, lists replace, objects go deep by the same rule; null is a value, drawn as a gap.

        Gives the number of gaps that were filled.
        """
        gaps, rows = 0, self._rows[""]
        filled = rows.filled
        for line in lines:
            if rows.take(line) or rows.take(flat := _flat(line, "", {})):
                continue
            gaps += rows.filled - filled + self._apply_other(flat, told)
            rows = self._rows[""]
            filled = rows.filled
        self._trim()
        return gaps + rows.filled - filled

    def _apply_other(self, flat: dict[str, Any], told: TraceDelta | None) -> int:
        """Lists and settings first, because they begin no row; then all points as one row. Gives the number of gaps."""
        points: dict[str, Any] = {}
        for path, value in flat.items():
            if self._is_point(path, value):
                points[path] = value
            else:
                self._replace(path, value, told)
                if told is not None and type(value) is list:
                    told.listed += len(value)
        return sum([rows.put(values) for rows, values in self._by_rows(points, told).items()])

    def _is_point(self, path: str, value: Any) -> bool:
        if type(value) is list:
            return False
        if path in DATA_ARRAYS or path in self._rows[""].columns:
            return True
        return type(old := self.attributes.get(path)) is deque or (type(old) is list and holds_points(path))

    def _by_rows(self, points: dict[str, Any], told: TraceDelta | None) -> dict[Rows, dict[str, Any]]:
        for path in points:
            self._begin_column(path, told)
        found: dict[Rows, dict[str, Any]] = {}
        for path, value in points.items():
            if type(self.attributes.get(path)) is deque:
                found.setdefault(self._rows[self._name_of_rows(path)], {})[path] = value
        return found

    def _begin_column(self, path: str, told: TraceDelta | None) -> None:
        """Let an attribute be an array that grows from now on, if there is room for it."""
        old = self.attributes.get(path)
        if type(old) is deque or sum([len(rows.columns) for rows in self._rows.values()]) >= _MOST_COLUMNS:
            return
        self._trim()
        column = deque(old) if type(old) is list else deque()
        rows = self._rows.get(self._name_of_rows(path))
        while rows is not None and 0 < rows.length < len(column):
            column.pop()  # belonged to no point
        self._add_column(path, column, told)

    def _replace(self, path: str, value: Any, told: TraceDelta | None) -> None:
        if path == "stream" or path.startswith("stream."):  # tokens are changed by the owner through REST only
            return
        old = self.attributes.get(path)
        if type(value) is list and (path in DATA_ARRAYS or type(old) is deque):
            self._add_column(path, deque(value), told)
        elif type(old) is not type(value) or old != value:  # many clients repeat "type": "scatter" in every line
            self._trim()
            gone = self.attributes.put(path, value)
            if gone is not None:
                self._forget([*gone, path] if type(old) is deque else gone, told)
                if told is not None:
                    told.changed(path)

    # Columns

    def columns(self) -> Iterator[tuple[Rows, str, deque[Any]]]:
        """Every array that grows, with the rows that it belongs to."""
        for rows in self._rows.values():
            for path, column in rows.columns.items():
                yield rows, path, column

    @property
    def streamed(self) -> list[str]:
        """The paths of the styles that streams append to."""
        return [path for _, path, _ in self.columns() if path not in DATA_ARRAYS]

    def _name_of_rows(self, path: str) -> str:
        return path if self._grids else _BESIDE.get(path.partition(".")[0], "")

    def _add_column(self, path: str, column: deque[Any], told: TraceDelta | None = None) -> None:
        self._trim()  # what came before goes by what the rows were
        gone = self.attributes.put(path, column)
        if gone is None:
            return
        self._forget(gone, told)
        if told is not None:
            told.changed(path)
        self._rows.setdefault(self._name_of_rows(path), Rows()).add(path, column)
        if path in _GRIDS:
            self._note_grid(path, any(type(value) is list for value in column), told)

    def _forget(self, paths: list[str], told: TraceDelta | None) -> None:
        """The paths lead to no columns any more."""
        for path in paths:
            name = self._name_of_rows(path)
            rows = self._rows.get(name)
            if rows is None or path not in rows.columns:
                continue
            rows.remove(path)
            if name and not rows.columns:
                del self._rows[name]
            if path in _GRIDS:
                self._note_grid(path, False, told)

    def _note_grid(self, path: str, is_grid: bool, told: TraceDelta | None) -> None:
        """Let the columns be rows, or each for itself, when that has changed."""
        before = bool(self._grids)
        (self._grids.add if is_grid else self._grids.discard)(path)
        if bool(self._grids) is before:
            return
        columns = [(path, column) for _, path, column in self.columns()]
        self._rows = {"": Rows()}
        for path, column in columns:
            self._rows.setdefault(self._name_of_rows(path), Rows()).add(path, column)
            if told is not None:
                told.changed(path)

    def _trim(self, anyway: bool = False) -> None:
        for rows in self._rows.values():
            rows.trim(MAX_POINTS if self._grids else self.maxpoints, anyway)

    # What REST and people do

    def extend(self, trace: dict[str, Any]) -> None:
        """Append the lists of a trace that REST gives, and take over its other attributes."""
        points: dict[str, list[Any]] = {}
        for path, value in leaves(trace):
            old = self.attributes.get(path)
            if type(value) is list and (
                type(old) is deque or (holds_points(path) and (type(old) is list or path in DATA_ARRAYS))
            ):
                points[path] = value
            else:
                self._replace(path, value, None)
        for path, value in points.items():
            if not value and self.attributes.get(path) is ABSENT:
                self._replace(path, value, None)
        for rows, values in self._by_rows({path: value for path, value in points.items() if value}, None).items():
            rows.extend(values)
        self._trim()

    def restyle(self, changes: dict[str, Any]) -> None:
        """Set attributes by path; None takes one away. `stream.maxpoints` is how many points a trace that is fed keeps."""
        for path, value in changes.items():
            if path == MAXPOINTS:
                if self.token is not None:
                    self.feed(self.token, value)
            elif value is None:
                self._forget(self.attributes.remove(path), None)
            else:
                self._replace(path, value, None)

    def feed(self, token: str, maxpoints: int) -> None:
        """From now on the token feeds the trace, and the newest `maxpoints` of its points are kept."""
        self.token, self.maxpoints = token, maxpoints
        self._trim(anyway=True)

    def __len__(self) -> int:
        """The number of points: the length of the longest array."""
        return max(rows.length for rows in self._rows.values())

    def as_dict(self, tokens: bool) -> dict[str, Any]:
        """A copy as JSON has it, with the stream token only if asked for."""
        trace = self.attributes.nested()
        if self.token is not None:
            trace["stream"] = {"token": self.token, "maxpoints": self.maxpoints} if tokens else {"maxpoints": self.maxpoints}
        return trace


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


def leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values, with Plotly's base64 arrays as lists."""
    for key, value in tree.items():
        path = prefix + key
        value = _decode_array(value)
        if isinstance(value, dict) and value:
            yield from leaves(value, path + ".")
        else:
            yield path, value


def _flat(line: Line, prefix: str, flat: dict[str, Any]) -> dict[str, Any]:
    """Paths and values of a streamed line: an object in a data array is a point."""
    for key, value in line.items():
        path = prefix + key
        if type(value) is dict and type(value := _decode_array(value)) is dict and path not in DATA_ARRAYS:
            _flat(value, path + ".", flat)
        else:
            flat[path] = value
    return flat


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
    if len(shape) > _MOST_DIMENSIONS or math.prod(shape) != len(numbers):
        return value
    values: list[Any] = [number if math.isfinite(number) else None for number in numbers]
    for length in reversed(shape[1:]):
        values = [values[start : start + length] for start in range(0, len(values), max(length, 1))]
    return values
