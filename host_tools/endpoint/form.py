"""The body of a v1 request: a urlencoded form, or the unencoded look-alike that several clients send."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from .errors import Refusal

Fields = dict[str, Any]
"""Text by field name; `args` and `kwargs` are JSON values already."""

_JSON_FIELDS = ("args", "kwargs")
_RAW_ARGS = re.compile(r"(?:^|&)args=\s*[\[{]")
_SPACE = re.compile(r"\s*")
_LONGEST = 256  # bytes of a name or key
_MOST_FIELDS = 100
# A graph option that was never set: what JavaScript's JSON.stringify(undefined) makes of it, and no value at all.
_NOTHING = ("", "undefined")
# Very old clients send NaN as a bare word. Viewers know null alone.
_JSON = json.JSONDecoder(parse_constant=lambda _word: None)


def parse_form(body: bytes) -> Fields:
    """Raises Refusal(400) that names the field at fault."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the request's body is not UTF-8 (byte {error.start})") from None
    return _raw_form(text) if _RAW_ARGS.search(text) else _encoded_form(text)


def credentials_in(body: bytes) -> tuple[str, str]:
    """`un` and `key`, found without looking at the rest: who has no key must not have megabytes parsed.

    They stand before `args`, where no text can pretend to be one of them, or in their last place. Empty when missing.
    """
    end = body.find(b"args=")
    return _quick(body, b"un", end), _quick(body, b"key", end)


def _quick(body: bytes, name: bytes, end: int) -> str:
    field = b"&" + name + b"="
    if body.startswith(field[1:]):
        start = len(field) - 1
    else:
        at = body.find(field, 0, max(end, 0))
        at = at if at >= 0 else body.rfind(field)
        if at < 0:
            return ""
        start = at + len(field)
    value = body[start : start + _LONGEST].partition(b"&")[0]
    return unquote_plus(value.decode("utf-8", "replace")).strip()


def _encoded_form(text: str) -> Fields:
    try:
        fields: Fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise Refusal(400, f"the form has more than {_MOST_FIELDS} fields") from None
    for name in _JSON_FIELDS:
        if name in fields:
            fields[name] = _value(name, fields[name].strip())
    return fields


def _value(name: str, text: str) -> Any:
    if text in _NOTHING:
        return None
    value, end = _decode(name, text, 0)
    if end != len(text):
        raise Refusal(400, f"{name} is not JSON: something follows the value at character {end}")
    return value


def _raw_form(text: str) -> Fields:
    """npm's plotly and the Arduino library encode nothing: their JSON may hold & + % and =, so it is taken as it stands."""
    fields: Fields = {}
    at = 0
    while (equals := text.find("=", at)) >= 0:
        name, start = text[at:equals], equals + 1
        if name in _JSON_FIELDS and text.startswith(("[", "{"), _skip_space(text, start)):
            fields[name], end = _raw_json(name, text, start)
        else:
            end = _field_end(text, start)
            value = text[start:end].strip()
            fields[name] = _value(name, value) if name in _JSON_FIELDS else value
        at = end + 1
    return fields


def _raw_json(name: str, text: str, start: int) -> tuple[Any, int]:
    value, end = _decode(name, text, _skip_space(text, start))
    end = _skip_space(text, end)
    if text[end : end + 1] not in ("", "&"):
        raise Refusal(400, f"{name} is not JSON: something follows the value at character {end - start}")
    return value, end


def _decode(name: str, text: str, start: int) -> tuple[Any, int]:
    try:
        return _JSON.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise Refusal(400, f"{name} is not JSON: {error.msg} at character {error.pos - start}") from None
    except (ValueError, RecursionError):
        raise Refusal(400, f"{name} is JSON that no plot needs: nested too deeply, or a number of thousands of digits") from None


def _skip_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    assert match is not None
    return match.end()


def _field_end(text: str, start: int) -> int:
    end = text.find("&", start)
    return len(text) if end < 0 else end
