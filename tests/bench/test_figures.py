"""Goals met and missed, ratios with their spread."""

import json

import pytest

from tests.bench import report
from tests.bench.figures import Client, Goal, Results, Spread


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "verdict"),
    [
        (12.0, 12.0, False, "met"),
        (15.0, 12.0, False, "missed by 25 %"),
        (36.0, 12.0, False, "missed by a factor of 3.0"),
        (1.5, 1.5, True, "met"),
        (1.2, 1.5, True, "missed by 25 %"),
        (0.5, 1.5, True, "missed by a factor of 3.0"),
        (0.0, 1.5, True, "missed"),
    ],
)
def test_a_goal_is_met_or_missed_by_so_much(value: float, limit: float, at_least: bool, verdict: str) -> None:
    assert Goal("speed", "", "", value, limit, at_least).verdict == verdict


def test_what_was_not_measured_says_why() -> None:
    goal = Goal("speed", "", "", why="no root")
    assert (goal.met, goal.verdict) == (None, "not measured: no root")


def test_ratios_are_those_of_the_same_round() -> None:
    assert Spread([10, 30, 20]).over(Spread([5, 10, 20])).samples == [2, 3, 1]
    assert Spread([2, 3, 1]).text(1) == "2.0 (1.0 to 3.0)"


def test_the_report_has_a_row_for_each_client_and_goal() -> None:
    goals = [Goal("speed", "3 times", "2 times", 3, 2, at_least=True)]
    results = Results("a machine", "a runtime", [Client("agent", heap_a_reading=0.0)], goals, ["Something is left out."])
    text = report.markdown(results)
    assert "| agent |  | 0 B |  |  |  |\n" in text
    assert "| speed | 3 times | 2 times | met |\n" in text
    assert text.endswith("\nSomething is left out.\n")
    assert json.loads(report.as_json(results))["goals"][0]["met"] is True
