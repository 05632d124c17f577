import base64
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import plotly  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from host_tools.endpoint.attributes import MAX_ATTRIBUTES, too_deep
from host_tools.endpoint.figure import Delta, Figure
from host_tools.endpoint.trace import DATA_ARRAYS, MAX_POINTS, holds_points, read_stream

TOKEN = "abcdefghij"


def figure(*traces: dict[str, Any], **layout: Any) -> Figure:
    return Figure([{"stream": {"token": TOKEN}, **each} for each in traces or ({},)], layout)


def after(*lines: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """The trace after the lines, without its stream."""
    result = figure(attributes)
    result.apply(TOKEN, lines)
    trace: dict[str, Any] = result.as_dict()["data"][0]
    del trace["stream"]
    return trace


@pytest.mark.parametrize(
    ("before", "lines", "expected"),
    [
        pytest.param({}, [{"x": 1, "y": 2}, {"x": 3, "y": 4}], {"x": [1, 3], "y": [2, 4]}, id="scalars append"),
        pytest.param({"x": [1, 2]}, [{"x": [7]}, {"x": 8}], {"x": [7, 8]}, id="lists replace"),
        pytest.param({"y": [1]}, [{"y": None}], {"y": [1, None]}, id="null is a gap"),
        pytest.param({}, [{"name": "a"}, {"name": "b"}], {"name": "b"}, id="a scalar setting is set"),
        pytest.param({}, [{"marker": {"color": "red"}}], {"marker": {"color": "red"}}, id="a nested scalar is set"),
        pytest.param(
            {"marker": {"color": [1], "symbol": "x"}},
            [{"marker": {"color": 2}}],
            {"marker": {"color": [1, 2], "symbol": "x"}},
            id="a nested scalar appends to a list",
        ),
        pytest.param({"marker": {"size": [1, 2]}}, [{"marker": {"size": [6]}}], {"marker": {"size": [6]}},
                     id="a nested list replaces"),
        pytest.param({}, [{"error_y": {"array": 1}}, {"error_y": {"array": 2}}], {"error_y": {"array": [1, 2]}},
                     id="nested data arrays append from the first"),
        pytest.param({"marker": {"colorscale": [[0, "a"], [1, "b"]]}}, [{"marker": {"colorscale": "Viridis"}}],
                     {"marker": {"colorscale": "Viridis"}}, id="a list that is one setting is replaced by a scalar"),
        pytest.param({"marker": "oops"}, [{"marker": {"size": 3}}], {"marker": {"size": 3}},
                     id="an object takes the place of a scalar"),
        pytest.param({"marker": {"size": [1]}}, [{"marker": 5}], {"marker": 5}, id="a scalar takes the place of an object"),
        pytest.param({"text": "all"}, [{"text": "one"}], {"text": ["one"]}, id="a data array starts where a scalar was"),
        pytest.param({}, [{"customdata": {"a": 1}}], {"customdata": [{"a": 1}]}, id="an object in a data array is a point"),
        pytest.param({}, [{"z": [[1, 2], [3, 4]]}], {"z": [[1, 2], [3, 4]]}, id="rows of a heatmap"),
        pytest.param({}, [{"stream": {"token": "zzzzzzzzzz", "maxpoints": 1}, "x": 1}, {"x": 2}], {"x": [1, 2]},
                     id="a line cannot change the stream"),
        pytest.param({"value": 3}, [{"value": 4}], {"value": 4}, id="an indicator's value is no list"),
    ],
)  # fmt: skip
def test_a_line_changes_a_trace(before: dict[str, Any], lines: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert after(*lines, **before) == expected


def test_a_token_may_feed_several_traces_and_leaves_others_alone() -> None:
    several = Figure([{"stream": {"token": TOKEN}}, {"x": [1]}, {"stream": {"token": TOKEN}}], {})
    several.apply(TOKEN, [{"x": 5}])
    assert [trace["x"] for trace in several.as_dict()["data"]] == [[5], [1], [5]]


def test_a_layout_in_a_line_is_merged_deep_into_the_plots() -> None:
    result = figure(title={"text": "old", "font": {"size": 9}}, xaxis={"range": [0, 1]})
    result.apply(TOKEN, [{"x": 1, "layout": {"title": {"text": "new"}, "xaxis": {"range": [1, 2]}}}])
    assert result.as_dict()["layout"] == {"title": {"text": "new", "font": {"size": 9}}, "xaxis": {"range": [1, 2]}}
    assert result.as_dict()["data"][0]["x"] == [1]


def test_maxpoints_keeps_the_newest_of_every_array() -> None:
    result = figure(
        {"x": [1, 2, 3], "stream": {"token": TOKEN, "maxpoints": 2}, "marker": {"colorscale": [[0, "a"], [1, "b"], [2, "c"]]}}
    )
    result.apply(TOKEN, [{"x": 4, "marker": {"size": [1, 2]}}, {"x": 5, "marker": {"size": 4}}])
    trace = result.as_dict()["data"][0]
    assert (trace["x"], trace["marker"]["size"]) == ([4, 5], [2, 4])
    assert len(trace["marker"]["colorscale"]) == 3


@pytest.mark.parametrize(("given_", "kept"), [(1, 1), (200_000, 200_000), (0, 1), (-5, 1), (10**9, MAX_POINTS), ("500", 500),
                                             (None, MAX_POINTS), ("many", MAX_POINTS), (float("inf"), MAX_POINTS)])  # fmt: skip
def test_maxpoints_is_brought_into_its_range(given_: Any, kept: int) -> None:
    assert read_stream({"token": TOKEN, "maxpoints": given_}) == (TOKEN, kept)


def work(do: Callable[[], object]) -> int:
    """How many lines of Python it takes, because a clock proves nothing here."""
    count = 0

    def tracer(*_: Any) -> Any:
        nonlocal count
        count += 1
        return tracer

    sys.settrace(tracer)
    try:
        do()
    finally:
        sys.settrace(None)
    return count


def test_an_append_at_maxpoints_moves_no_other_point() -> None:
    few, full = (figure({"x": list(range(size)), "stream": {"token": TOKEN, "maxpoints": size}}) for size in (1, MAX_POINTS))
    points = full.traces[0].attributes.get("x")
    assert work(lambda: full.apply(TOKEN, [{"x": 1}])) == work(lambda: few.apply(TOKEN, [{"x": 1}]))
    assert full.traces[0].attributes.get("x") is points
    assert len(points) == MAX_POINTS


def test_tokens_are_shown_to_the_owner_only() -> None:
    result = figure({"stream": {"token": TOKEN, "maxpoints": 50}})
    assert result.as_dict(tokens=True)["data"][0]["stream"] == {"token": TOKEN, "maxpoints": 50}
    assert TOKEN.encode() not in orjson.dumps(result.as_dict())
    assert result.as_dict()["data"][0]["stream"] == {"maxpoints": 50}


def test_a_released_trace_stays_as_it_is() -> None:
    result = figure({"x": [1]})
    result.release({TOKEN})
    result.apply(TOKEN, [{"x": 2}])
    assert result.as_dict(tokens=True)["data"] == [{"x": [1]}]


def test_extending_with_empty_arrays_keeps_the_points() -> None:
    result = figure({"x": [1, 2], "name": "old"})
    result.extend([{"x": [], "y": [], "name": "new", "stream": {"token": TOKEN, "maxpoints": 10}}], {"title": "t"})
    assert result.as_dict()["data"] == [{"x": [1, 2], "y": [], "name": "new", "stream": {"maxpoints": 10}}]


def test_extending_appends_points_and_adds_the_traces_that_are_new() -> None:
    result = figure({"x": [1]})
    result.extend([{"x": [2, 3]}, {"x": [9]}], {})
    assert [trace["x"] for trace in result.as_dict()["data"]] == [[1, 2, 3], [9]]
    assert result.tokens == {TOKEN}


def test_extending_finds_a_trace_by_its_token_when_the_order_has_changed() -> None:
    result = Figure([{"x": [1], "stream": {"token": "a"}}, {"x": [2], "stream": {"token": "b"}}], {})
    result.extend([{"x": [20], "stream": {"token": "b"}}, {"x": [10], "stream": {"token": "a"}}], {})
    assert [trace["x"] for trace in result.as_dict()["data"]] == [[1, 10], [2, 20]]


def test_base64_arrays_of_plotly_py_become_lists() -> None:
    def array(dtype: str, code: str, *numbers: float, **more: str) -> dict[str, str]:
        return {"dtype": dtype, "bdata": base64.b64encode(struct.pack(f"<{len(numbers)}{code}", *numbers)).decode(), **more}

    trace = after(
        x=array("f8", "d", 1.5, float("nan")), z=array("i2", "h", 1, 2, 3, 4, 5, 6, shape="2, 3"), y={"dtype": "f8", "bdata": "?"}
    )
    assert (trace["x"], trace["z"]) == ([1.5, None], [[1, 2, 3], [4, 5, 6]])
    assert trace["y"] == {"dtype": "f8", "bdata": "?"}


def test_a_figure_of_plotly_py_comes_back_unchanged() -> None:
    made = json.loads(plotly.graph_objects.Figure(plotly.graph_objects.Scatter(x=["a"], y=[None]), {"title": "t"}).to_json())
    assert Figure(made["data"], made["layout"]).as_dict() == made


def test_a_stream_that_invents_attributes_is_bounded() -> None:
    result = figure()
    result.apply(TOKEN, ({f"k{number}": number, "layout": {f"k{number}": 1}} for number in range(MAX_ATTRIBUTES + 100)))
    as_dict = result.as_dict()
    assert len(as_dict["data"][0]) <= MAX_ATTRIBUTES + 1
    assert len(as_dict["layout"]) <= MAX_ATTRIBUTES


def growing(lines: Callable[[int], list[dict[str, Any]]]) -> float:
    """By what factor the work grows when there are four times as many lines and attributes, viewers' part included."""

    def take(number: int) -> None:
        result, delta = figure(), Delta()
        result.apply(TOKEN, lines(number), delta)
        delta.message()

    return work(lambda: take(1200)) / work(lambda: take(300))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(lambda n: [{"x": i, "y": i} for i in range(n)], id="points"),
        pytest.param(lambda n: [{f"k{i}": i} for i in range(n)], id="new attributes"),
        pytest.param(lambda n: [{f"k{i}": i} for i in range(n)] + [{"a": i if i % 2 else {"b": i}} for i in range(n)],
                     id="an attribute that is a value and an object in turn"),
        pytest.param(lambda n: [{f"k{i}": [i]} for i in range(n)] + [{f"k{i}": i} for i in range(n)] * 2, id="many arrays"),
        pytest.param(lambda n: [{f"k{i}": [i]} for i in range(n)] + [{"a": [1]}, {"a": 2}, {"a": {"b": 1}}] * n, id="an array that goes"),
        pytest.param(lambda n: [{"m": {f"k{i}": i}} for i in range(n)] + [{"x": i, "m": {"k0": {"a": i}}} for i in range(n)],
                     id="one level down"),
        pytest.param(lambda n: [{"m": {f"k{i}": [i]}} for i in range(n)] + [{"z": [[i]] if i % 2 else [i]} for i in range(n)],
                     id="a matrix and flat in turn"),
        pytest.param(lambda n: [{"layout": {f"k{i}": i, "a": i if i % 2 else {"b": i}}} for i in range(n)], id="a layout"),
    ],
)  # fmt: skip
def test_the_work_grows_with_the_lines_and_not_with_their_square(lines: Any) -> None:
    assert growing(lines) < 5


def test_a_path_with_dots_cannot_nest_without_end() -> None:
    trace = after({"a." * 5000 + "b": 1}, {"x": 1})
    assert trace == {"x": [1]}


@pytest.mark.parametrize(
    ("value", "deep"), [([[1]], False), ([[[1]]], True), ({"a": {"b": []}}, True), (1, False), ({"a": [1]}, False)]
)
def test_nesting_is_counted(value: Any, deep: bool) -> None:
    assert too_deep(value, 2) is deep


def plotlys_trace_attributes() -> list[tuple[str, dict[str, Any]]]:
    schema = json.loads((Path(plotly.__file__).parent / "validators" / "_validators.json").read_bytes())
    return [
        (path.split(".", 1)[1], validator)
        for path, validator in schema.items()
        if "." in path and not path.startswith(("layout.", "frame."))
    ]


def test_attributes_that_plotly_knows_as_data_arrays_append_from_the_first_point() -> None:
    top = {
        path
        for path, validator in plotlys_trace_attributes()
        if validator["superclass"] == "DataArrayValidator" and "." not in path
    }
    assert top - DATA_ARRAYS == {"value", "columnorder"}


def test_lists_that_are_one_setting_in_plotly_are_never_cut() -> None:
    settings_ = {
        path
        for path, validator in plotlys_trace_attributes()
        if validator["superclass"] in ("ColorscaleValidator", "InfoArrayValidator", "CompoundArrayValidator")
    }
    assert {path for path in settings_ if holds_points(path)} <= {"node.groups", "link.colorscales"} | {
        path for path in settings_ if "tickformatstop" in path
    }


# Properties: what viewers get, and what a restart finds, is what is in memory

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "red", 1.5])
names = st.sampled_from(["x", "marker", "size", "name", "colorscale", "marker.size"])
trees = st.recursive(
    scalars | st.lists(scalars, max_size=4), lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=5
)
lines_ = st.lists(
    st.dictionaries(names, trees, max_size=4)
    | st.fixed_dictionaries({"x": scalars, "layout": st.dictionaries(names, trees, max_size=3)}),
    max_size=12,
)


def put(tree: dict[str, Any], path: str, value: Any) -> None:
    """What the live page does with a path: what is no object on the way there becomes one."""
    *steps, last = path.split(".")
    for step in steps:
        if not isinstance(tree.get(step), dict):
            tree[step] = {}
        tree = tree[step]
    tree[last] = value


def get(tree: Any, path: str) -> Any:
    for step in path.split("."):
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree


def show(shown: dict[str, Any], message: dict[str, Any]) -> None:
    """A viewer: first replace, then extend and keep the newest, or as many as `length` says."""
    for trace in message["traces"]:
        for path, value in trace.get("replace", {}).items():
            put(shown["data"][trace["i"]], path, value)
        for path, values in trace.get("extend", {}).items():
            put(shown["data"][trace["i"]], path, get(shown["data"][trace["i"]], path) + values)
        lengths = dict.fromkeys(trace.get("extend", ()), trace["max"]) | trace.get("length", {})
        for path, length in lengths.items():
            points = get(shown["data"][trace["i"]], path)
            del points[: max(len(points) - length, 0)]
    for path, value in message.get("layout", {}).items():
        put(shown["layout"], path, value)


@settings(max_examples=200)
@example({"x": []}, [{"x": 1}, {"x": [7]}, {"x": 2}], 9, 3)
@example({"marker": {"size": [1]}}, [{"marker": {"size": 2}}, {"marker": 5}, {"marker": {"size": 3}}, {"marker": 6}], 9, 4)
@example({}, [{"layout": {"a": {"b": 1}}}, {"layout": {"a": 2}}, {"layout": {"a": {"b": 3}}}], 9, 3)
@given(trees.filter(lambda tree: isinstance(tree, dict)), lines_, st.integers(1, 4), st.integers(1, 5))
def test_a_viewer_that_follows_deltas_sees_the_figure(
    start: dict[str, Any], lines: list[dict[str, Any]], maxpoints: int, step: int
) -> None:
    live = figure({**start, "stream": {"token": TOKEN, "maxpoints": maxpoints}})
    shown = json.loads(json.dumps(live.as_dict()))
    for begin in range(0, len(lines), step):
        delta = Delta()
        live.apply(TOKEN, lines[begin : begin + step], delta)
        show(shown, json.loads(json.dumps(delta.message())))
    assert shown == live.as_dict()


@settings(max_examples=150)
@given(trees.filter(lambda tree: isinstance(tree, dict)), lines_, st.integers(0, 12), st.integers(1, 4))
def test_a_snapshot_and_the_lines_since_lead_to_the_live_figure(
    start: dict[str, Any], lines: list[dict[str, Any]], cut: int, maxpoints: int
) -> None:
    live = figure({**start, "stream": {"token": TOKEN, "maxpoints": maxpoints}})
    live.apply(TOKEN, lines[:cut])
    restored = Figure(**orjson.loads(live.snapshot()))
    for each in (live, restored):
        each.apply(TOKEN, orjson.loads(orjson.dumps(lines[cut:])))
    assert restored.snapshot() == live.snapshot()
