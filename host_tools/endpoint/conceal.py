"""Takes stream tokens out of what leaves the endpoint, wherever they stand in it."""

import re
from collections.abc import Container, Iterable
from typing import TypeVar

import orjson

T = TypeVar("T")

_BLOT = b"*" * 10
_NAMED = re.compile(rb'token":"([a-z0-9]{10})"')  # "token", also "streamtoken" and "stream.token"
_SHAPED = re.compile(rb'"([a-z0-9]{10})"')


def conceal(value: T, registered: Container[str], fed: Iterable[str] = ()) -> T:
    """A JSON value without tokens: those that feed the plot anywhere in a text, others where they are a text of their own.

    What is called a token counts as one, also if it is not registered.
    """
    text = orjson.dumps(value)
    hidden = conceal_text(text, registered, fed)
    return value if hidden == text else orjson.loads(hidden)


def conceal_text(text: bytes, registered: Container[str], fed: Iterable[str] = ()) -> bytes:
    """The same for what is JSON already."""
    secrets = {found for found in _SHAPED.findall(text) if found.decode() in registered}
    secrets.update(_NAMED.findall(text), (token.encode() for token in fed))
    for secret in secrets:
        text = text.replace(secret, _BLOT)
    return text
