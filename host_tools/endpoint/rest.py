"""Plotly's REST dialect v1: POST /clientresp makes or changes a plot."""

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .attempts import Attempts
from .errors import EndpointError, Refusal
from .form import Fields, parse_form
from .plots import PlotInfo, Plots
from .store import Store, User

BODY_LIMIT = 32 << 20
_DRAIN_LIMIT = 4 * BODY_LIMIT
# Clients look for these very words.
STREAM_STATUS = "All Streams Go!"


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
    """Raises Refusal(413) above BODY_LIMIT, and reads on for a while before: a client that still writes would miss the answer."""
    body, size = bytearray(), 0
    async for block in request.stream():
        size += len(block)
        if size <= BODY_LIMIT:
            body += block
        elif size > _DRAIN_LIMIT:
            break
    if size > BODY_LIMIT:
        raise Refusal(413, f"the request is larger than {BODY_LIMIT >> 20} MiB: send the data as a stream")
    return bytes(body)


def parse_traces(fields: Fields) -> list[Any]:
    """The traces in `args`, each as the client gave it. Raises Refusal(400)."""
    args = fields.get("args")
    if not isinstance(args, list):
        raise Refusal(400, "args must be a JSON list of traces")
    return _pairs(args) if args and all(isinstance(item, list) for item in args) else args


def _pairs(args: list[list[Any]]) -> list[Any]:
    """The short form of Plotly's first REST documentation: x, y, x, y ..."""
    if len(args) % 2:
        raise Refusal(400, "args holds lists only, so they must be pairs: x, y, x, y")
    return [{"x": x, "y": y} for x, y in zip(args[::2], args[1::2], strict=True)]


def parse_options(fields: Fields) -> dict[str, Any]:
    """The arguments of Plots.save that are in `kwargs`. Raises Refusal(400)."""
    kwargs = fields.get("kwargs") or {}
    if not isinstance(kwargs, dict):
        raise Refusal(400, "kwargs must be a JSON object")
    world_readable = kwargs.get("world_readable") not in (False, "false", "False")
    texts = {
        "filename": kwargs.get("filename") or "",
        "fileopt": kwargs.get("fileopt") or "new",
        "sharing": kwargs.get("sharing") or ("public" if world_readable else "private"),
    }
    for name, value in texts.items():
        if not isinstance(value, str):
            raise Refusal(400, f"kwargs.{name} must be text")
    return {"layout": kwargs.get("layout") or {}, **texts}


def _saved(base_url: str, info: PlotInfo, traces: list[Any], warnings: list[str]) -> Response:
    # The answer must start with the very address the client was configured with, so it is built from the request.
    url = f"{base_url}{info.path}"
    if info.sharing == "private":
        warnings = [*warnings, "the plot is private: its page asks for a login with your API key"]
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


def _has_token(trace: dict[str, Any]) -> bool:
    stream = trace.get("stream")
    return isinstance(stream, dict) and bool(stream.get("token"))


def _json(answer: dict[str, str], status: int = 200) -> Response:
    # json.dumps puts a space after the colon: the Arduino library looks for `"url": "http://`.
    return Response(json.dumps(answer), status, media_type="application/json")
