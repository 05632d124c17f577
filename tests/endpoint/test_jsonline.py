import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_tools.endpoint.jsonline import BadLine, mend, parse_line


@pytest.mark.parametrize(
    "word",
    ["NaN", "nan", "NAN", "-nan", "+nan", "nan(ind)", "-nan(0x8000000000000)", "Infinity", "-Infinity", "inf", "INF", "-inf", "+INF",
     "infinity", "ovf", "OVF", "-ovf", "1.#INF", "-1.#IND", "1.#QNAN"],
)  # fmt: skip
def test_a_number_that_is_none_is_a_gap_as_c_and_arduino_write_it(word: str) -> None:
    line, text = parse_line(f'{{"x":1,"y": {word},"z":[{word}, 2,{word} ]}}'.encode())
    assert line == orjson.loads(text) == {"x": 1, "y": None, "z": [None, 2, None]}


@pytest.mark.parametrize("word", ["nan", 'a \\" nan', "x: inf, y", "\\\\", "inf\\\\", ",nan,"])
def test_the_same_words_in_a_text_stay(word: str) -> None:
    line, _ = parse_line(f'{{"{word}":nan,"text":"{word}"}}'.encode())
    assert line == {json.loads(f'"{word}"'): None, "text": json.loads(f'"{word}"')}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb'"\ud800"', "\ufffd"), (rb'"a\uDFFFb"', "a\ufffdb"), (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"), (rb'"\\ud800"', "\\ud800"), (rb'"\\\ud800"', "\\\ufffd"), (b'"\xed\xa0\xbd"', "\ufffd"),
        (b'"\xed\xa0\xbd\xed\xb8\x80"', "\ufffd\ufffd"), ('"\ud7ff"'.encode(), "\ud7ff"),
    ],
)  # fmt: skip
def test_half_a_surrogate_in_a_text_is_told_apart_from_a_whole_one(raw: bytes, text: str) -> None:
    assert parse_line(b'{"text":' + raw + b"}")[0] == {"text": text}


def test_a_bom_before_a_line_goes() -> None:
    assert parse_line(b'\xef\xbb\xbf{"x":1}') == ({"x": 1}, b'{"x":1}')


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"x":\xb0}', "byte 6, 0xB0, looks like Latin-1"),
        ('{"text":"Köln"}'.encode("latin-1"), "looks like Latin-1"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabV", r"compressed \(gzip\): send it as plain text"),
        (b"x\x9c\xabV\xaaP", r"compressed \(zlib\)"),
        ('{"x":1}'.encode("utf-16"), "UTF-16"),
        ('{"x":1}'.encode("utf-16-be"), "UTF-16"),
        (b'{"x":nano}', "at byte 6"),
        (b'{"x":n.nan}', "not JSON"),
        (b'{"x":"nan}', "not JSON"),
        (b'{"x":1e999}', "not JSON"),
    ],
)
def test_what_is_no_json_is_told_what_it_is(raw: bytes, reason: str) -> None:
    with pytest.raises(BadLine, match=f"it is not JSON.*{reason}" if reason != "not JSON" else reason):
        parse_line(raw)


numbers = st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.sampled_from('nainf"\\:,é\U0001f600'))
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=9
)


@given(st.dictionaries(st.sampled_from("xyz"), json_values), st.booleans())
def test_what_is_json_is_never_changed(value: dict[str, Any], ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert mend(raw) == raw


@given(st.dictionaries(st.sampled_from("xyz"), st.lists(st.floats() | st.text(st.characters(codec=None)), max_size=4)))
def test_what_python_writes_for_floats_and_texts_is_taken(value: dict[str, list[Any]]) -> None:
    def plain(item: Any) -> Any:
        if isinstance(item, float):
            return item if item - item == 0 else None
        return item.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    line, _ = parse_line(json.dumps(value).encode())
    assert line == {key: [plain(item) for item in items] for key, items in value.items()}
