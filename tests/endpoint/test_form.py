"""The body of a v1 request, in all the shapes that clients give it."""

import json
from contextlib import suppress
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.form import credentials_in, parse_form

TRACES = [{"x": [], "y": [1.5, None], "name": "50 % & more = 100 + 1", "stream": {"token": "abcdefghij", "maxpoints": 30}}]
OPTIONS = {"filename": "a&args=[b", "fileopt": "overwrite", "layout": {"title": "°C & more"}, "world_readable": True}
TEXTS = {"un": "demo", "key": "bcdefghijk", "origin": "plot", "platform": "nodejs", "version": "1.0.6"}


def raw(**fields: str) -> bytes:
    return "&".join(f"{name}={value}" for name, value in fields.items()).encode()


def test_a_urlencoded_form_is_decoded() -> None:
    body = urlencode({**TEXTS, "args": json.dumps(TRACES), "kwargs": json.dumps(OPTIONS)}).encode()

    assert parse_form(body) == {**TEXTS, "args": TRACES, "kwargs": OPTIONS}


@pytest.mark.parametrize("order", ["un args kwargs key", "args kwargs un key", "kwargs un key args"])
def test_an_unencoded_body_is_taken_as_it_stands_in_any_order(order: str) -> None:
    fields = {"un": "demo", "key": "bcdefghijk", "args": json.dumps(TRACES), "kwargs": json.dumps(OPTIONS, ensure_ascii=False)}

    assert parse_form(raw(**{name: fields[name] for name in order.split()})) == {
        "un": "demo", "key": "bcdefghijk", "args": TRACES, "kwargs": OPTIONS,
    }  # fmt: skip


def test_percent_and_plus_in_an_unencoded_body_stand_for_themselves() -> None:
    assert parse_form(b'key=a%20b&args=[{"name":"100%25+1"}]') == {"key": "a%20b", "args": [{"name": "100%25+1"}]}


def test_line_ends_after_the_body_do_no_harm() -> None:
    assert parse_form(b'args=[{}]&kwargs={"filename": "x"}\r\n') == {"args": [{}], "kwargs": {"filename": "x"}}
    assert parse_form(b"args=[]&un=demo\r\n")["un"] == "demo"


@pytest.mark.parametrize("nothing", ["", "undefined"])
def test_options_that_were_never_set_are_none(nothing: str) -> None:
    assert parse_form(f"args=[]&kwargs={nothing}".encode())["kwargs"] is None
    assert parse_form(f"args=%5B%5D&kwargs={nothing}".encode())["kwargs"] is None


def test_a_bare_nan_is_null() -> None:
    assert parse_form(b'args=[{"y": [NaN, -Infinity, 1]}]')["args"] == [{"y": [None, None, 1]}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'args=[{"x": [}]&un=demo', "args is not JSON: Expecting value at character 8"),
        (b"args=%5B1%2C", "args is not JSON: Expecting value at character 3"),
        (b"args=[1]]&un=demo", "args is not JSON: something follows the value at character 3"),
        (b"args=%5B1%5D%5D", "args is not JSON: something follows the value at character 3"),
        (b"args=[]&kwargs=text", "kwargs is not JSON: Expecting value at character 0"),
        (b"args=" + b"[" * 100_000, "args is JSON that no plot needs"),
        (b"args=[" + b"9" * 5000 + b"]", "args is JSON that no plot needs"),
        (b"un=\xff&args=[]", "the request's body is not UTF-8 (byte 3)"),
    ],
)
def test_a_bad_body_is_refused_by_the_name_of_its_field(body: bytes, message: str) -> None:
    with pytest.raises(Refusal) as refusal:
        parse_form(body)

    assert refusal.value.status == 400
    assert refusal.value.message.startswith(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(JSON), st.dictionaries(st.text(), JSON))
def test_both_shapes_of_a_body_give_the_same(args: list[object], kwargs: dict[str, object]) -> None:
    texts = {"args": json.dumps(args), "kwargs": json.dumps(kwargs)}
    encoded = "&".join(f"{name}={quote_plus(text)}" for name, text in texts.items()).encode()

    assert parse_form(raw(**texts)) == parse_form(encoded) == {"args": args, "kwargs": kwargs}


@given(st.binary(), st.sampled_from([b"", b"args=", b"args=[", b"args=[]&kwargs={"]))
def test_no_bytes_make_it_fail_otherwise_than_by_a_refusal(body: bytes, start: bytes) -> None:
    with suppress(Refusal):
        parse_form(start + body)


@pytest.mark.parametrize(
    "body",
    [
        b"un=ann&key=abc&origin=plot&args=[]&kwargs={}",
        b'version=2&un=ann&key=abc&args=[{"name": "&un=eve&key=no"}]&kwargs={"t": "&key=no"}',
        b'args=[{"name": "&un=eve&key=no"}]&kwargs={}&un=ann&key=abc',
        b"args=%5B%5D&un=ann&key=abc&kwargs=%7B%7D\r\n",
        b"origin=plot&un=a%6En&key=abc\r\n",
    ],
)
def test_who_sends_a_form_is_found_without_parsing_it(body: bytes) -> None:
    assert credentials_in(body) == ("ann", "abc")


@pytest.mark.parametrize(
    ("body", "found"), [(b"", ("", "")), (b"un=ann", ("ann", "")), (b"xun=ann&args=[]&key=\xff", ("", "\ufffd"))]
)
def test_what_a_form_does_not_say_is_empty(body: bytes, found: tuple[str, str]) -> None:
    assert credentials_in(body) == found


def test_a_name_that_is_longer_than_any_is_cut() -> None:
    assert len(credentials_in(b"un=" + b"x" * 1_000_000)[0]) < 1000


def test_a_form_of_a_million_fields_is_refused() -> None:
    with pytest.raises(Refusal, match="more than 100 fields"):
        parse_form(b"un=ann" + b"&a" * 1_000_000)
