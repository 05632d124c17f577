"""POST /v2/tokens: stream tokens by name, for those who have the API key."""

from typing import Any

import pytest

from tests.endpoint.rest.conftest import Call, basic


def tokens(call: Call, *names: str) -> list[dict[str, Any]]:
    status, answer = call("POST", "/v2/tokens", {"names": list(names)})
    assert status == 200, answer
    told: list[dict[str, Any]] = answer["tokens"]
    return told


def test_a_name_gets_a_token_and_finds_it_again(call: Call) -> None:
    first = tokens(call, "a", "b")
    assert [each["name"] for each in first] == ["a", "b"]
    assert len({each["token"] for each in first}) == 2
    assert [each["plot"] for each in first] == [None, None]
    assert tokens(call, "b", "a") == first[::-1]


def test_a_token_that_feeds_a_plot_tells_where_it_is(call: Call) -> None:
    (made,) = tokens(call, "a")
    status, answer = call("POST", "/v2/plots", {"figure": {"data": [{"y": [], "stream": {"token": made["token"]}}]}})
    assert status == 201, answer
    assert tokens(call, "a") == [{**made, "plot": f"/~me/{answer['file']['fid'].partition(':')[2]}"}]


def test_strangers_get_none(call: Call, stranger: dict[str, str]) -> None:
    assert call("POST", "/v2/tokens", {"names": ["a"]}, {})[0] == 401
    assert call("POST", "/v2/tokens", {"names": ["a"]}, basic("me", "wrong"))[0] == 403
    (mine,) = tokens(call, "a")
    _, answer = call("POST", "/v2/tokens", {"names": ["a"]}, stranger)
    assert answer["tokens"][0]["token"] != mine["token"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "names must be a list of 1 to 200 names"),
        ({"names": []}, "names must be a list of 1 to 200 names"),
        ({"names": "a"}, "names must be a list of 1 to 200 names"),
        ({"names": [5]}, "each name must be a text of 1 to 200 characters"),
        ({"names": [""]}, "each name must be a text of 1 to 200 characters"),
        ({"names": ["x" * 201]}, "each name must be a text of 1 to 200 characters"),
    ],
)
def test_a_clients_fault_is_told(call: Call, body: Any, message: str) -> None:
    status, answer = call("POST", "/v2/tokens", body)
    assert (status, answer["errors"][0]["message"]) == (400, message)
