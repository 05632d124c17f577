"""The pages for people: the list of plots, each plot's live page, its figure, and the WebSocket that feeds the page."""

import asyncio
from contextlib import closing, suppress
from html import escape
from urllib.parse import urlsplit

import orjson
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from .assets import Assets
from .hub import Hub, Message, Subscription
from .plots import PlotInfo, Plots
from .store import now_ms

# A viewer that hears nothing for twice this long connects anew; browsers alone notice a dead server only after minutes.
QUIET_S = 15.0

# No frame-ancestors: a plot may be embedded anywhere. There is no login that a frame around it could abuse.
_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
_PAGE_POLICY = _POLICY + "style-src 'self'"
# plotly.js makes style elements, whose text changes with each of its versions, and style attributes: neither hash nor nonce
# covers them. It exports pictures by way of data: and blob: addresses.
_PLOT_POLICY = _POLICY.replace("img-src 'self'", "img-src 'self' data: blob:") + "style-src 'self' 'unsafe-inline'"


class Pages:
    """Everything that is read by GET. Private plots are as good as missing until there is a login."""

    def __init__(self, plots: Plots, hub: Hub) -> None:
        self._plots = plots
        self._hub = hub
        self._assets = Assets()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self.index),
            Route("/~{user}/{fid:int}.json", self.figure),
            Route("/~{user}/{fid:int}", self.plot),
            WebSocketRoute("/~{user}/{fid:int}/ws", self.watch),
            Route("/static/{name}", self.static),
        ]

    async def index(self, request: Request) -> Response:
        rows = [_row(info) for info in self._plots.list() if info.sharing == "public"]
        name = "index.html" if rows else "newcomer.html"
        return _html(self._assets.page(name, rows="\n".join(rows), address=escape(str(request.base_url).rstrip("/"))))

    async def plot(self, request: Request) -> Response:
        info = self._find(request)
        if info is None:
            return self.missing(_no_plot(request))
        page = self._assets.page("plot.html", name=escape(info.filename), owner=escape(info.user), path=escape(request.url.path))
        return _html(page, policy=_PLOT_POLICY)

    async def figure(self, request: Request) -> Response:
        info = self._find(request)
        if info is None:
            return Response(orjson.dumps({"error": _no_plot(request)}), 404, _SECURITY, "application/json")
        return Response(orjson.dumps(self._plots.figure(info.id)), 200, _SECURITY, "application/json")

    async def static(self, request: Request) -> Response:
        asset = self._assets.find(request.path_params["name"])
        return self.missing("There is no such file.") if asset is None else await asset.response(request)

    def missing(self, what: str) -> Response:
        return _html(self._assets.page("missing.html", what=escape(what)), status=404)

    async def watch(self, socket: WebSocket) -> None:
        info = self._find(socket)
        if info is None or not _same_origin(socket):
            await socket.close()
            return
        await socket.accept()
        feeding = asyncio.create_task(self._feed(socket, info))
        try:
            while (await socket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            feeding.cancel()
            with suppress(asyncio.CancelledError):
                await feeding

    async def _feed(self, socket: WebSocket, info: PlotInfo) -> None:
        """Ends when the viewer is gone or the plot is deleted."""
        with suppress(WebSocketDisconnect), closing(self._hub.subscribe(info.id)) as messages:
            while (message := await self._next(messages, info)) is not None:
                await socket.send_text(orjson.dumps(message).decode())
            await socket.close()

    async def _next(self, messages: Subscription, info: PlotInfo) -> Message | None:
        """The next message, the stream's status when there was none for a while, or None at the end."""
        try:
            return await asyncio.wait_for(anext(messages), QUIET_S)
        except TimeoutError:
            return self._status(info)
        except StopAsyncIteration:
            return None

    def _status(self, info: PlotInfo) -> Message:
        current = self._plots.find(info.user, info.fid) or info
        return {"type": "status", "live": current.live, "last": current.last, "now": now_ms()}

    def _find(self, connection: HTTPConnection) -> PlotInfo | None:
        info = self._plots.find(connection.path_params["user"], connection.path_params["fid"])
        return None if info is None or info.sharing == "private" else info


_SECURITY = {"x-content-type-options": "nosniff", "referrer-policy": "same-origin", "cache-control": "no-cache"}


def _html(page: str, *, status: int = 200, policy: str = _PAGE_POLICY) -> Response:
    return HTMLResponse(page, status, _SECURITY | {"content-security-policy": policy})


def _no_plot(request: Request) -> str:
    return f"There is no plot {request.path_params['fid']} of {request.path_params['user']} here."


def _row(info: PlotInfo) -> str:
    state = "live" if info.live else "waiting" if info.last is None else "ended"
    return (
        f'<li><a href="/~{escape(info.user)}/{info.fid}"><span class="name">{escape(info.filename)}</span>'
        f'<span class="owner">{escape(info.user)}</span><span class="state" data-state="{state}">{state}</span>'
        f'<span class="last" data-last="{info.last or ""}"></span><span class="points">{info.points:,} points</span></a></li>'
    )


def _same_origin(socket: WebSocket) -> bool:
    """A page of another site must not read plots of this network through its visitor's browser."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")
