import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.conceal import conceal
from tests.endpoint.core import Core, finish, in_core, next_message
from tests.endpoint.rest.conftest import basic
from tests.plotly_client import PlotlyClient

TOKEN = "ab12cd34ef"
BLOT = "**********"


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ({"frames": [{"data": [{"stream": {"token": TOKEN}}]}]}, {"frames": [{"data": [{"stream": {"token": BLOT}}]}]}),
        ({"args": [{"stream.token": [TOKEN]}]}, {"args": [{"stream.token": [BLOT]}]}),
        ({TOKEN: 1}, {BLOT: 1}),
        ({"text": ["a", TOKEN]}, {"text": ["a", BLOT]}),
    ],
)
def test_a_registered_token_is_taken_out_wherever_it_stands(value: Any, hidden: Any) -> None:
    assert conceal(value, {TOKEN}) == hidden


def test_a_token_that_feeds_the_plot_is_taken_out_of_every_text() -> None:
    assert conceal({"title": f"curl -H plotly-streamtoken:{TOKEN}"}, {}, [TOKEN]) == {
        "title": f"curl -H plotly-streamtoken:{BLOT}"
    }


@pytest.mark.parametrize("key", ["token", "streamtoken", "stream.token"])
def test_what_is_called_a_token_is_taken_out_though_nobody_has_registered_it(key: str) -> None:
    assert conceal({"meta": {key: TOKEN}}, {}) == {"meta": {key: BLOT}}


@pytest.mark.parametrize("value", [{"text": ["greenhouse", "abc", 1234567890]}, {"token": "short"}, {"token": 'a"b'}])
def test_what_is_no_token_stays(value: Any) -> None:
    assert conceal(value, {TOKEN}) is value


# On every way out


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


def test_no_address_of_a_plot_shows_a_token_of_its_frames(client: PlotlyClient) -> None:
    token = client.token()
    stream = {"token": token, "maxpoints": 10}
    figure = {
        "data": [{"y": [1], "stream": stream, "meta": {"stream": stream}}],
        "layout": {"title": {"text": f"token {token}"}, "template": {"data": {"scatter": [{"stream": stream}]}}},
        "frames": [{"name": "a", "data": [{"y": [2], "stream": stream}]}],
    }
    headers = basic(client.user.name, client.key)
    _, made = client.request("POST", "/v2/plots", json.dumps({"figure": figure}).encode(), headers)
    fid = json.loads(made)["file"]["fid"].partition(":")[2]
    name = client.user.name
    for address in (f"/~{name}/{fid}.json", f"/v2/plots/{name}:{fid}/content", f"/apigetfile/{name}/{fid}"):
        for query in ("", "?inline_data=true"):
            response, body = client.get(address + query)
            assert response.status == 200
            assert token not in body.decode(), address
    assert json.loads(client.get(f"/~{name}/{fid}.json")[1])["frames"][0]["data"][0]["y"] == [2]


@in_core
async def test_viewers_are_shown_no_token_neither_at_first_nor_by_a_line(core: Core) -> None:
    info, token = await core.streamed_plot()
    viewer = core.hub.subscribe(info.id)
    assert token not in (await next_message(viewer)).text
    session = core.open(token)
    session.lines(b'{"y":1,"text":"my %b","layout":{"title":{"text":"%b"}}}\n' % (token.encode(), token.encode()))
    assert await finish(session) is None
    while (message := await next_message(viewer))["type"] != "delta":
        pass
    assert "my **********" in message.text
    assert token not in message.text
    viewer.close()


def test_the_owner_keeps_what_they_stored(tmp_path: Path) -> None:
    """What is shown is changed, not what is kept."""

    @in_core
    async def test(core: Core) -> None:
        info, token = await core.streamed_plot()
        assert core.plots.figure(info.id, tokens=True)["data"][0]["stream"]["token"] == token

    test(tmp_path)
