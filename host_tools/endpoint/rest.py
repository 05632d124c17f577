"""Plotly's REST dialect v1: POST /clientresp makes or changes a plot."""

import asyncio
import json
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .attempts import Attempts
from .errors import EndpointError, Refusal
from .form import Fields, parse_form
from .plots import PlotInfo, Plots
from .store import Store, User

BODY_LIMIT = 32 << 20
FILE_OPTIONS = ("new", "overwrite", "append", "extend")
SHARING = ("public", "private", "secret")
# Clients look for these very words.
STREAM_STATUS = "All Streams Go!"

Trace = dict[str, Any]


class RestV1:
    """What chart-studio's predecessors, npm's plotly and the Arduino library call."""

    def __init__(self, store: Store, plots: Plots, attempts: Attempts) -> None:
        self._store = store
        self._plots = plots
        self._attempts = attempts
        self._checking = asyncio.Lock()

    def routes(self) -> list[Route]:
        return [Route(path, self.clientresp, methods=["POST"]) for path in ("/clientresp", "/clientresp/")]

    async def clientresp(self, request: Request) -> Response:
        try:
            fields = parse_form(await read_body(request))
            user = await self._authenticate(fields, request.client.host if request.client else "")
            traces = parse_traces(fields)
            options = parse_options(fields)
            info, warnings = await self._plots.save(user, traces, **options)
        except Refusal as refusal:
            return _refused(refusal)
        except EndpointError as error:
            return _refused(Refusal(503, str(error)))
        return _saved(str(request.base_url).rstrip("/"), info, traces, warnings)

    async def _authenticate(self, fields: Fields, address: str) -> User:
        name, key = fields.get("un", ""), fields.get("key", "")
        if not name or not key:
            raise Refusal(403, "un (the user's name) and key (its API key) are both needed")
        wait_s = self._attempts.wait_s(name, address)
        if wait_s > 0:
            raise Refusal(403, f"too many wrong API keys from this address: try again in {wait_s:.0f} s")
        async with self._checking:  # slow on purpose: in a thread, and one at a time
            user = await asyncio.to_thread(self._store.check_key, name, key)
        if user is None:
            self._attempts.failed(name, address)
            raise Refusal(403, "there is no user with this name and API key: compare un and key with the endpoint's own")
        self._attempts.succeeded(name, address)
        return user


async def read_body(request: Request) -> bytes:
    """Raises Refusal(413) above BODY_LIMIT, as soon as that is known."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > BODY_LIMIT:
            raise Refusal(413, f"the request is larger than {BODY_LIMIT >> 20} MiB: send the data as a stream")
    return bytes(body)


def parse_traces(fields: Fields) -> list[Trace]:
    """The traces in `args`. Raises Refusal(400)."""
    args = fields.get("args")
    if not isinstance(args, list):
        raise Refusal(400, "args must be a JSON list of traces")
    traces = _pairs(args) if args and all(isinstance(item, list) for item in args) else args
    for index, trace in enumerate(traces):
        if not isinstance(trace, dict):
            raise Refusal(400, f"args[{index}] must be a trace, a JSON object such as {{\"x\": [], \"y\": []}}")
    _check_storable("args", traces)
    return traces


def _pairs(args: list[list[Any]]) -> list[Trace]:
    """The short form of Plotly's first REST documentation: x, y, x, y ..."""
    if len(args) % 2:
        raise Refusal(400, "args holds lists only, so they must be pairs: x, y, x, y")
    return [{"x": x, "y": y} for x, y in zip(args[::2], args[1::2], strict=True)]


def parse_options(fields: Fields) -> dict[str, Any]:
    """The arguments of Plots.save that are in `kwargs`. Raises Refusal(400)."""
    kwargs = fields.get("kwargs") or {}
    if not isinstance(kwargs, dict):
        raise Refusal(400, "kwargs must be a JSON object")
    layout = kwargs.get("layout") or {}
    if not isinstance(layout, dict):
        raise Refusal(400, "kwargs.layout must be a JSON object")
    filename = kwargs.get("filename") or ""
    if not isinstance(filename, str):
        raise Refusal(400, "kwargs.filename must be text")
    _check_storable("kwargs", kwargs)
    return {
        "layout": layout,
        "filename": filename,
        "fileopt": _one_of(FILE_OPTIONS, "fileopt", kwargs.get("fileopt") or "new"),
        "sharing": _one_of(SHARING, "sharing", kwargs.get("sharing") or _world_readable(kwargs)),
    }


def _world_readable(kwargs: dict[str, Any]) -> str:
    return "private" if kwargs.get("world_readable") in (False, "false", "False") else "public"


def _one_of(allowed: tuple[str, ...], name: str, value: Any) -> str:
    if value not in allowed:
        raise Refusal(400, f"kwargs.{name} must be one of {', '.join(allowed)}")
    return str(value)


def _check_storable(name: str, value: Any) -> None:
    """Python's parser takes half characters and endless integers; neither the store nor a browser does."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise Refusal(400, f"{name} cannot be stored: {error}") from None


def _saved(base_url: str, info: PlotInfo, traces: list[Trace], warnings: list[str]) -> Response:
    # The answer must start with the very address the client was configured with, so it is built from the request.
    url = f"{base_url}/~{info.user}/{info.fid}"
    if info.sharing == "private":
        warnings = [*warnings, "the plot is private, and its page is not shown to anybody yet"]
    answer = {
        "url": url,
        "filename": info.filename,
        "message": f"Saved as '{info.filename}'. Watch it at {url}",
        "warning": "; ".join(warnings),
        "error": "",
    }
    if any(_has_token(trace) for trace in traces):
        answer |= {"stream-host": base_url, "stream-status": STREAM_STATUS}
    return _json(answer)


def _refused(refusal: Refusal) -> Response:
    """The old servers told a client's fault in `error`, with status 200; some clients read nothing else."""
    status = refusal.status if refusal.status >= 500 or refusal.status == 413 else 200
    return _json({"url": "", "filename": "", "message": "", "warning": "", "error": refusal.message}, status)


def _has_token(trace: Trace) -> bool:
    stream = trace.get("stream")
    return isinstance(stream, dict) and bool(stream.get("token"))


def _json(answer: dict[str, str], status: int = 200) -> Response:
    # json.dumps puts a space after the colon: the Arduino library looks for `"url": "http://`.
    return Response(json.dumps(answer), status, media_type="application/json")
