"""Restyling by hand: the owner's changes everybody's plot, anybody else's makes a static copy of their own."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from . import web
from .errors import EndpointError, Refusal
from .login import Login
from .plots import PlotInfo, Plots
from .store import User
from .style import Style, parse_style

_BODY_LIMIT = 256 * 1024


class Editing:
    """What the editor of the live page calls; answers are JSON, with one line in `error` when it did not work."""

    def __init__(self, plots: Plots, login: Login) -> None:
        self._plots = plots
        self._login = login

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/~{user}/{fid:fid}/style", self.restyle, methods=["POST"]),
            Route("/~{user}/{fid:fid}/copy", self.copy, methods=["POST"]),
        ]

    async def restyle(self, request: Request) -> Response:
        try:
            user, info, style = await self._read(request)
            if user.name != info.user:
                raise Refusal(403, f"the plot is {info.user}'s: save a copy of your own")
            await self._plots.restyle(info.id, style)
        except (Refusal, EndpointError) as error:
            return _refused(error)
        return web.json({"error": ""})

    async def copy(self, request: Request) -> Response:
        try:
            user, info, style = await self._read(request)
            copied = await self._plots.copy(user, info.id, style)
        except (Refusal, EndpointError) as error:
            return _refused(error)
        return web.json({"error": "", "path": copied.path}, 201)

    async def _read(self, request: Request) -> tuple[User, PlotInfo, Style]:
        web.check_origin(request)
        user = self._login.user(request)
        if user is None:
            raise Refusal(401, "log in in another window, then save again")
        info = self._plots.find(request.path_params["user"], request.path_params["fid"])
        if info is None or not info.visible_to(user, request.query_params.get("share_key", "")):
            raise Refusal(404, "there is no such plot")
        given: Any = await web.read_json(request, _BODY_LIMIT)
        return user, info, parse_style(given)


def _refused(error: Refusal | EndpointError) -> Response:
    return web.refused(error if isinstance(error, Refusal) else Refusal(503, str(error)))
