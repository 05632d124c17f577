"""What stands on the tiles above a plot: numbers, units and names as a person writes them."""

import pytest

from tests.endpoint.viewer.node import evaluate


@pytest.mark.parametrize(("values", "text"), [
    ([12345682], "12345682"),
    ([50.5, 50], "50.0"),
    ([20.5, 21.25], "21.25"),
    ([21.25, 20.5], "20.50"),
    ([21.299999237060547], "21.3"),
    ([0.1 + 0.2], "0.3"),
    ([7], "7"),
    ([0], "0"),
    ([-0.25], "-0.25"),
    ([0.00012], "0.00012"),
    ([1e-9], "1e-9"),
    ([1.5e300], "1.5e+300"),
    ([1, None], "\N{EN DASH}"),
    ([], "\N{EN DASH}"),
    (["open"], "open"),
])  # fmt: skip
def test_a_reading_has_the_digits_of_its_neighbours(values: list[object], text: str) -> None:
    assert evaluate("words.reading(given)", "words", given=values) == text


def test_units_are_told_from_names() -> None:
    units = ("°C", "km/h", "µg/m³", "m/s²", "%", "dBm", "kWh", "1/min")
    names = ("ADC", "Level (ADC)", "CO2", "pH", "T", "RSSI", "in/out", "x", "Temperature", "", "1")
    titles = dict.fromkeys(names, "") | {each: each for each in units}
    titles |= {"Inside (°C)": "°C", "Air [hPa]": "hPa", "Flow (drops)": "drops"}

    assert evaluate("given.map(words.unit)", "words", given=list(titles)) == list(titles.values())


@pytest.mark.parametrize(("text", "plain"), [
    ("p<0.05, q>3", "p<0.05, q>3"),
    ("<b>Inside</b><br>now", "Insidenow"),
    ('<span style="color:red">red</span>', "red"),
    ("CO<sub>2</sub>", "CO2"),
    ("a < b > c", "a < b > c"),
    ("<i", "<i"),
])  # fmt: skip
def test_only_what_plotly_takes_for_markup_is_left_out_of_a_name(text: str, plain: str) -> None:
    assert evaluate("words.plain(given)", "words", given=text) == plain
