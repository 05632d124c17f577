"""Plotly's own Python SDKs before chart-studio, as published: 2.7 and 3.10 make plots by the form of v1, and share them by v2."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.clients import installed
from tests.clients.conftest import execute, find
from tests.plotly_client import PlotlyClient

# Python 3.10 took names away that the SDK of 2018 imports: they are put back, and the SDK's own files stay as they are.
SIGN_IN = """
import collections, collections.abc, json, os, sys, warnings
for name in collections.abc.__all__:
    if not hasattr(collections, name):
        setattr(collections, name, getattr(collections.abc, name))
warnings.simplefilter("ignore")
import plotly
import plotly.plotly as py
import plotly.graph_objs as go
from plotly.grid_objs import Column, Grid

told = json.loads(os.environ["PLOT"])
py.sign_in(told["user"], told["key"], plotly_domain=told["url"], plotly_api_domain=told["url"],
    plotly_streaming_domain="127.0.0.1")
py.Stream.HTTP_PORT = told["port"]
give = lambda value: print(json.dumps(value))
"""

Run = Callable[..., Any]


@pytest.fixture(params=["sdk2", "sdk3"])
def run(request: pytest.FixtureRequest, account: dict[str, Any]) -> Run:
    """Runs what a user would type after signing in; gives what the script passes to give()."""
    name = request.param
    interpreter = find(name, lambda: installed.python(name))

    def run(script: str, **more: Any) -> Any:
        return execute([str(interpreter), "-"], SIGN_IN + script, account | {"name": name} | more, interpreter.parents[1])

    return run


def test_the_very_version_is_used(run: Run, request: pytest.FixtureRequest) -> None:
    assert run("give([told['name'], plotly.__version__])") in (["sdk2", "2.7.0"], ["sdk3", "3.10.0"])


def test_a_plot_is_made_overwritten_and_read_back(run: Run) -> None:
    first, second, y, name = run("""
urls = [py.plot([go.Scatter(x=[1, 2], y=y, name="50 % & a+b °C")], filename=told["name"], auto_open=False)
    for y in ([3, 4], [30, 40])]
figure = py.get_figure(urls[1])
give([*urls, list(figure["data"][0]["y"]), figure["data"][0]["name"]])
""")

    assert first == second
    assert (y, name) == ([30, 40], "50 % & a+b °C")


def test_extend_keeps_the_points_that_are_there(run: Run) -> None:
    y = run("""
for n in (1, 2):
    url = py.plot([go.Scatter(x=[n], y=[n])], filename=told["name"] + " grows", fileopt="extend", auto_open=False)
give(list(py.get_figure(url)["data"][0]["y"]))
""")

    assert y == [1, 2]


def test_private_and_secret_plots_open_to_those_who_may_see_them(run: Run, client: PlotlyClient) -> None:
    private, secret = run("""
give([py.plot([go.Scatter(y=[1])], filename=told["name"] + sharing, sharing=sharing, auto_open=False)
    for sharing in ("private", "secret")])
""")

    path, key = urlsplit(secret).path, urlsplit(secret).query
    assert [client.get(each)[0].status for each in (urlsplit(private).path, path, f"{path}?{key}")] == [404, 404, 200]


def test_a_plot_draws_on_a_grid(run: Run) -> None:
    y = run("""
grid = Grid([Column([1, 2], "a"), Column([3, 4], "b")])
py.grid_ops.upload(grid, told["name"] + " tables/grid", auto_open=False)
url = py.plot([go.Scatter(xsrc=grid[0].id, ysrc=grid[1].id)], filename=told["name"] + " from a grid", auto_open=False)
give(list(py.get_figure(url)["data"][0]["y"]))
""")

    assert y == [3, 4]


def test_a_stream_reaches_its_plot(run: Run, client: PlotlyClient) -> None:
    url = run(
        """
trace = go.Scatter(x=[], y=[], stream=dict(token=told["token"], maxpoints=3))
url = py.plot([trace], filename=told["name"] + " stream", auto_open=False)
stream = py.Stream(told["token"])
stream.open()
for n in range(5):
    stream.write(dict(x=n, y=float("nan") if n == 3 else n))
stream.close()
give(url)
""",
        token=client.token(),
    )

    [trace] = client.figure(urlsplit(url).path)["data"]
    assert (trace["x"], trace["y"]) == ([2, 3, 4], [2, None, 4])
