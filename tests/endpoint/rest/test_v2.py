"""REST v2 where its clients do not go: faults, strangers, limits, and the state of streams around the trash."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from host_tools.endpoint.attempts import LIMIT
from tests.endpoint.rest.conftest import Call, basic
from tests.plotly_client import PlotlyClient

FIGURE = {"figure": {"data": [{"y": [1, 2]}], "layout": {}}}
GRID = {"data": {"cols": {"b": {"data": [2], "order": 1}, "a": {"data": [1], "order": 0}}}}


def made(call: Call, resource: str, body: dict[str, Any]) -> str:
    """The address under /v2/ of a new file."""
    status, answer = call("POST", f"/v2/{resource}", body)
    assert status == 201, answer
    return f"/v2/{resource}/{answer['file']['fid']}"


FAULTS = [
    ("not JSON", "POST", "/v2/plots", b"{", 400, "the request is not JSON"),
    ("no object", "POST", "/v2/plots", b"[]", 400, "the request must be a JSON object"),
    ("no figure", "POST", "/v2/plots", {}, 400, "figure must be an object with data and layout"),
    ("data no list", "POST", "/v2/plots", {"figure": {"data": 5}}, 400, "the data of a plot must be a list of traces"),
    ("layout a list", "POST", "/v2/plots", {"figure": {"layout": [1]}}, 400, "the layout of a plot must be an object"),
    ("frames a text", "POST", "/v2/plots", {"figure": {"frames": "x"}}, 400, "the data of a plot must be a list of traces"),
    ("filename a number", "POST", "/v2/plots", FIGURE | {"filename": 5}, 400, "filename and parent_path must be text"),
    ("empty folder", "POST", "/v2/plots", FIGURE | {"filename": "a//b"}, 400, "a filename has 1 to 300 characters"),
    ("long filename", "POST", "/v2/plots", FIGURE | {"filename": "x" * 301}, 400, "a filename has 1 to 300 characters"),
    ("reference", "POST", "/v2/plots", {"figure": {"data": [{"xsrc": "me:1:a"}]}}, 400, "xsrc is 'me:1:a', but there is no"),
    ("no reference", "POST", "/v2/plots", {"figure": {"data": [{"xsrc": "TBD"}]}}, 400, "xsrc is 'TBD', but there is no"),
    ("no columns", "POST", "/v2/grids", {"data": {}}, 400, "cols must be an object or a list of columns"),
    ("no grid", "POST", "/v2/grids", {}, 400, "data must be an object with cols"),
    ("column a number", "POST", "/v2/grids", {"data": {"cols": [5]}}, 400, "a column needs a name"),
    ("columns no JSON", "POST", "/v2/grids", {"data": {"cols": "["}}, 400, "cols is not JSON"),
    ("folder a list", "POST", "/v2/folders", {"path": []}, 400, "path must be text"),
    ("no folder", "POST", "/v2/folders", {"path": "/"}, 400, "a filename has 1 to 300 characters"),
    ("unknown file", "GET", "/v2/files/me:999", None, 404, "there is no file me:999 here"),
    ("unknown user", "GET", "/v2/files/lookup?path=a&user=nobody", None, 404, "nobody has no file 'a'"),
    ("unknown path", "GET", "/v2/nothing/here", None, 404, "there is nothing at /v2/nothing/here"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_a_clients_fault_is_told_in_errors(call: Call, method: str, path: str, body: Any, status: int, message: str) -> None:
    told, answer = call(method, path, body)

    assert told == status
    assert answer["errors"][0]["message"].startswith(message)


def test_nobody_is_asked_for_a_password_by_their_browser(client: PlotlyClient) -> None:
    response, answer = client.get("/v2/users/current")

    assert response.status == 401
    assert "API key" in json.loads(answer)["errors"][0]["message"]
    assert "basic" not in response.headers["www-authenticate"].lower().split()


def test_a_guesser_is_not_told_to_try_again(call: Call) -> None:
    """429 would make chart-studio send the same wrong key for three minutes."""
    answers = [call("GET", "/v2/users/current", headers=basic("victim", "aaaaaaaaaa")) for _ in range(LIMIT + 1)]

    assert {status for status, _ in answers} == {403}
    assert answers[-1][1]["errors"][0]["message"].startswith("too many wrong API keys")


@pytest.mark.parametrize("header", ["Basic %%%", "Basic \xff", "Basic //79"])
def test_a_broken_authorization_is_refused(call: Call, header: str) -> None:
    status, answer = call("GET", "/v2/users/current", headers={"authorization": header})

    assert status == 403
    assert "base64" in answer["errors"][0]["message"]


def test_a_proxys_authorization_is_left_alone(client: PlotlyClient, call: Call) -> None:
    own = basic(client.user.name, client.key)["authorization"]
    headers = basic("proxy", "secret") | {"plotly-authorization": own}

    assert call("GET", "/v2/users/current", headers=headers) == (200, {"username": client.user.name})


@pytest.mark.parametrize("resource", ["plots", "grids"])
def test_a_stranger_sees_what_is_public_and_changes_nothing(call: Call, stranger: dict[str, str], resource: str) -> None:
    body = FIGURE if resource == "plots" else GRID
    public, private = made(call, resource, body), made(call, resource, body | {"world_readable": False})

    assert call("GET", public, headers=stranger)[0] == 200
    assert call("GET", f"{public}/content", headers={})[0] == 200
    assert call("GET", private, headers=stranger)[0] == 404
    assert call("GET", f"{private}/content", headers={})[0] == 404
    for method, path in (("PUT", public), ("DELETE", public), ("POST", f"{public}/trash")):
        assert call(method, path, {}, headers=stranger)[0] == 403
        assert call(method, path, {}, headers={})[0] == 401


def test_a_strangers_grid_is_drawn_only_if_it_is_public(call: Call, stranger: dict[str, str]) -> None:
    for readable, status in ((True, 201), (False, 400)):
        _, answer = call("POST", "/v2/grids", GRID | {"world_readable": readable})
        reference = f"{answer['file']['fid']}:{answer['file']['cols'][0]['uid']}"
        assert call("POST", "/v2/plots", {"figure": {"data": [{"ysrc": reference}]}}, headers=stranger)[0] == status


def test_the_key_of_a_secret_plot_is_for_its_owner(call: Call, stranger: dict[str, str]) -> None:
    path = made(call, "plots", FIGURE | {"world_readable": False, "share_key_enabled": True})
    share_key = call("GET", path)[1]["share_key"]

    status, seen = call("GET", f"{path}?share_key={share_key}", headers=stranger)
    assert status == 200
    assert "share_key" not in seen
    assert call("GET", f"{path}?share_key=wrong", headers=stranger)[0] == 404


def test_stream_tokens_are_told_to_nobody(client: PlotlyClient, call: Call) -> None:
    token = client.token()
    path = made(call, "plots", {"figure": {"data": [{"y": [], "stream": {"token": token, "maxpoints": 9}}]}})

    assert call("GET", f"{path}/content?inline_data=true")[1]["data"] == [{"y": [], "stream": {"maxpoints": 9}}]


def test_a_filename_holds_one_file(call: Call) -> None:
    made(call, "plots", FIGURE | {"filename": "one"})

    for resource, body in (("plots", FIGURE), ("grids", GRID)):
        status, answer = call("POST", f"/v2/{resource}", body | {"filename": "one"})
        assert (status, answer) == (409, {"errors": [{"message": "a plot named 'one' already exists"}]})
    assert call("POST", "/v2/folders", {"path": "one"})[0] == 400
    assert call("POST", "/v2/plots", FIGURE | {"filename": "below", "parent_path": "one"})[0] == 400


def test_a_fault_in_the_figure_is_told_before_the_name(call: Call) -> None:
    """chart-studio creates what it could not update, and tells the second answer only."""
    made(call, "plots", FIGURE | {"filename": "twice"})

    status, answer = call("POST", "/v2/plots", {"figure": {"data": 5}, "filename": "twice"})

    assert (status, answer["errors"][0]["message"]) == (
        400,
        "the data of a plot must be a list of traces, and each trace an object",
    )


def test_a_plot_is_renamed_and_keeps_its_figure_and_audience(call: Call) -> None:
    path = made(call, "plots", FIGURE | {"filename": "old", "world_readable": False})

    status, told = call("PUT", path, {"filename": "new", "parent_path": "moved"})

    assert (status, told["path"], told["world_readable"], told["share_key_enabled"]) == (200, "moved/new", False, False)
    assert call("GET", "/v2/files/lookup?path=moved/new")[1]["fid"] == told["fid"]
    assert call("GET", "/v2/files/lookup?path=old")[0] == 404
    assert call("GET", f"{path}/content")[1]["data"] == [{"y": [1, 2]}]


def test_the_content_without_its_data_has_references_only(call: Call) -> None:
    _, grid = call("POST", "/v2/grids", GRID)
    references = [f"{grid['file']['fid']}:{column['uid']}" for column in grid["file"]["cols"]]
    trace = {"xsrc": references[0], "z": [[9]], "zsrc": ",".join(references), "marker": {"sizesrc": references[1]}}
    path = made(call, "plots", {"figure": {"data": [trace]}})

    assert call("GET", f"{path}/content")[1]["data"] == [{key: value for key, value in trace.items() if key != "z"}]
    [full] = call("GET", f"{path}/content?inline_data=true")[1]["data"]
    assert (full["x"], full["z"], full["marker"]["size"]) == ([1], [[1], [2]], [2])


@pytest.mark.parametrize("fid", ["999", "9" * 25])
def test_a_reference_to_a_grid_that_is_gone_gives_way_to_the_data(call: Call, fid: str) -> None:
    path = made(call, "plots", {"figure": {"data": [{"x": [5], "xsrc": f"me:{fid}:abc"}]}})

    assert call("GET", f"{path}/content")[1]["data"] == [{"x": [5]}]


@pytest.mark.parametrize(("resource", "body"), [("plots", {"figure": {}}), ("grids", GRID)])
def test_a_file_without_a_name_is_called_by_its_number(call: Call, resource: str, body: dict[str, Any]) -> None:
    file = call("POST", f"/v2/{resource}", body)[1]["file"]

    assert file["filename"] == f"{file['filetype']} {file['fid'].partition(':')[2]}"


def test_a_folder_without_a_name_is_refused_though_a_plot_needs_none(call: Call) -> None:
    made(call, "plots", {"figure": {"data": []}})

    status, answer = call("POST", "/v2/folders", {"path": "/"})

    assert status == 400
    assert answer["errors"][0]["message"].startswith("a filename has 1 to 300 characters")


def test_rows_that_do_not_fit_change_nothing(call: Call) -> None:
    path = made(call, "grids", GRID)

    assert call("POST", f"{path}/row", {"rows": [[1, 2], [3]]})[0] == 400
    assert [column["data"] for column in call("GET", f"{path}/content")[1]["cols"].values()] == [[1], [2]]


def test_a_column_that_is_there_already_changes_nothing(call: Call) -> None:
    path = made(call, "grids", GRID)

    status, answer = call("POST", f"{path}/col", {"cols": [{"name": "c", "data": []}, {"name": "a", "data": []}]})

    assert status == 400
    assert "already" in answer["errors"][0]["message"]
    assert list(call("GET", f"{path}/content")[1]["cols"]) == ["a", "b"]


def test_short_columns_are_filled_up_before_rows_are_added(call: Call) -> None:
    path = made(call, "grids", {"data": {"cols": [{"name": "long", "data": [1, 2]}, {"name": "short", "data": []}]}})

    assert call("POST", f"{path}/row", {"rows": [[3, 4]]})[0] == 201
    assert call("GET", f"{path}/content")[1]["cols"]["short"]["data"] == ["", "", 4]


def test_a_grid_that_changes_leaves_what_was_streamed(client: PlotlyClient, call: Call) -> None:
    token = client.token()
    _, grid = call("POST", "/v2/grids", {"data": {"cols": [{"name": "empty", "data": []}]}})
    fid, uid = grid["file"]["fid"], grid["file"]["cols"][0]["uid"]
    trace = {"ysrc": f"{fid}:{uid}", "stream": {"token": token}}
    path = made(call, "plots", {"figure": {"data": [trace, {"ysrc": f"{fid}:{uid}"}]}})
    with client.stream(token) as stream:
        stream.write({"y": 7})
        stream.end()

    call("POST", f"/v2/grids/{fid}/row", {"rows": [[1]]})

    assert [trace["y"] for trace in call("GET", f"{path}/content?inline_data=true")[1]["data"]] == [[7], [1]]


def test_a_plot_in_the_trash_is_fed_no_more_and_comes_back_with_its_points(client: PlotlyClient, call: Call) -> None:
    token = client.token()
    path = made(call, "plots", {"figure": {"data": [{"y": [], "stream": {"token": token}}]}, "filename": "binned"})
    page = path.replace("/v2/plots/", "/~").replace(":", "/")
    with client.stream(token) as stream:
        stream.write({"y": 1})
        assert b" 200 " in stream.end()[:20]

    assert call("POST", f"{path}/trash")[0] == 200
    assert client.get(page)[0].status == 404
    assert b"binned" not in client.get("/")[1]
    with client.stream(token) as stream:
        stream.write({"y": 2})
        assert b" 403 " in stream.end()[:20]

    assert call("POST", f"{path}/restore")[0] == 200
    with client.stream(token) as stream:
        stream.write({"y": 3})
        assert b" 200 " in stream.end()[:20]
    assert client.figure(page)["data"][0]["y"] == [1, 3]


def test_a_token_that_feeds_another_plot_meanwhile_stays_there(client: PlotlyClient, call: Call) -> None:
    token = client.token()
    body = {"figure": {"data": [{"y": [], "stream": {"token": token}}]}}
    path = made(call, "plots", body)
    call("POST", f"{path}/trash")
    other = made(call, "plots", body)

    call("POST", f"{path}/restore")
    with client.stream(token) as stream:
        stream.write({"y": 5})
        stream.end()

    data = [call("GET", f"{each}/content")[1]["data"][0] for each in (path, other)]
    assert [trace["y"] for trace in data] == [[], [5]]


@pytest.mark.parametrize("resource", ["plots", "grids"])
def test_what_is_in_the_trash_does_not_change(client: PlotlyClient, call: Call, resource: str) -> None:
    path = made(call, resource, FIGURE if resource == "plots" else GRID)
    call("POST", f"{path}/trash")
    stream = {"y": [], "stream": {"token": client.token()}}

    for body in ({"figure": {"data": [stream]}}, {"metadata": 5}, {"filename": "renamed"}):
        status, answer = call("PUT", path, body)
        assert status == 409
        assert answer["errors"][0]["message"].endswith("is in the trash: restore it first")


def test_a_plot_becomes_secret_afterwards_as_the_old_sdks_ask_for_it(call: Call) -> None:
    path = made(call, "plots", FIGURE).replace("/plots/", "/files/")

    told = call("PUT", path, {"share_key_enabled": True, "world_readable": False})[1]

    assert told["share_key_enabled"] is True
    assert call("GET", path)[1]["share_key"] == told["share_key"]


def test_a_name_that_was_given_away_must_be_free_for_a_plot_to_come_back(call: Call) -> None:
    path = made(call, "plots", FIGURE | {"filename": "given away"})
    call("POST", f"{path}/trash")
    made(call, "plots", FIGURE | {"filename": "given away"})

    status, answer = call("POST", f"{path}/restore")

    assert (status, answer["errors"][0]["message"]) == (
        409, "a plot named 'given away' already exists: rename or delete it first",
    )  # fmt: skip


def test_a_folder_goes_with_what_is_in_it_and_not_with_what_was_put_there_later(call: Call) -> None:
    inside = made(call, "plots", FIGURE | {"filename": "in", "parent_path": "house/attic"})
    folder = f"/v2/folders/{call('GET', '/v2/files/lookup?path=house')[1]['fid']}"

    assert call("POST", f"{folder}/trash")[0] == 200
    assert call("GET", f"{inside}/content")[0] == 404
    later = made(call, "plots", FIGURE | {"filename": "in", "parent_path": "house/attic"})
    assert call("DELETE", f"{folder}/permanent_delete")[0] == 204

    assert [call("GET", path)[0] for path in (folder, inside, later)] == [404, 404, 200]


def test_files_survive_a_restart(client: PlotlyClient, call: Call) -> None:
    grid = made(call, "grids", GRID | {"filename": "lasting"})
    trashed = made(call, "plots", FIGURE)
    call("POST", f"{trashed}/trash")

    client.endpoint.kill()
    client.endpoint.start()

    assert call("GET", "/v2/files/lookup?path=lasting")[1]["fid"] == grid.rpartition("/")[2]
    assert call("GET", trashed)[1]["deleted"] is True


def test_addresses_begin_with_the_name_that_the_client_used(client: PlotlyClient, call: Call) -> None:
    headers = basic(client.user.name, client.key) | {"host": "plots.example:81"}

    _, answer = call("POST", "/v2/plots", FIGURE, headers=headers)

    assert answer["file"]["web_url"].startswith("http://plots.example:81/~")
    assert urlsplit(answer["file"]["web_url"]).path.endswith("/")
