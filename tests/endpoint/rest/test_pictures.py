"""Pictures by REST: who gets them, and what a request says."""

import json
import shutil
from typing import Any
from urllib.parse import urlsplit

import pytest

from host_tools.endpoint.browser import PROGRAMS
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.rest.pictures import parse_short_object
from tests.endpoint.rest.conftest import Call, basic
from tests.plotly_client import PlotlyClient

needs_chromium = pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium: install the package chromium")


@needs_chromium
@pytest.mark.parametrize("name", ["png", "svg"])
def test_a_stored_plot_has_a_picture_beside_its_page(client: PlotlyClient, name: str) -> None:
    path = client.new_plot({"y": [1, 3, 2]}, filename=f"picture {name}")

    response, content = client.get(f"{path}.{name}?width=300&height=200")

    assert response.status == 200
    assert response.headers["content-type"] == {"png": "image/png", "svg": "image/svg+xml"}[name]
    assert "sandbox" in response.headers["content-security-policy"]
    assert content.startswith({"png": b"\x89PNG", "svg": b"<svg"}[name])


def test_a_stranger_gets_no_huge_picture_and_the_owner_no_smaller_one_than_they_need(client: PlotlyClient) -> None:
    path = client.new_plot({"y": [1, 3, 2]}, filename="huge")

    response, text = client.get(f"{path}.png?width=8192&height=8192")

    assert response.status == 400
    assert "6 are the most for who is not logged in" in text.decode()


@needs_chromium
@pytest.mark.parametrize("sharing", ["private", "secret"])
def test_a_hidden_plots_picture_is_hidden_too(client: PlotlyClient, sharing: str) -> None:
    told = client.plot([{"y": [1]}], filename=sharing, sharing=sharing)
    path, query = urlsplit(told["url"]).path, urlsplit(told["url"]).query

    assert client.get(f"{path}.png")[0].status == 404
    assert client.get(f"{path}.png?{query}")[0].status == (200 if sharing == "secret" else 404)


def test_strangers_get_nothing_drawn(call: Call) -> None:
    for path in ("/v2/images", "/apigenimage/"):
        status, answer = call("POST", path, {"figure": {"data": []}}, headers={})
        assert status == 401
        assert "API key" in answer["errors"][0]["message"]


@needs_chromium
@pytest.mark.parametrize("path", ["/v2/images", "/v2/images/", "/apigenimage", "/apigenimage/"])
def test_a_figure_that_is_sent_is_drawn_under_every_address(client: PlotlyClient, path: str) -> None:
    body = json.dumps({"figure": {"data": [{"y": [1]}]}, "format": "svg"}).encode()

    response, content = client.request("POST", path, body, basic(client.user.name, client.key))

    assert (response.status, content[:4]) == (200, b"<svg")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"figure": 5}, "figure must be an object with data and layout"),
        ({"figure": {"data": []}, "format": "emf"}, "pictures are made as png, jpeg, webp, svg, pdf, not as 'emf'"),
        ({"figure": {"data": []}, "width": []}, "width must be a number from 10 to 8192"),
    ],
)
def test_a_clients_fault_is_no_fault_of_the_endpoint(call: Call, body: dict[str, Any], message: str) -> None:
    assert call("POST", "/v2/images", body) == (400, {"errors": [{"message": message}]})


WHOLE = b'{"figure":{"data":[{"name":"\xc2\xb0,\\"format\\":\\"svg\\""}]},"format":"svg","width":300,"height":200}'


@pytest.mark.parametrize(
    ("cut", "options"),
    [
        (0, {"format": "svg", "width": 300, "height": 200}),
        (1, {"format": "svg", "width": "300"}),
        (13, {"format": "svg", "width": "300"}),
        (14, {"format": "svg"}),  # 300 may have been longer
        (26, {}),
        (30, {}),
    ],
)
def test_a_request_of_npms_plotly_may_lack_its_end(cut: int, options: dict[str, Any]) -> None:
    figure = {"data": [{"name": '°,"format":"svg"'}]}

    assert parse_short_object(WHOLE[: len(WHOLE) - cut]) == {"figure": figure, **options}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"figure":{"data":[', b'{"figure":{,"format":"png"', b"\xff"])
def test_a_request_without_a_whole_figure_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal, match=r"JSON|must be a JSON object"):
        parse_short_object(body)
