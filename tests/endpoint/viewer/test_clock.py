"""Dates that name a zone, and the hours on their axis, in viewers' zones where the clock is changed."""

from typing import Any

import pytest

from tests.endpoint.viewer.node import evaluate

AUTUMN = ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"]  # 2:00 and 2:30, twice


def shown(dates: list[str], zone: str = "Europe/Berlin") -> list[str]:
    expression = "(dates.newestFirst([{ x: given }]), dates.localizeTrace({ x: given }).x)"
    texts: list[str] = evaluate(expression, "dates", given=dates, zone=zone)
    return texts


def ticks(first: str, last: str, zone: str = "Europe/Berlin", pixels: int = 900) -> Any:
    expression = """(() => {
        dates.newestFirst([{ x: given.dates }]);
        const [from, to] = dates.localizeTrace({ x: given.dates }).x.map(dates.shownMs);
        return clock.clockTicks(from, to, given.pixels);
    })()"""
    return evaluate(expression, "dates", "clock", given={"dates": [first, last], "pixels": pixels}, zone=zone)


def test_the_hour_that_comes_twice_is_drawn_twice_and_nothing_runs_back() -> None:
    assert shown(AUTUMN) == [f"2026-10-25 {time}:00.000" for time in ("01:00", "01:30", "02:00", "02:30")]


def test_the_axis_tells_both_hours() -> None:
    told = ticks("2026-10-24T22:00:00Z", "2026-10-25T04:00:00Z")

    assert told["ticktext"] == ["00:00<br>Oct 25, 2026", "01:00", "02:00 GMT+2", "02:00 GMT+1", "03:00", "04:00", "05:00"]
    assert told["tickvals"] == sorted(told["tickvals"])


@pytest.mark.parametrize(("first", "last", "hours"), [
    ("2026-10-25T00:58:00Z", "2026-10-25T01:02:00Z", ["02:59:30 GMT+2", "02:00:00 GMT+1"]),
    ("2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z", ["01:30", "03:00"]),
    ("2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z", ["18:00", "00:00<br>Oct 25, 2026", "06:00"]),
    ("2026-10-01T00:00:00Z", "2026-11-20T00:00:00Z", ["Oct 22", "Oct 29"]),
])  # fmt: skip
def test_the_hours_are_the_clocks_on_every_scale(first: str, last: str, hours: list[str]) -> None:
    texts = ticks(first, last)["ticktext"]

    where = texts.index(hours[0])
    assert texts[where : where + len(hours)] == hours


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Europe/Berlin"])
def test_where_the_clock_is_not_changed_the_axis_is_plotlys_own(zone: str) -> None:
    assert ticks("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", zone) is None


@pytest.mark.parametrize("text", [
    "2026-07-01T12:00:00Z", "2026-07-01T12:00:00z", "2026-07-01 12:00:00+00", "2026-07-01T12:00:00+0000", "2026-07-01T14:00+02:00",
    "2026-07-01T17:30:00.000+0530", "2026-07-01T12:00Z", "2026-07-01T12Z",
])  # fmt: skip
def test_zones_are_read_however_they_are_written(text: str) -> None:
    assert shown([text], "Asia/Tokyo") == ["2026-07-01 21:00:00.000"]


def test_nothing_below_a_millisecond_is_lost() -> None:
    assert shown(["2026-07-01T12:00:00.1234567Z"], "UTC") == ["2026-07-01 12:00:00.1234567"]


@pytest.mark.parametrize(
    "text", ["2026-07-01 12:00:00", "2026-07-01", "2026-07-01 12:00:00.123456", "no date", "2026-13-01T12:00:00Z"]
)
def test_what_names_no_zone_stays_as_it_was_sent(text: str) -> None:
    assert shown([text]) == [text]
