"""What the page of a figure may do: more only where a trace needs it."""

from typing import Any

import pytest

from host_tools.endpoint.policy import plot_policy
from host_tools.endpoint.web import PLOT_POLICY

EVAL = "'unsafe-eval'"


def figure(*data: dict[str, Any], **layout: Any) -> dict[str, Any]:
    return {"data": list(data), "layout": layout}


@pytest.mark.parametrize(
    "drawn", [{}, {"type": "scatter"}, {"type": "scatter3d"}, {"type": "scattergeo"}, {"type": ["scattergl"]}]
)
def test_an_ordinary_figure_gets_the_ordinary_policy(drawn: dict[str, Any]) -> None:
    policy, forbidden = plot_policy(figure(drawn))

    assert policy == PLOT_POLICY
    assert EVAL not in policy
    assert {"scattergl", "splom", "scattermap"} <= set(forbidden.split())


@pytest.mark.parametrize("kind", ["scattergl", "scatterpolargl", "splom", "parcoords", "pointcloud"])
def test_code_made_at_run_time_is_for_webgl_traces_only(kind: str) -> None:
    policy, forbidden = plot_policy(figure({"y": [1]}, {"type": kind}))

    assert policy == PLOT_POLICY.replace("script-src 'self'", f"script-src 'self' {EVAL}")
    assert kind not in forbidden.split()
    assert "scattermap" in forbidden.split()


@pytest.mark.parametrize("kind", ["scattermap", "densitymap", "choroplethmap", "scattermapbox"])
def test_a_worker_is_for_maps_only(kind: str) -> None:
    policy, forbidden = plot_policy(figure({"type": kind}))

    assert policy == f"{PLOT_POLICY}; worker-src blob:"
    assert kind not in forbidden.split()
    assert "scattergl" in forbidden.split()


@pytest.mark.parametrize("layout", [
    {"updatemenus": [{"buttons": [{"method": "restyle", "args": ["type", "scattergl"]}]}]},
    {"sliders": [{"steps": [{"method": "update", "args": [{"type": ["scattergl"]}, {}]}]}]},
])  # fmt: skip
def test_what_a_button_of_the_figure_brings_counts(layout: dict[str, Any]) -> None:
    assert EVAL in plot_policy(figure({"y": [1]}, **layout))[0]


def test_what_a_frame_brings_counts() -> None:
    assert EVAL in plot_policy(figure({"y": [1]}) | {"frames": [{"data": [{"type": "scattergl"}]}]})[0]


def test_a_name_that_only_mentions_one_does_not_count() -> None:
    assert plot_policy(figure({"y": [1], "name": "scattergl"}, title={"text": "scattergl"}))[0] == PLOT_POLICY
