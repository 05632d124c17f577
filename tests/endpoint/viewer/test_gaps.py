"""Where the line of a trace stops: at outages of what is regular, and nowhere else."""

import random
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import pytest

from tests.endpoint.viewer.node import evaluate

HOURS = 3 * 3600
START = datetime(2026, 11, 1)


def outages(intervals: list[float], every: int | None = None) -> list[int]:
    """The places of the points that come after an outage, for intervals in seconds."""
    times = [1000 * time for time in accumulate(intervals, initial=0)]
    found: list[int] = evaluate("gaps.outages(given.times, given.every)", "gaps", given={"times": times, "every": every})
    return found


def drawn(intervals: list[float], **more: Any) -> Any:
    """The trace as it is drawn; its y counts from 0."""
    x = [str(START + timedelta(seconds=time)) for time in accumulate(intervals, initial=0)]
    trace = {"x": x, "y": list(range(len(x))), "mode": "lines", **more}
    return evaluate("gaps.withGaps(given)", "gaps", given=trace)


def irregular(count: int) -> list[float]:
    generator = random.Random(7)
    return [generator.expovariate(1 / 600) for _ in range(count)]


@pytest.mark.parametrize(("intervals", "places"), [
    ([10.0] * 10 + [HOURS] + [10.0] * 10, [11]),
    ([10.0] * 10 + [HOURS], [11]),
    ([9.5, 10.5] * 20 + [60] + [9.5, 10.5] * 20, [41]),
    ([10.0] * 10 + [20.1] + [10.0] * 10, []),
    ([10.0] * 100, []),
    ([10.0] * 30 + [HOURS] + [10.0] * 30 + [HOURS] + [10.0] * 30, [31, 62]),
], ids=["an outage", "at the end", "with jitter", "one reading missing", "none", "two"])  # fmt: skip
def test_a_regular_trace_stops_at_an_outage(intervals: list[float], places: list[int]) -> None:
    assert outages(intervals) == places


@pytest.mark.parametrize(("before", "after"), [(10, 60), (60, 1), (1, 300)])
def test_a_change_of_rhythm_is_no_outage_and_the_newer_rhythm_counts(before: float, after: float) -> None:
    steady = [before] * 100 + [after] * 100

    assert outages(steady) == []
    assert outages([*steady, HOURS, *[after] * 50]) == [201]


def test_an_irregular_trace_has_outages_only_by_the_interval_that_it_declares() -> None:
    door = irregular(200)
    door[100] = 24 * 3600

    assert outages(door) == []
    assert 101 in outages(door, every=3_600_000)
    assert all(door[place - 1] > 2 * 3600 for place in outages(door, every=3_600_000))


def test_what_belongs_to_points_parts_with_them_and_nothing_else_changes() -> None:
    count = 22
    trace = drawn(
        [10.0] * 10 + [HOURS] + [10.0] * 10,
        text=[f"t{n}" for n in range(count)],
        marker={"color": list(range(count)), "colorscale": [[0, "red"], [1, "blue"]]},
        line={"width": 3},
    )

    assert trace["y"] == [*range(11), None, *range(11, count)]
    assert trace["x"][11] is None
    assert trace["text"][11:13] == [None, "t11"]
    assert trace["marker"] == {"color": [*range(11), None, *range(11, count)], "colorscale": [[0, "red"], [1, "blue"]]}
    assert trace["line"] == {"width": 3}


def test_a_point_alone_between_gaps_is_a_dot() -> None:
    trace = drawn([10.0] * 20 + [HOURS, HOURS] + [10.0] * 20)

    alone = trace["y"].index(21)
    assert trace["y"][alone - 1 : alone + 2] == [None, 21, None]
    assert trace["mode"] == "lines+markers"
    assert [size > 0 for size in trace["marker"]["size"]] == [at == alone for at in range(len(trace["y"]))]


def test_a_single_reading_is_a_dot() -> None:
    assert drawn([])["mode"] == "lines+markers"


@pytest.mark.parametrize("more", [
    {"mode": "markers"}, {"type": "bar"}, {"stackgroup": "one"}, {"x": list(range(22))},
], ids=["markers", "bars", "stacked", "no time"])  # fmt: skip
def test_what_is_no_line_over_time_stays(more: dict[str, Any]) -> None:
    trace = drawn([10.0] * 10 + [HOURS] + [10.0] * 10, **more)

    assert trace["y"] == list(range(22))


def test_connectgaps_joins_what_an_outage_parts() -> None:
    """The null is there; that plotly.js draws over it is the figure's own wish."""
    trace = drawn([10.0] * 10 + [HOURS] + [10.0] * 10, connectgaps=True)

    assert trace["connectgaps"] is True
    assert trace["mode"] == "lines"


def test_a_declared_interval_is_read_with_its_unit() -> None:
    door = irregular(20)
    door[10] = HOURS

    assert drawn(door, meta={"every": "30min"})["y"][11] is None
    assert None not in drawn(door, meta={"every": "often"})["y"]
