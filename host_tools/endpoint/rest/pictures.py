"""Pictures by REST: POST /v2/images and /apigenimage/ draw a figure that is sent, GET /~user/fid.png one that is stored."""

import asyncio
import re
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..attempts import network_of
from ..errors import Refusal
from ..files import read_figure
from ..images import MEDIA_TYPES, Picture, Renderer, parse_picture
from ..keys import Keys
from ..login import Login
from ..plots import Plots
from ..store import Store, User
from ..turns import Asker
from .request import parsed, read_body, read_object, require_caller
from .v2 import route

# A picture may be opened as a page of its own, and an SVG is one: it must do nothing but show itself.
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
    "vary": "cookie",
}


class Pictures:
    """Drawing costs a second or two of processor time, so strangers get pictures of stored plots only."""

    def __init__(self, store: Store, plots: Plots, keys: Keys, login: Login, renderer: Renderer) -> None:
        self._store = store
        self._plots = plots
        self._keys = keys
        self._login = login
        self._renderer = renderer

    def routes(self) -> list[Route]:
        return [
            *route("/v2/images", POST=self.draw),
            *route("/apigenimage", POST=self.draw_v1),
            *(each for name in (*MEDIA_TYPES, "jpg") for each in route(f"/~{{user}}/{{fid:fid}}.{name}", GET=self.stored)),
        ]

    async def draw(self, request: Request) -> Response:
        user = await require_caller(self._keys, request)
        return await self._draw(user, await read_object(request))

    async def draw_v1(self, request: Request) -> Response:
        user = await require_caller(self._keys, request)
        return await self._draw(user, await parsed(parse_short_object, await read_body(request)))

    async def _draw(self, user: User, body: dict[str, Any]) -> Response:
        picture = parse_picture(body)
        figure = await asyncio.to_thread(read_figure, self._store, user, body.get("figure"))
        return await self._picture(figure.as_dict(), picture, Asker(user.name, known=True))

    async def stored(self, request: Request) -> Response:
        path, query = request.path_params, request.query_params
        info = self._plots.find(path["user"], path["fid"])
        user = self._login.user(request)
        if info is None or not info.visible_to(user, query.get("share_key", "")):
            raise Refusal(404, f"there is no plot {path['fid']} of {path['user']} here")
        picture = parse_picture(dict(query) | {"format": request.url.path.rstrip("/").rpartition(".")[2]})
        asker = (
            Asker(user.name, known=True)
            if user
            else Asker(network_of(request.client.host if request.client else ""), known=False)
        )
        return await self._picture(self._plots.figure(info.id), picture, asker)

    async def _picture(self, figure: dict[str, Any], picture: Picture, asker: Asker) -> Response:
        content = await self._renderer.render(figure, picture, asker)
        return Response(content, headers=_HEADERS, media_type=MEDIA_TYPES[picture.format])


_FIGURE = re.compile(r'\s*{\s*"figure"\s*:\s*')
_OPTION = re.compile(r'"(format|width|height)":"?(\w+)"?[,}]')


def parse_short_object(body: bytes) -> dict[str, Any]:
    """The JSON object of npm's plotly, which counts characters where it must count bytes: each that is not ASCII costs its end.

    The figure comes first and is whole unless it is full of such characters; options that were cut off are as if not given.
    """
    try:
        return _object(orjson.loads(body))
    except orjson.JSONDecodeError:
        pass
    text = body.decode(errors="replace")
    start = _FIGURE.match(text)
    end = text.rfind(',"format":')
    if start is None or end < 0:
        raise Refusal(400, "the request is not JSON, or its end is missing")
    try:
        figure = orjson.loads(text[start.end() : end])
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the figure is not JSON: {error}") from None
    return {"figure": figure, **dict(_OPTION.findall(text, end))}


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal(400, "the request must be a JSON object")
    return value
