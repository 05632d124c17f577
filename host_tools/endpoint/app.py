"""The ASGI application: all routes, and what is answered where there is none."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from .assets import Assets
from .attempts import Attempts
from .commit import Committer
from .compress import Compression
from .editing import Editing
from .errors import EndpointError
from .hub import Hub
from .images import Renderer
from .keys import Keys
from .login import Login
from .pages import Pages
from .plots import Plots
from .rest.pictures import Pictures
from .rest.tokens import Tokens
from .rest.v1 import RestV1
from .rest.v2 import RestV2
from .store import Store
from .tables import Tables


def create_app(store: Store, committer: Committer, plots: Plots, hub: Hub) -> Starlette:
    """Everything but the streams, which never reach ASGI."""
    keys, assets = Keys(store, Attempts()), Assets()
    login = Login(store, committer, keys, assets)
    pages = Pages(plots, Tables(store, login, assets), hub, login, assets)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return pages.missing("There is no page at this address.", request)
        return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)

    async def cannot(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{error}\n", 503)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # nobody reads it: the client left before its request was complete

    return Starlette(
        routes=[
            *RestV1(store, plots, keys).routes(),
            *Pictures(store, plots, keys, login, Renderer()).routes(),
            *Tokens(plots, keys).routes(),
            *RestV2(store, plots, keys).routes(),
            *login.routes(),
            *Editing(plots, login).routes(),
            *pages.routes(),
        ],
        middleware=[Middleware(Compression)],
        exception_handlers={HTTPException: refused, EndpointError: cannot, ClientDisconnect: gone},
    )
