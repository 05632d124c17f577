"""Wealth and health of nations, year by year: each line replaces whole lists, so the bubbles move. The table is in plotly.py."""

import csv
import gzip
import io
import math
import time
from importlib import resources
from typing import Any

from account import URL, make_plot, steps, tokens
from plotpost import Stream

COLOURS = {"Africa": "#1f77b4", "Americas": "#2ca02c", "Asia": "#d62728", "Europe": "#ff7f0e", "Oceania": "#9467bd"}


def years() -> dict[str, list[dict[str, str]]]:
    """The rows of each year: country, continent, lifeExp in years, pop, gdpPercap in dollars."""
    packed = resources.files("plotly").joinpath("package_data", "datasets", "gapminder.csv.gz").read_bytes()
    table: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(io.StringIO(gzip.decompress(packed).decode())):
        table.setdefault(row["year"], []).append(row)
    return table


def frame(year: str, rows: list[dict[str, str]]) -> dict[str, Any]:
    """One line of the stream: a place, a size and a colour for every country, and the year as the title."""
    return {
        "x": [float(row["gdpPercap"]) for row in rows],
        "y": [float(row["lifeExp"]) for row in rows],
        "text": [row["country"] for row in rows],
        "marker": {
            "size": [math.sqrt(float(row["pop"])) / 300 for row in rows],
            "color": [COLOURS[row["continent"]] for row in rows],
        },
        "layout": {"title": {"text": f"Life expectancy and income in {year}"}},
    }


[token] = tokens(1)
trace = {"x": [], "y": [], "text": [], "mode": "markers", "marker": {"sizemin": 3}, "stream": {"token": token, "maxpoints": 500}}
layout = {
    "xaxis": {"title": {"text": "income a head, dollars"}, "type": "log", "range": [2.3, 5]},
    "yaxis": {"title": {"text": "life expectancy, years"}, "range": [20, 90]},
    "hovermode": "closest",
}
make_plot("bubbles", [trace], layout)

with Stream(URL, token) as stream:
    for year, rows in list(years().items())[: steps(100)]:
        stream.write(frame(year, rows))
        time.sleep(0.5)
