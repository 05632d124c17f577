from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from host_tools.endpoint import boardclock
from host_tools.endpoint.boardclock import BoardClock
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.jsonline import BadLine

DAY = 24 * 3600 * 1000
TURN = 2**32  # ms until an unsigned number of 32 bits begins again


def dates(monkeypatch: pytest.MonkeyPatch, start: datetime, *xs: Any, zone: str = "UTC") -> list[Any]:
    """What becomes of each x when the first arrives at `start`."""
    monkeypatch.setattr(boardclock, "now_ms", lambda: round(start.timestamp() * 1000))
    clock, lines = BoardClock(zone), [{"x": x} for x in xs]
    for line in lines:
        clock.convert(line)
    return [line["x"] for line in lines]


START = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_the_first_x_stands_for_its_arrival_and_the_others_for_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dates(monkeypatch, START, 5000, 6500, [7000, "as it is", None, True], zone="America/New_York") == [
        "2026-11-24 07:00:00.000-05:00",
        "2026-11-24 07:00:01.500-05:00",
        ["2026-11-24 07:00:02.000-05:00", "as it is", None, True],
    ]


def test_nothing_below_a_millisecond_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dates(monkeypatch, START, 0, 0.25, 0.001) == [
        "2026-11-24 12:00:00.000+00:00", "2026-11-24 12:00:00.000250+00:00", "2026-11-24 12:00:00.000001+00:00"
    ]  # fmt: skip
    told = dates(monkeypatch, START, *(number / 10 for number in range(100)))
    assert len(set(told)) == 100


def test_the_hour_that_comes_twice_in_autumn_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    half_hours = [number * 1_800_000 for number in range(5)]
    told = dates(monkeypatch, datetime(2026, 10, 25, 0, tzinfo=UTC), *half_hours, zone="Europe/Berlin")
    assert told == [
        "2026-10-25 02:00:00.000+02:00", "2026-10-25 02:30:00.000+02:00", "2026-10-25 02:00:00.000+01:00",
        "2026-10-25 02:30:00.000+01:00", "2026-10-25 03:00:00.000+01:00",
    ]  # fmt: skip
    moments = [datetime.fromisoformat(each) for each in told]
    assert moments == sorted(moments)


@pytest.mark.parametrize("first", [0, TURN - 30_000, TURN // 2 - 30_000])
@pytest.mark.parametrize("lowest", [0, -TURN // 2])
def test_time_goes_on_when_the_boards_counter_begins_again(monkeypatch: pytest.MonkeyPatch, first: int, lowest: int) -> None:
    """An unsigned counter, and a signed one, after 49.7 days: twice."""
    steps = range(first, first + 2 * TURN + 3 * DAY, DAY)
    told = dates(monkeypatch, START, *((step - lowest) % TURN + lowest for step in steps))
    assert [datetime.fromisoformat(each) - START for each in told] == [timedelta(days=day) for day in range(len(told))]


def test_a_reading_from_before_the_counter_began_again_may_come_late(monkeypatch: pytest.MonkeyPatch) -> None:
    told = dates(monkeypatch, START, TURN - 2000, 1000, TURN - 1000, 2000)
    assert [(datetime.fromisoformat(each) - START).total_seconds() for each in told] == [0, 3, 1, 4]


def test_a_counter_of_more_bits_goes_on_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    told = dates(monkeypatch, START, TURN - 1000, TURN + 1000, 2 * TURN)
    assert [(datetime.fromisoformat(each) - START).total_seconds() for each in told] == [0, 2, (TURN + 1000) / 1000]


@pytest.mark.parametrize("x", [1e300, -1e300, 10**30, 1e15])
def test_an_x_beyond_all_dates_is_told(monkeypatch: pytest.MonkeyPatch, x: float) -> None:
    with pytest.raises(BadLine, match="milliseconds"):
        dates(monkeypatch, START, 0, x)


@pytest.mark.parametrize("zone", ["Nowhere/City", "../../etc/passwd", "America", "\x00"])
def test_a_zone_that_does_not_exist_is_400(zone: str) -> None:
    with pytest.raises(Refusal, match=r"^400 .*no time zone"):
        BoardClock(zone)
