"""Old names of figures, and what a figure would fetch from elsewhere."""

from typing import Any

import pytest

from tests.endpoint.viewer.node import evaluate

_DRAW = "(globalThis.PlotlyGeoAssets = { topojson: {} }, drawable.drawable(given))"


def drawn(*data: Any, **layout: Any) -> tuple[dict[str, Any], list[str]]:
    """The figure as it is drawn, and what is told of what is left out."""
    told = evaluate(_DRAW, "drawable", given={"data": list(data), "layout": layout})
    return told["figure"], told["remarks"]


@pytest.mark.parametrize(("old", "new"), [
    ({"type": "heatmapgl", "z": [[1]]}, {"type": "heatmap", "z": [[1]]}),
    ({"type": "pointcloud", "xy": [1, 2, 3, 4]}, {"type": "scattergl", "x": [1, 3], "y": [2, 4], "mode": "markers"}),
    ({"type": "scattermapbox", "lat": [1], "subplot": "mapbox2"}, {"type": "scattermap", "lat": [1], "subplot": "map2"}),
    ({"type": "densitymapbox", "lat": [1]}, {"type": "densitymap", "lat": [1]}),
    ({"type": "bar", "y": [1], "name": "n"}, {"type": "bar", "y": [1], "name": "n"}),
])  # fmt: skip
def test_old_types_get_their_present_names(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert drawn(old)[0]["data"] == [new]


def test_titles_hold_what_stood_beside_them() -> None:
    bar = {"title": "°C", "titleside": "right", "titlefont": {"size": 9}}
    figure, _ = drawn(
        {"y": [1], "marker": {"colorbar": bar}}, title="T", titlefont={"size": 30}, xaxis={"titlefont": {"color": "red"}}
    )

    assert figure["data"][0]["marker"]["colorbar"] == {"title": {"text": "°C", "side": "right", "font": {"size": 9}}}
    assert figure["layout"] == {"title": {"text": "T", "font": {"size": 30}}, "xaxis": {"title": {"font": {"color": "red"}}}}


def test_what_the_present_name_says_counts_more_than_the_old_one() -> None:
    figure, _ = drawn({"y": [1]}, title={"text": "T", "font": {"size": 20}}, titlefont={"size": 30, "color": "red"})

    assert figure["layout"]["title"] == {"text": "T", "font": {"size": 20, "color": "red"}}


def test_the_street_map_goes_and_the_place_that_it_shows_stays() -> None:
    tiles = {"source": ["https://tiles.example/{z}/{x}/{y}.png"], "sourcetype": "raster"}
    shapes = {"source": {"type": "FeatureCollection", "features": []}}
    figure, remarks = drawn(
        {"type": "scattermapbox", "lat": [1], "lon": [2], "mode": "markers+text"},
        mapbox={"style": "satellite", "accesstoken": "t", "zoom": 4, "layers": [tiles, shapes]},
    )

    shown = figure["layout"]["map"]
    assert shown["zoom"] == 4
    assert shown["style"]["sources"] == {}
    assert shown["layers"] == [shapes]
    assert figure["data"][0]["mode"] == "markers"
    assert [remark.split(",")[0] for remark in remarks] == ["Left out: the texts on the map", "Left out: the street map"]


def test_a_map_without_streets_misses_nothing() -> None:
    assert drawn({"type": "scattermap", "lat": [1], "lon": [2]}, map={"style": "white-bg"})[1] == []


@pytest.mark.parametrize(("data", "layout"), [
    ([{"type": "scattermap", "subplot": 7, "mode": ["text"]}], {"map": {"layers": "x", "style": 5}}),
    ([{"type": "pointcloud", "xy": "x"}, {"type": ["a"]}, {}], {"images": "x", "updatemenus": 3, "template": "t"}),
    ([{"type": "scattergeo", "geo": 3, "locations": "DEU"}], {"geo": "x", "title": 7, "titlefont": "x"}),
])  # fmt: skip
def test_nonsense_hinders_nothing(data: list[Any], layout: dict[str, Any]) -> None:
    assert len(drawn(*data, **layout)[0]["data"]) == len(data)


def test_transforms_are_told() -> None:
    assert drawn({"y": [1], "transforms": [{"type": "filter"}]})[1] == ["Left out: transforms, which plotly.js no longer does."]
