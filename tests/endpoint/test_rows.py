from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.endpoint.figure import Delta, Figure
from host_tools.endpoint.trace import DATA_ARRAYS
from tests.endpoint.test_figure import show

TOKEN = "abcdefghij"
GRID = [[1, 2], [3, 4]]


def after(before: dict[str, Any], *lines: dict[str, Any], maxpoints: int = 1000) -> dict[str, Any]:
    """The trace after the lines, as a viewer sees it that was told of each, and as it is."""
    live = Figure([{"stream": {"token": TOKEN, "maxpoints": maxpoints}, **before}], {})
    shown = orjson.loads(orjson.dumps(live.as_dict()))
    for line in lines:
        delta = Delta()
        live.apply(TOKEN, [line], delta)
        show(shown, orjson.loads(orjson.dumps(delta.message())))
        assert shown == live.as_dict()
    trace: dict[str, Any] = shown["data"][0]
    del trace["stream"]
    return trace


@pytest.mark.parametrize(
    ("before", "lines", "expected"),
    [
        pytest.param({"x": [], "y": []}, [{"x": 0, "y": 0}, {"x": 1, "y": 1}, {"x": 2, "y": 2}, {"x": 3}, {"x": 4, "y": 4}],
                     {"x": [0, 1, 2, 3, 4], "y": [0, 1, 2, None, 4]}, id="a value that is missing is a gap"),
        pytest.param({}, [{"x": 1}, {"y": 10}, {"x": 2}, {"y": 20}], {"x": [1, 2], "y": [10, 20]},
                     id="x in one line and y in the next is one point"),
        pytest.param({}, [{"x": 1}, {"x": 2}, {"y": 20}], {"x": [1, 2], "y": [None, 20]}, id="a line completes the newest row"),
        pytest.param({"y": []}, [{"x": 1}, {"x": 2}], {"x": [1, 2], "y": [None]}, id="what a closed row lacks is null"),
        pytest.param({}, [{"x": 1, "y": 1}, {"x": 2, "y": 2, "text": "b"}], {"x": [1, 2], "y": [1, 2], "text": [None, "b"]},
                     id="a text that begins late stands at its point"),
        pytest.param({"x": [1, 2], "y": [1, 2], "marker": {"size": []}}, [{"x": 3, "y": 3, "marker": {"size": 9}}],
                     {"x": [1, 2, 3], "y": [1, 2, 3], "marker": {"size": [None, None, 9]}}, id="a style that begins late, too"),
        pytest.param({"x": [1], "y": [1]}, [{"x": 2, "y": 2, "error_y": {"array": 5}}],
                     {"x": [1, 2], "y": [1, 2], "error_y": {"array": [None, 5]}}, id="and the height of an error bar"),
        pytest.param({"x": [1], "y": [1]}, [{"x": 2}, {"layout": {"title": "t"}}, {"name": "n"}, {}, {"y": 2}],
                     {"x": [1, 2], "y": [1, 2], "name": "n"}, id="layout, settings and nothing begin no row"),
        pytest.param({"x": [1, 2, 3], "y": [1, 2, 3], "marker": {"size": [2, 4, 6]}}, [{"x": 4, "y": 4}, {"x": 5, "y": 5}],
                     {"x": [1, 2, 3, 4, 5], "y": [1, 2, 3, 4, 5], "marker": {"size": [2, 4, 6]}}, id="what nobody streams into stays"),
        pytest.param({"x": [1], "y": [1], "marker": {"size": [2, 4, 6]}}, [{"x": 2, "y": 2, "marker": {"size": 7}}],
                     {"x": [1, 2], "y": [1, 2], "marker": {"size": [2, 7]}}, id="sizes without a point make way for one with a point"),
        pytest.param({}, [{"x": 1, "y": 1}, {"y": [7, 8, 9]}, {"x": 2, "y": 2}],
                     {"x": [1, None, None, 2], "y": [7, 8, 9, 2]}, id="a list replaces its own array alone"),
        pytest.param({}, [{"x": 1, "y": 1}, {"x": [5, 6], "y": 7}], {"x": [5, 6], "y": [1, 7]},
                     id="a list comes first, wherever it stands in its line"),
        pytest.param({"type": "mesh3d", "x": [0, 1, 2], "y": [0, 1, 0], "z": [0, 0, 0], "i": [0], "j": [1], "k": [2]},
                     [{"x": 3, "y": 3, "z": 3}, {"i": 1, "j": 2, "k": 3}],
                     {"type": "mesh3d", "x": [0, 1, 2, 3], "y": [0, 1, 0, 3], "z": [0, 0, 0, 3], "i": [0, 1], "j": [1, 2], "k": [2, 3]},
                     id="faces of a mesh are not its corners"),
        pytest.param({"type": "sankey", "node": {"label": ["a", "b", "c"]}, "link": {"value": [1]}}, [{"link": {"value": 2}}],
                     {"type": "sankey", "node": {"label": ["a", "b", "c"]}, "link": {"value": [1, 2]}},
                     id="links of a Sankey diagram are not its nodes"),
        pytest.param({"type": "heatmap", "z": GRID, "x": ["a", "b"], "y": ["c", "d"]}, [{"x": "e"}, {"x": "f"}],
                     {"type": "heatmap", "z": GRID, "x": ["a", "b", "e", "f"], "y": ["c", "d"]},
                     id="columns and rows of a heatmap are not its cells"),
        pytest.param({"type": "heatmap", "z": [], "x": [], "y": []}, [{"x": 1, "y": 1, "z": 1}, {"x": 2, "z": 2}, {"x": 3, "z": 3}],
                     {"type": "heatmap", "z": [1, 2, 3], "x": [1, 2, 3], "y": [1, None]}, id="but they are where z is flat"),
        pytest.param({"type": "bar", "x": [["A", "A", "B"], [1, 2, 1]], "y": [1, 2, 3]}, [{"y": 4}, {"y": 5}],
                     {"type": "bar", "x": [["A", "A", "B"], [1, 2, 1]], "y": [1, 2, 3, 4, 5]}, id="levels of categories are no points"),
        pytest.param({"x": [1], "y": [1], "z": GRID}, [{"z": [7]}, {"x": 2, "y": 2}, {"x": 3, "y": 3}],
                     {"x": [1, 2, 3], "y": [1, 2, 3], "z": [7, None]}, id="a matrix may become flat"),
        pytest.param({}, [{"x": {"dtype": "i1", "bdata": "AQI="}}, {"x": 3}], {"x": [1, 2, 3]}, id="a base64 array is a list"),
        pytest.param({"x": [1], "y": [1]}, [{"x": 2, "y": {"a": 1}}, {"y": "b"}],
                     {"x": [1, 2], "y": [1, {"a": 1}, "b"]}, id="an object in a data array is a point of its row"),
    ],
)  # fmt: skip
def test_arrays_of_a_trace_form_rows(before: dict[str, Any], lines: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert after(before, *lines) == expected


def test_a_list_that_replaces_is_taken_whole_until_the_next_point() -> None:
    many = list(range(142))
    whole = {"x": many, "y": many}
    assert after({}, whole, maxpoints=29) == whole
    assert after(whole, {"name": "n"}, {}, {"layout": {"title": "t"}}, maxpoints=29) == whole | {"name": "n"}
    trace = after({}, whole, {"x": 142, "y": 142}, maxpoints=29)
    assert trace["x"] == trace["y"] == list(range(114, 143))


def test_a_point_after_a_long_list_cuts_all_arrays_at_the_same_row() -> None:
    trace = after({"y": [0, 1]}, {"x": list(range(10))}, {"x": 10}, {"y": 10}, maxpoints=3)
    assert trace == {"x": [8, 9, 10], "y": [None, None, 10]}


def test_an_array_that_lacks_the_newest_row_is_cut_with_the_others() -> None:
    assert after({}, {"x": 1, "y": 1}, {"x": 2, "y": 2}, {"x": 3}, maxpoints=2) == {"x": [2, 3], "y": [2]}


@pytest.mark.parametrize("kind", ["heatmap", "contour", "surface"])
def test_the_axes_of_a_matrix_are_never_cut(kind: str) -> None:
    columns, cells = list(range(100)), [list(range(100))] * 90
    trace = {"type": kind, "x": columns, "y": columns[:90], "z": cells}
    assert after({"type": kind}, trace, maxpoints=80) == trace
    assert after(trace, {"x": 100}, {"y": 90}, maxpoints=80) == trace | {"x": [*columns, 100], "y": columns[:91]}


def test_points_are_cut_and_a_trails_sizes_are_not() -> None:
    trail = {"x": [1, 2, 3], "y": [1, 2, 3], "marker": {"size": [2, 4, 6]}}
    assert after(trail, {"x": 4, "y": 4}, maxpoints=3) == {"x": [2, 3, 4], "y": [2, 3, 4], "marker": {"size": [2, 4, 6]}}


def test_a_style_that_is_streamed_stays_in_step_after_a_restart() -> None:
    live = Figure([{"x": [], "y": [], "marker": {"size": []}, "stream": {"token": TOKEN, "maxpoints": 2}}], {})
    live.apply(TOKEN, [{"x": 1, "y": 1, "marker": {"size": 1}}, {"x": 2, "y": 2}])
    again = Figure(**orjson.loads(live.snapshot()))
    again.apply(TOKEN, [{"x": 3, "y": 3}, {"x": 4, "y": 4, "marker": {"size": 4}}])
    assert again.as_dict()["data"][0]["marker"] == {"size": [None, 4]}


def test_what_rest_adds_begins_rows_where_the_trace_has_them() -> None:
    result = Figure([{"x": [1, 2], "y": [1], "stream": {"token": TOKEN}}], {})
    result.extend([{"x": [3, 4], "y": [3, 4], "text": ["c", "d"]}], {})
    assert result.as_dict()["data"][0] | {"stream": 0} == {
        "x": [1, 2, 3, 4], "y": [1, None, 3, 4], "text": [None, None, "c", "d"], "stream": 0
    }  # fmt: skip


def test_the_gaps_that_a_row_gets_count_to_the_size_of_a_delta() -> None:
    result = Figure([{"x": [1] * 50, "y": [], "text": [], "stream": {"token": TOKEN}}], {})
    delta = Delta()
    assert result.apply(TOKEN, [{"x": 1}], delta) == 100
    assert delta.size == 101
    result.apply(TOKEN, [{"marker": {"size": [1, 2, 3]}}], delta)
    assert delta.size == 105


# A plain model beside it: rows as objects


class Model:
    """Rows as a list of objects. Slow: everything is looked at each time."""

    def __init__(self, maxpoints: int) -> None:
        self.maxpoints = maxpoints
        self.rows: list[dict[str, Any]] = []
        self.paths: set[str] = set()
        self.styles: dict[str, list[Any]] = {}  # of which nobody has streamed a scalar

    def line(self, values: Mapping[str, Any]) -> None:
        for path, value in values.items():
            if isinstance(value, list):
                self.replace(path, value)
        points = {path: value for path, value in values.items() if not isinstance(value, list)}
        for path in points:
            if path in self.styles:
                style = self.styles.pop(path)
                self.fill_in(path, style[: len(self.rows)] if self.rows else style)
        if points:
            self.put(points)

    def replace(self, path: str, values: list[Any]) -> None:
        if path in DATA_ARRAYS or path in self.paths:
            self.fill_in(path, values)
        else:
            self.styles[path] = values

    def fill_in(self, path: str, values: list[Any]) -> None:
        self.paths.add(path)
        for row in self.rows:
            row.pop(path, None)
        self.rows += [{} for _ in range(len(values) - len(self.rows))]
        for row, value in zip(self.rows, values, strict=False):
            row[path] = value
        while self.rows and not self.rows[-1]:
            self.rows.pop()

    def put(self, points: dict[str, Any]) -> None:
        self.paths |= points.keys()
        if not self.rows or points.keys() & self.rows[-1].keys():
            for row in self.rows:
                row.update(dict.fromkeys(self.paths - row.keys()))
            self.rows.append({})
        for path in points:
            for row in self.rows[:-1]:
                row.setdefault(path, None)
        self.rows[-1].update(points)
        del self.rows[: -self.maxpoints]

    def column(self, path: str) -> list[Any]:
        return self.styles.get(path) or [row[path] for row in self.rows if path in row]


PATHS = ["x", "y", "text", "marker.size"]
values = st.integers(0, 99) | st.none()
lines_ = st.lists(
    st.dictionaries(st.sampled_from(["x", "y", "text"]), values | st.lists(values, max_size=7), max_size=3).flatmap(
        lambda line: st.just(line) | (values | st.lists(values, max_size=7)).map(lambda size: {**line, "marker.size": size})
    ),
    max_size=20,
)


@settings(max_examples=300)
@given(st.lists(values, max_size=7), lines_, st.integers(1, 6), st.integers(1, 5), st.integers(0, 20))
def test_rows_are_what_a_plain_model_of_them_says(
    sizes: list[Any], lines: list[dict[str, Any]], maxpoints: int, step: int, restart: int
) -> None:
    model = Model(maxpoints)
    model.replace("marker.size", sizes)
    live = Figure([{"marker": {"size": sizes}, "stream": {"token": TOKEN, "maxpoints": maxpoints}}], {})
    shown = orjson.loads(orjson.dumps(live.as_dict()))
    for begin in range(0, len(lines), step):
        delta = Delta()
        live.apply(TOKEN, lines[begin : begin + step], delta)
        for line in lines[begin : begin + step]:
            model.line(line)
        show(shown, orjson.loads(orjson.dumps(delta.message())))
        trace = live.as_dict()["data"][0]
        assert shown == live.as_dict()
        told = {"marker.size": trace["marker"]["size"]} | {path: trace.get(path, []) for path in PATHS[:3]}
        assert told == {path: model.column(path) for path in PATHS}
        if begin >= restart:
            live = Figure(**orjson.loads(live.snapshot()))
