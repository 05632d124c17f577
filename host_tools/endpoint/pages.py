"""The pages for people: the list of plots, each plot's live page, its figure, the WebSocket that feeds the page, and tables."""

import asyncio
from collections.abc import Callable
from contextlib import closing, suppress
from html import escape
from urllib.parse import urlencode

from starlette import status
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from .assets import Assets
from .errors import EndpointError
from .hub import Hub, Message, Subscription, status_message
from .login import Login, login_path
from .plots import PlotInfo, Plots
from .policy import plot_policy
from .store import User
from .tables import Tables
from .web import html, json, raw_json, same_origin

# A viewer that hears nothing for twice this long connects anew; browsers alone notice a dead server only after minutes.
QUIET_S = 15.0
# Why a WebSocket was closed: what a page would be told by status 404 (RFC 6455, section 7.4.2: 4000 and above are ours to choose).
GONE = 4404

Find = Callable[[HTTPConnection], PlotInfo | None]


class Pages:
    """Everything that is read by GET. A plot that its reader may not see is as good as missing."""

    def __init__(self, plots: Plots, tables: Tables, hub: Hub, login: Login, assets: Assets) -> None:
        self._plots = plots
        self._tables = tables
        self._hub = hub
        self._login = login
        self._assets = assets

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self.index),
            Route("/~{user}/{fid:fid}.json", self.figure),
            Route("/~{user}/{fid:fid}", self.plot),
            Route("/~{user}/{fid:fid}.embed", self.embedded),
            WebSocketRoute("/~{user}/{fid:fid}/ws", self.watch),
            WebSocketRoute("/~{user}/{fid:fid}.embed/ws", self.watch_embedded),
            Route("/static/{name}", self.static),
        ]

    async def index(self, request: Request) -> Response:
        user = self._login.user(request)
        listed = [info for info in self._plots.list() if info.sharing == "public" or info.visible_to(user)]
        rows = "\n".join(map(_row, listed))
        content = f'<ul class="plots">\n{rows}\n</ul>' if listed else self._newcomer(request)
        if user is not None and self._plots.disk.trouble:
            content = f'<p class="trouble" role="alert">{escape(self._plots.disk.trouble)}</p>\n{content}'
        page = self._assets.page("index.html", content=content, account=_account(user, request))
        return html(page, private=user is not None)

    def _newcomer(self, request: Request) -> str:
        """What to do when there is nothing to see yet."""
        return self._assets.page("newcomer.html", address=escape(str(request.base_url).rstrip("/")))

    async def plot(self, request: Request) -> Response:
        info = self._find(request)
        if info is None:
            return await self._table(request)
        user = self._login.user(request)
        role = "guest" if user is None else "owner" if user.name == info.user else "visitor"
        query = f"?{urlencode({'share_key': info.share_key})}" if info.sharing == "secret" else ""
        policy, forbidden = plot_policy(self._plots.figure(info.id, tokens=True))
        page = self._assets.page(
            "plot.html",
            name=escape(info.filename),
            owner=escape(info.user),
            json=escape(f"/~{info.user}/{info.fid}.json{query}"),
            role=role,
            login=escape(login_path(request)),
            forbidden=forbidden,
        )
        return html(page, policy=policy, private=user is not None)

    async def embedded(self, request: Request) -> Response:
        """The plot alone, for a frame in somebody else's page: it acts for nobody, so anybody may frame it."""
        info = self._find_shared(request)
        if info is None:
            return html(self._assets.page("missing.html", what=escape(_no_plot(request)), account=""), status=404)
        policy, forbidden = plot_policy(self._plots.figure(info.id, tokens=True))
        page = self._assets.page("embed.html", name=escape(info.filename), path=escape(info.path), forbidden=forbidden)
        return html(page, policy=policy)

    async def _table(self, request: Request) -> Response:
        user = self._login.user(request)
        page = await self._tables.page(request, _account(user, request))
        return self.missing(_no_plot(request), request) if page is None else html(page, private=user is not None)

    async def figure(self, request: Request) -> Response:
        info = self._find(request)
        if info is not None:
            return raw_json(self._plots.figure_json(info.id))
        grid = await self._tables.content(request)
        return json({"error": _no_plot(request)}, 404) if grid is None else raw_json(grid)

    async def static(self, request: Request) -> Response:
        asset = self._assets.find(request.path_params["name"])
        return self.missing("There is no such file.", request) if asset is None else await asset.response(request)

    def missing(self, what: str, request: Request) -> Response:
        user = self._login.user(request)
        page = self._assets.page("missing.html", what=escape(what), account=_account(user, request))
        return html(page, status=404, private=user is not None)

    async def watch(self, socket: WebSocket) -> None:
        await self._watch(socket, self._find)

    async def watch_embedded(self, socket: WebSocket) -> None:
        await self._watch(socket, self._find_shared)

    async def _watch(self, socket: WebSocket, find: Find) -> None:
        if "origin" in socket.headers and not same_origin(socket):
            await socket.close()
            return
        await socket.accept()
        feeding = asyncio.create_task(self._feed(socket, find))
        try:
            while (await socket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            feeding.cancel()
            with suppress(asyncio.CancelledError):
                await feeding

    async def _feed(self, socket: WebSocket, find: Find) -> None:
        with suppress(WebSocketDisconnect):
            try:
                code = await self._tell(socket, find)
            except EndpointError:  # the store cannot be read now
                code = status.WS_1013_TRY_AGAIN_LATER
            await socket.close(code)

    async def _tell(self, socket: WebSocket, find: Find) -> int:
        """Send all messages until the plot is deleted or hidden from the viewer, or their login has ended; gives the code to close with."""
        loop = asyncio.get_running_loop()
        info, checked = find(socket), loop.time()
        if info is None:
            return GONE
        with closing(self._hub.subscribe(info.id)) as messages:
            while (message := await self._next(messages, info)) is not None:
                # Another audience comes with a snapshot. Nothing tells that a login has ended.
                if message["type"] == "snapshot" or (info.sharing != "public" and loop.time() - checked >= QUIET_S):
                    info, checked = find(socket), loop.time()
                    if info is None:
                        return GONE
                await socket.send_text(message.text)
        return GONE if find(socket) is None else status.WS_1001_GOING_AWAY

    async def _next(self, messages: Subscription, info: PlotInfo) -> Message | None:
        """The next message, the stream's status when there was none for a while, or None at the end."""
        try:
            async with asyncio.timeout(QUIET_S):
                return await anext(messages)
        except TimeoutError:
            return self._status(info)
        except StopAsyncIteration:
            return None

    def _status(self, info: PlotInfo) -> Message:
        current = self._plots.find(info.user, info.fid) or info
        return status_message(current.live, current.last, current.trouble)

    def _find(self, connection: HTTPConnection) -> PlotInfo | None:
        """The plot, if whoever asks may see it."""
        info = self._plots.find(connection.path_params["user"], connection.path_params["fid"])
        if info is None or info.sharing == "public":
            return info
        visible = info.visible_to(self._login.user(connection), _share_key(connection))
        return info if visible else None

    def _find_shared(self, connection: HTTPConnection) -> PlotInfo | None:
        """The plot, if a stranger may see it. The login is not asked for: another site must not show what only its reader may see."""
        info = self._plots.find(connection.path_params["user"], connection.path_params["fid"])
        return info if info is not None and info.visible_to(None, _share_key(connection)) else None


def _share_key(connection: HTTPConnection) -> str:
    return connection.query_params.get("share_key", "")


def _no_plot(request: Request) -> str:
    return f"There is no plot {request.path_params['fid']} of {request.path_params['user']} here."


def _account(user: User | None, request: Request) -> str:
    if user is None:
        return f'<a class="account" href="{escape(login_path(request))}">Log in</a>'
    return f'<form class="account" method="post" action="/logout"><span>{escape(user.name)}</span><button>Log out</button></form>'


def _row(info: PlotInfo) -> str:
    state = _state(info)
    owner = info.user if info.sharing == "public" else f"{info.user}, {info.sharing}"
    last = f' data-last="{info.last or ""}"' if info.fed or info.last else ""
    points = f"{info.points:,} point{'' if info.points == 1 else 's'}"
    return (
        f'<li><a href="{escape(info.path)}"><span class="name">{escape(info.filename)}</span>'
        f'<span class="owner">{escape(owner)}</span><span class="state" data-state="{state}">{state}</span>'
        f'<span class="last"{last}></span><span class="points">{points}</span></a></li>'
    )


def _state(info: PlotInfo) -> str:
    if info.live:
        return "live"
    if not info.fed:
        return "static"
    return "waiting" if info.last is None else "ended"
