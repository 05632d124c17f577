"""What a REST request carries: its body, who sends it, and the address that its client knows this endpoint by."""

import asyncio
import base64
import gc
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from starlette.requests import Request

from ..errors import Refusal
from ..keys import Keys
from ..store import User

Value = TypeVar("Value")

BODY_LIMIT = 32 << 20
_LARGE = 64 << 10  # bytes of a body that is parsed in a thread, so that streams and pages go on meanwhile


async def read_body(request: Request, grown: Callable[[int], None] = lambda size: None) -> bytes:
    """Raises Refusal(413) above BODY_LIMIT. `grown` is told how large it is already, and may refuse to go on."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > BODY_LIMIT:
            raise Refusal(413, f"the request is larger than {BODY_LIMIT >> 20} MiB: send the data as a stream")
        grown(len(body))
    return bytes(body)


async def parsed(parse: Callable[[bytes], Value], body: bytes) -> Value:
    """What `parse` makes of the body; a large one never holds up the event loop."""
    return parse(body) if len(body) < _LARGE else await asyncio.to_thread(_parse_large, parse, body)


def _parse_large(parse: Callable[[bytes], Value], body: bytes) -> Value:
    """Without the collector: it finds nothing in a value that grows, and takes five times as long as the parser, while nobody else runs."""
    gc.disable()
    try:
        return parse(body)
    finally:
        gc.enable()


async def read_object(request: Request) -> dict[str, Any]:
    """The body's JSON object; no body is an empty one. Raises Refusal: 413, 400. Call it when it is known who asks."""
    return await read_as(request, lambda value: value)


async def read_as(request: Request, make: Callable[[dict[str, Any]], Value]) -> Value:
    """What `make` makes of the body's JSON object, beside the event loop where the body is large. Raises as read_object()."""
    return await parsed(lambda body: make(parse_object(body)), await read_body(request))


def parse_object(body: bytes) -> dict[str, Any]:
    """Raises Refusal(400)."""
    try:
        value = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the request is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refusal(400, "the request must be a JSON object")
    return value


async def authenticate(keys: Keys, name: str, key: str, request: Request) -> User:
    """Raises Refusal(403), also after too many wrong keys: at 429 chart-studio would try again for minutes."""
    try:
        user = await keys.check(name, key, address_of(request))
    except Refusal as refusal:
        raise Refusal(403, refusal.message) from None
    shown: Callable[[], None] | None = request.scope.get("state", {}).get("shown")
    if shown is not None:
        shown()  # the connection is let go for no stranger
    return user


def address_of(request: Request) -> str:
    """Whom limits count."""
    return request.client.host if request.client else ""


async def find_caller(keys: Keys, request: Request) -> User | None:
    """Who sends the request by its headers; None when it names nobody.

    Raises Refusal: 403, and 421 when nobody asks under a name that is not this endpoint's: that may be a browser.
    """
    given = credentials(request)
    if given is not None:
        return await authenticate(keys, *given, request)
    strange: Refusal | None = request.scope.get("state", {}).get("strange_host")
    if strange is not None:
        raise strange
    return None


async def require_caller(keys: Keys, request: Request) -> User:
    """Raises Refusal: 401 when the request names nobody, 403."""
    given = credentials(request)
    if given is None:
        raise Refusal(401, "this needs the user's name and API key, sent as HTTP basic authentication")
    return await authenticate(keys, *given, request)


def credentials(request: Request) -> tuple[str, str] | None:
    """Name and API key. chart-studio moves them to `plotly-authorization` when a proxy needs the other; npm's plotly has its own."""
    headers = request.headers
    if "plotly-username" in headers:
        return headers["plotly-username"], headers.get("plotly-apikey", "")
    scheme, _, encoded = (headers.get("plotly-authorization") or headers.get("authorization", "")).partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, key = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # no base64, not even ASCII, or no UTF-8 in it
        raise Refusal(403, "the authorization header is not name:key in base64") from None
    return (name, key) if colon else None


def base_url(request: Request) -> str:
    """Answers must start with the very address that the client was configured with, so it is taken from the request."""
    return str(request.base_url).rstrip("/")
