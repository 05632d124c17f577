"""chart-studio 1.1.0, as published: everything it does with plots, grids, files, pictures and streams."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.clients import installed
from tests.clients.conftest import execute, find
from tests.plotly_client import PlotlyClient

SIGN_IN = """
import json, os, sys
import chart_studio.plotly as py
import plotly.graph_objs as go
from chart_studio.api import v2
from chart_studio.exceptions import PlotlyRequestError
from chart_studio.grid_objs import Column, Grid

told = json.loads(os.environ["PLOT"])
py.sign_in(told["user"], told["key"], plotly_domain=told["url"], plotly_api_domain=told["url"],
    plotly_streaming_domain="127.0.0.1", auto_open=False)
py.Stream.HTTP_PORT = told["port"]
fid_of = lambda url: told["user"] + ":" + url.split("?")[0].rstrip("/").split("/")[-1]
give = lambda value: print(json.dumps(value))
"""

Run = Callable[..., Any]


@pytest.fixture
def run(account: dict[str, Any]) -> Run:
    """Runs what a user would type after signing in; gives what the script passes to give()."""
    interpreter = find("chart-studio", lambda: installed.python("chart_studio"))

    def run(script: str, **more: Any) -> Any:
        return execute([str(interpreter), "-"], SIGN_IN + script, account | more, interpreter.parents[1])

    return run


def test_a_plot_is_made_read_back_and_overwritten_at_the_same_address(run: Run, client: PlotlyClient) -> None:
    told = run("""
first = py.plot([go.Scatter(x=[1, 2], y=[3, 4], marker=dict(size=[5, 6]), name="25 °C")], filename="first")
second = py.plot(go.Figure([go.Scatter(x=[1, 2], y=[30, 40])], go.Layout(title="again")), filename="first")
figure = py.get_figure(second)
give([first, second, list(figure.data[0].x), list(figure.data[0].y), figure.layout.title.text])
""")

    first, second, *figure = told
    assert first == second
    assert first.startswith(f"{client.endpoint.url.rstrip('/')}/~{client.user.name}/")
    assert figure == [[1, 2], [30, 40], "again"]
    [shown] = client.figure(urlsplit(first).path.rstrip("/"))["data"]
    assert (shown["x"], shown["y"]) == ([1, 2], [30, 40])
    response, _ = client.get(urlsplit(first).path)
    assert response.status == 307, "the address with a slash at its end leads to the page"


def test_a_wrong_key_fails_to_sign_in(run: Run) -> None:
    told = run("""
try:
    py.sign_in(told["user"], "aaaaaaaaaa", plotly_domain=told["url"], plotly_api_domain=told["url"])
except Exception as error:
    give(str(error))
""")

    assert told == "Sign in failed."


def test_a_private_plot_is_hidden_from_strangers_and_a_secret_one_opens_with_its_key(run: Run, client: PlotlyClient) -> None:
    private, secret, owned = run("""
urls = [py.plot([go.Scatter(y=[1])], filename=sharing, sharing=sharing) for sharing in ("private", "secret")]
give([*urls, py.get_figure(urls[0]).data[0].y])
""")

    assert owned == [1]
    assert client.get(urlsplit(private).path.rstrip("/"))[0].status == 404
    path, key = urlsplit(secret).path, urlsplit(secret).query
    assert client.get(path)[0].status == 404
    assert client.get(f"{path}?{key}")[0].status == 200
    fid = f"{client.user.name}:{path.rpartition('/')[2]}"
    assert client.get(f"/v2/plots/{fid}/content")[0].status == 404
    assert client.get(f"/v2/plots/{fid}/content?{key}")[0].status == 200


def test_a_plot_changes_who_may_see_it_when_it_is_saved_again(run: Run, client: PlotlyClient) -> None:
    urls = run("""
give([py.plot([go.Scatter(y=[1])], filename="sharing", sharing=sharing) for sharing in ("public", "secret", "private")])
""")

    assert len({urlsplit(url).path.rstrip("/") for url in urls}) == 1
    path, key = urlsplit(urls[1]).path, urlsplit(urls[1]).query
    assert client.get(path)[0].status == 404
    assert client.get(f"{path}?{key}")[0].status == 404


def test_a_plot_draws_on_a_grid_and_follows_what_is_added_to_it(run: Run, client: PlotlyClient) -> None:
    before, after, columns, metadata, grid_url = run("""
grid = Grid([Column([1, 2, 3], "time"), Column([4, 2, 5], "voltage")])
grid_url = py.grid_ops.upload(grid, "time vs voltage", auto_open=False, meta={"lab": "B"})
url = py.plot([go.Scatter(xsrc=grid[0], ysrc=grid[1])], filename="from a grid")
data = lambda: [list(py.get_figure(url).data[0].x), list(py.get_figure(url).data[0].y)]
before = data()
py.grid_ops.append_rows([[9, 8]], grid=grid)
after = data()
py.grid_ops.append_columns([Column([7], "extra")], grid=grid)
read = py.get_grid(grid_url)
give([before, after, [[column.name, column.data] for column in read], v2.grids.retrieve(grid.id).json()["metadata"], grid_url])
""")

    assert before == [[1, 2, 3], [4, 2, 5]]
    assert after == [[1, 2, 3, 9], [4, 2, 5, 8]]
    assert columns == [["time", [1, 2, 3, 9]], ["voltage", [4, 2, 5, 8]], ["extra", [7]]]
    assert metadata == {"lab": "B"}
    response, page = client.get(urlsplit(grid_url).path.rstrip("/"))
    assert response.status == 200
    assert b"voltage" in page


def test_columns_are_read_changed_and_deleted(run: Run) -> None:
    told = run("""
grid = Grid([Column([1], "a"), Column([2], "b")])
py.grid_ops.upload(grid, "columns", auto_open=False)
uid = lambda name: grid.get_column_reference(name).split(":")[2]
one = v2.grids.col_retrieve(grid.id, uid("a")).json()["cols"][0]["data"]
v2.grids.col_update(grid.id, uid("a"), {"cols": json.dumps([{"name": "a", "data": [5]}])})
v2.grids.col_delete(grid.id, uid("b"))
give([one, {name: column["data"] for name, column in v2.grids.content(grid.id).json()["cols"].items()}])
""")

    assert told == [[1], {"a": [5]}]


def test_a_grid_is_replaced_by_another_upload_and_deleted(run: Run) -> None:
    told = run("""
def upload(*values):
    grid = Grid([Column(list(values), "a")])
    py.grid_ops.upload(grid, "same", auto_open=False)
    return grid
old, new = upload(1), upload(2)
found = v2.files.lookup("same").json()["fid"]
py.grid_ops.delete(new)
codes = []
for call in (lambda: v2.grids.retrieve(old.id), lambda: v2.grids.retrieve(new.id), lambda: v2.files.lookup("same")):
    try:
        call()
    except PlotlyRequestError as error:
        codes.append(error.status_code)
give([found == new.id, codes])
""")

    assert told == [True, [404, 404, 404]]


def test_folders_are_made_on_the_way_and_found_by_their_path(run: Run) -> None:
    told = run("""
url = py.plot([go.Scatter(y=[1])], filename="rooms/attic/heat")
plot, folder = v2.files.lookup("rooms/attic/heat").json(), v2.folders.lookup("rooms").json()
give([plot["fid"] == fid_of(url), plot["filename"], folder["filetype"],
    py.file_ops.mkdirs("rooms/attic"), py.file_ops.mkdirs("rooms/cellar")])
""")

    assert told == [True, "heat", "fold", 200, 201]


def test_a_file_of_another_kind_is_never_overwritten(run: Run) -> None:
    told = run("""
py.grid_ops.upload(Grid([Column([1], "a")]), "taken", auto_open=False)
try:
    py.plot([dict(type="scatter", y0=1)], filename="taken")
except Exception as error:
    give(str(error).strip())
""")

    assert told.startswith("'taken' is already a grid in your account.")


def test_a_plot_goes_to_the_trash_comes_back_and_goes_for_good(run: Run, client: PlotlyClient) -> None:
    states = run("""
url = py.plot([go.Scatter(y=[1])], filename="thrown away")
fid, states = fid_of(url), []
def state(call):
    try:
        answer = call()
        states.append(answer.json()["deleted"] if answer.content else answer.status_code)
    except PlotlyRequestError as error:
        states.append(error.status_code)
state(lambda: v2.plots.permanent_delete(fid))
state(lambda: v2.plots.trash(fid))
state(lambda: v2.plots.content(fid))
state(lambda: v2.plots.retrieve(fid))
state(lambda: v2.plots.restore(fid))
state(lambda: v2.plots.trash(fid))
state(lambda: v2.plots.permanent_delete(fid))
state(lambda: v2.plots.retrieve(fid))
give(states)
""")

    assert states == [400, True, 404, True, False, True, 204, 404]


def test_a_stream_appends_replaces_and_changes_the_layout(run: Run, client: PlotlyClient) -> None:
    url = run(
        """
stream = dict(token=told["token"], maxpoints=5)
url = py.plot([go.Scatter(x=[], y=[], stream=stream)], filename="stream")
stream = py.Stream(told["token"])
stream.open()
for n in range(7):
    stream.write(dict(x=n, y=n * n))
stream.heartbeat()
stream.write(go.Scatter(marker=dict(size=12)), layout=dict(title="seven"))
stream.close()
give(url)
""",
        token=client.token(),
    )

    figure = client.figure(urlsplit(url).path.rstrip("/"))
    assert figure["data"][0]["x"] == [2, 3, 4, 5, 6]
    assert figure["data"][0]["y"] == [4, 9, 16, 25, 36]
    assert figure["data"][0]["marker"]["size"] == 12
    assert figure["layout"]["title"] == "seven"


def test_an_unregistered_token_is_told_at_once(run: Run) -> None:
    told = run("""
try:
    py.plot([go.Scatter(x=[], y=[], stream=dict(token="notmytoken"))], filename="refused")
except PlotlyRequestError as error:
    give([error.status_code, str(error)])
""")

    assert told[0] == 404
    assert "stream token" in told[1]


def test_an_animation_keeps_its_frames(run: Run, client: PlotlyClient) -> None:
    url = run("""
grid = Grid([Column([0.5], "x"), Column([0.5], "y"), Column([1.5], "x2"), Column([1.5], "y2")])
py.grid_ops.upload(grid, "ping pong grid", auto_open=False)
column = grid.get_column_reference
give(py.create_animations(dict(
    data=[dict(xsrc=column("x"), ysrc=column("y"), mode="markers")],
    layout=dict(title="Ping pong"),
    frames=[dict(data=[dict(xsrc=column("x2"), ysrc=column("y2"), mode="markers")])],
), filename="ping pong"))
""")

    figure = client.figure(urlsplit(url).path.rstrip("/"))
    assert figure["data"][0]["x"] == [0.5]
    assert figure["frames"][0]["data"][0]["y"] == [1.5]


@pytest.mark.parametrize(("format", "start"), [("png", "89504e470d0a1a0a"), ("svg", "3c737667"), ("pdf", "25504446")])
def test_a_picture_is_really_drawn(run: Run, chromium_program: str, format: str, start: str) -> None:
    told = run(
        """
picture = py.image.get(go.Figure([go.Scatter(y=[1, 3, 2])]), format=told["format"], width=300, height=200)
give((picture if isinstance(picture, bytes) else picture.encode())[:24].hex())
""",
        format=format,
    )

    assert told.startswith(start)
    if format == "png":
        assert (int(told[32:40], 16), int(told[40:48], 16)) == (300, 200)


def test_a_picture_in_a_format_that_is_not_made_is_refused_at_once(run: Run) -> None:
    told = run("""
try:
    py.image.get([go.Scatter(y=[1])], format="emf")
except PlotlyRequestError as error:
    give([error.status_code, str(error)])
""")

    assert told == [400, "pictures are made as png, jpeg, webp, svg, pdf, not as 'emf'"]


def test_a_dashboard_is_refused_at_once(run: Run) -> None:
    told = run("""
import chart_studio.dashboard_objs as dashboards
board = dashboards.Dashboard()
board.insert({"type": "box", "boxType": "text", "text": "hello", "title": "a box"})
try:
    py.dashboard_ops.upload(board, "board", auto_open=False)
except Exception as error:
    give(str(error))
""")

    assert told == "there is nothing at /v2/dashboards: this endpoint keeps plots, grids and folders"
