"""POST /v2/tokens: stream tokens for a user's boards, over HTTP. Plotly's users made theirs on a page."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import quota
from ..errors import Refusal
from ..keys import Keys
from ..plots import Plots
from ..store import Store, User
from .request import read_object, require_caller
from .v2 import answer, route

_MOST_NAMES = 200
_LONGEST_NAME = 200


class Tokens:
    """A caller names themselves in each request, as in REST v2."""

    def __init__(self, plots: Plots, keys: Keys) -> None:
        self._plots = plots
        self._keys = keys

    def routes(self) -> list[Route]:
        return route("/v2/tokens", POST=self.register)

    async def register(self, request: Request) -> Response:
        """{"names": [..]} to {"tokens": [{"name", "token", "plot"}]} in the same order; `plot` is the path of the plot that it feeds.

        A name finds its token again: who asks twice gets the same one.
        """
        user = await require_caller(self._keys, request)
        names = parse_names(await read_object(request))
        tokens = await self._plots.change(lambda store: register(store, user, names))
        return answer({"tokens": tokens})


def register(store: Store, user: User, names: list[str]) -> list[dict[str, Any]]:
    """The tokens of these names; those that are not there are made. In a transaction of the caller. Raises Refusal(403)."""
    known = store.tokens_named(user, names)
    if new := set(names) - known.keys():
        quota.check_tokens(store.count_tokens(user) + len(new))
    tokens = {name: known.get(name) or store.new_token(user, name) for name in dict.fromkeys(names)}
    return [{"name": name, "token": tokens[name], "plot": _fed_path(store, tokens[name])} for name in names]


def _fed_path(store: Store, token: str) -> str | None:
    """The path of the plot that the token feeds."""
    route = store.route(token)
    plot = store.plot(route.plot_id) if route and route.plot_id is not None else None
    return f"/~{plot.user}/{plot.fid}" if plot else None


def parse_names(body: dict[str, Any]) -> list[str]:
    """Raises Refusal(400)."""
    names = body.get("names")
    if not isinstance(names, list) or not 0 < len(names) <= _MOST_NAMES:
        raise Refusal(400, f"names must be a list of 1 to {_MOST_NAMES} names")
    if not all(isinstance(name, str) and name.strip() and len(name) <= _LONGEST_NAME for name in names):
        raise Refusal(400, f"each name must be a text of 1 to {_LONGEST_NAME} characters")
    return names
