"""REST v1: POST /clientresp makes, changes or restyles a plot, GET /apigetfile/USER/FID reads its figure."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import files
from ..budget import Budget
from ..errors import EndpointError, Refusal
from ..form import Fields, credentials_in, parse_form
from ..keys import Keys
from ..plots import PlotInfo, Plots
from ..store import Store, User
from .request import address_of, authenticate, base_url, find_caller, parsed, read_body
from .restyling import filename_of, parse_restyling

# Clients look for these very words.
STREAM_STATUS = "All Streams Go!"


class RestV1:
    """What chart-studio's predecessors, npm's plotly and the Arduino library call."""

    def __init__(self, store: Store, plots: Plots, keys: Keys) -> None:
        self._store = store
        self._plots = plots
        self._keys = keys
        self._budget = Budget()

    def routes(self) -> list[Route]:
        return [
            *(Route(path, self.clientresp, methods=["POST"]) for path in ("/clientresp", "/clientresp/")),
            Route("/apigetfile/{user}/{fid:fid}", self.figure),
        ]

    async def clientresp(self, request: Request) -> Response:
        try:
            user, body = await self._read(request)
            fields = await parsed(parse_form, body)
            traces, (info, warnings) = await self._do(user, fields)
        except Refusal as refusal:
            return _refused(refusal)
        except EndpointError as error:
            return _refused(Refusal(503, str(error)))
        return _saved(base_url(request), info, traces, warnings)

    async def _do(self, user: User, fields: Fields) -> tuple[list[Any], tuple[PlotInfo, list[str]]]:
        """What `origin` says; gives the traces that were sent, the plot and warnings. Raises Refusal, EndpointError."""
        origin = fields.get("origin") or "plot"
        if origin in ("style", "layout"):
            return [], (await self._restyle(user, origin, fields), [])
        if origin != "plot":
            raise Refusal(400, f"origin is {str(origin)[:40]!r}; it must be plot, style or layout")
        traces = parse_traces(fields)
        return traces, await self._plots.save(user, traces, **parse_options(fields))

    async def _restyle(self, user: User, origin: str, fields: Fields) -> PlotInfo:
        filename = filename_of(fields)
        plot_id = self._store.plot_named(user, filename)
        row = self._store.plot(plot_id) if plot_id is not None else None
        info = self._plots.find(user.name, row.fid) if row else None
        if info is None:
            raise Refusal(404, f"{user.name} has no plot {filename[:40]!r}: origin={origin} changes one that is there")
        await self._plots.restyle(info.id, parse_restyling(origin, fields, len(self._plots.figure(info.id)["data"])))
        return info

    async def _read(self, request: Request) -> tuple[User, bytes]:
        """Who asks, and the body, which may hold the key behind megabytes of traces. Raises Refusal: 403, 413, 503."""
        with self._budget.hold(address_of(request)) as held:
            body = await read_body(request, held.grow)
            name, key = credentials_in(body)
            if not name or not key:
                raise Refusal(403, "un (the user's name) and key (its API key) are both needed")
            return await authenticate(self._keys, name, key, request), body

    async def figure(self, request: Request) -> Response:
        """A plot's figure, in the words that npm's plotly reads."""
        try:
            user = await find_caller(self._keys, request)
            name, fid = request.path_params["user"], request.path_params["fid"]
            file = files.find(self._store, user, name, fid, request.query_params.get("share_key", ""))
            if file.kind != "plot" or file.trashed is not None:
                raise Refusal(404, f"{name}:{fid} is no plot")
            figure = self._plots.figure(file.id)
        except Refusal as refusal:
            return _json({"error": refusal.message}, refusal.status)
        return _json({"error": "", "payload": {"figure": figure}})


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


def _saved(base: str, info: PlotInfo, traces: list[Any], warnings: list[str]) -> Response:
    url = f"{base}{info.path}"
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
        answer |= {"stream-host": base, "stream-status": STREAM_STATUS}
    return _json(answer)


def _refused(refusal: Refusal) -> Response:
    """The old servers told a client's fault in `error`, with status 200; some clients read nothing else."""
    status = refusal.status if refusal.status >= 500 or refusal.status == 413 else 200
    return _json({"url": "", "filename": "", "message": "", "warning": "", "error": refusal.message}, status)


def _has_token(trace: dict[str, Any]) -> bool:
    stream = trace.get("stream")
    return isinstance(stream, dict) and bool(stream.get("token"))


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    # The Arduino library looks for `"url": "http://`, with json.dumps's space, and reads until the connection is closed.
    return Response(json.dumps(answer), status, {"connection": "close"}, "application/json")
