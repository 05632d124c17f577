"""What addresses and pages have in common: numbers, headers, and what a request must show that changes something."""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response

from .errors import Refusal

# No frame-ancestors: a plot may be embedded anywhere. The pages of somebody who is logged in may not, see html().
_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
PAGE_POLICY = _POLICY + "style-src 'self'"
# plotly.js makes style elements, whose text changes with each of its versions, and style attributes: neither hash nor nonce
# covers them. It exports pictures by way of data: and blob: addresses.
PLOT_POLICY = _POLICY.replace("img-src 'self'", "img-src 'self' data: blob:") + "style-src 'self' 'unsafe-inline'"

SECURITY = {"x-content-type-options": "nosniff", "referrer-policy": "same-origin", "cache-control": "no-cache"}


class _Fid(IntegerConvertor):
    """A file's number in an address, as `{fid:fid}`: no more digits than SQLite's integers take."""

    regex = "[0-9]{1,18}"


register_url_convertor("fid", _Fid())


def html(page: str, *, status: int = 200, policy: str = PAGE_POLICY, private: bool = False) -> Response:
    """A page; a private one must not be shown inside another site, which could trick its reader into a click."""
    if private:
        policy += "; frame-ancestors 'none'"
    return HTMLResponse(page, status, SECURITY | {"content-security-policy": policy, "vary": "cookie"})


def json(value: Any, status: int = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(value), status, SECURITY | {"vary": "cookie"}, "application/json")


def raw_json(content: bytes) -> Response:
    """What is JSON already."""
    return Response(content, headers=SECURITY | {"vary": "cookie"}, media_type="application/json")


def refused(refusal: Refusal) -> Response:
    return json({"error": refusal.message}, refusal.status)


def same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of this endpoint asks. One of another site must not use its visitor's browser to reach into this network."""
    origin = connection.headers.get("origin")
    return origin is not None and origin.partition("://")[2] == connection.headers.get("host")


def check_origin(request: Request) -> None:
    """Raises Refusal(403) unless a page of this endpoint asks: a browser sends its login along with any site's requests."""
    if not same_origin(request):
        raise Refusal(403, "this is for the pages of this endpoint only")


async def read_small(request: Request, limit: int) -> bytes:
    """The body. Raises Refusal(413)."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > limit:
            raise Refusal(413, f"the request is larger than {limit >> 10} KiB")
    return bytes(body)


async def read_json(request: Request, limit: int) -> Any:
    """The body's JSON value. Raises Refusal: 413, 400."""
    try:
        return orjson.loads(await read_small(request, limit))
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the request is not JSON: {error}") from None
