"""A restyling is checked before it touches a figure, and does what it says."""

from typing import Any

import pytest

from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.figure import Figure
from host_tools.endpoint.style import parse_style

TOKEN = "abcdefghij"


def figure() -> Figure:
    trace = {"x": [1, 2, 3], "y": [4, 5, 6], "line": {"color": "red", "width": 3}, "stream": {"token": TOKEN, "maxpoints": 10}}
    return Figure([trace, {"y": [7]}], {"title": {"text": "old", "x": 0.5}, "xaxis": {"range": [0, 9]}})


def restyled(layout: dict[str, Any] | None = None, traces: dict[str, Any] | None = None) -> dict[str, Any]:
    changed = figure()
    parse_style({"layout": layout or {}, "traces": traces or {}}).apply(changed)
    return changed.as_dict(tokens=True)


def refused(style: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        parse_style(style).apply(figure())
    assert "\n" not in refusal.value.message
    return refusal.value


def test_attributes_are_set_and_the_rest_stays() -> None:
    assert restyled({"title.text": "new", "yaxis2.side": "right"})["layout"] == {
        "title": {"text": "new", "x": 0.5}, "xaxis": {"range": [0, 9]}, "yaxis2": {"side": "right"},
    }  # fmt: skip
    first, second = restyled(traces={"1": {"yaxis": "y2"}, "0": {"line.color": "blue"}})["data"]
    assert first["line"] == {"color": "blue", "width": 3}
    assert second == {"y": [7], "yaxis": "y2"}


def test_null_takes_an_attribute_away_with_all_that_is_in_it() -> None:
    assert restyled({"xaxis.range": None, "title": None, "never.there": None})["layout"] == {}
    assert "line" not in restyled(traces={"0": {"line": None}})["data"][0]


def test_an_attribute_that_was_taken_away_can_be_set_again() -> None:
    changed = figure()
    for style in ({"title": None}, {"title.text": "again"}):
        parse_style({"layout": style}).apply(changed)
    assert changed.as_dict()["layout"]["title"] == {"text": "again"}


def test_fewer_points_are_kept_at_once_and_from_then_on() -> None:
    changed = figure()
    parse_style({"traces": {"0": {"stream.maxpoints": 2}, "1": {"stream.maxpoints": 2}}}).apply(changed)
    changed.apply(TOKEN, [{"x": 9, "y": 9}])
    first, second = changed.as_dict(tokens=True)["data"]
    assert (first["x"], first["y"]) == ([3, 9], [6, 9])
    assert first["stream"] == {"token": TOKEN, "maxpoints": 2}
    assert second == {"y": [7]}


@pytest.mark.parametrize("points", [0, 200_001, "10", None, 1.5, True])
def test_points_to_keep_are_a_whole_number_in_range(points: Any) -> None:
    assert "maxpoints must be a whole number" in refused({"traces": {"0": {"stream.maxpoints": points}}}).message


@pytest.mark.parametrize("path", ["x", "y", "text", "error_y.array", "stream", "stream.token"])
def test_data_and_tokens_are_no_style(path: str) -> None:
    assert refused({"traces": {"0": {path: "zzzzzzzzzz"}}}).message == f"{path} is data, not style"


@pytest.mark.parametrize("style", [None, [], "x", {"data": []}, {"layout": []}, {"traces": [{}]}, {"traces": {"0": []}}])
def test_what_is_no_style_is_refused(style: Any) -> None:
    assert refused(style).status == 400


@pytest.mark.parametrize("index", ["-1", "x", "", "1.0", "٣", "9" * 30])
def test_traces_are_numbered(index: str) -> None:
    assert refused({"traces": {index: {}}}).message == "traces must be numbered from 0"


def test_a_trace_that_is_gone_is_told_and_nothing_is_changed() -> None:
    changed = figure()
    with pytest.raises(Refusal) as refusal:
        parse_style({"layout": {"title.text": "new"}, "traces": {"0": {"mode": "lines"}, "2": {}}}).apply(changed)
    assert refusal.value.status == 409
    assert changed.as_dict() == figure().as_dict()


@pytest.mark.parametrize("path", ["", ".", "a..b", "a.", "x" * 201, ".".join("a" * 40)])
def test_a_path_must_lead_somewhere(path: str) -> None:
    assert "is no attribute" in refused({"layout": {path: 1}}).message


def test_values_are_bounded() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    assert "must be a value or a list" in refused({"layout": {"a": deep}}).message
    assert "must be a value or a list" in refused({"layout": {"a": {"b": 1}}}).message
    assert "1000 changes" in refused({"layout": {f"a{n}": 1 for n in range(1001)}}).message
