"""Logging in to the pages with an API key, and out again."""

import re
from html import escape
from urllib.parse import parse_qsl, urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from .assets import Assets
from .commit import Committer
from .errors import Refusal
from .keys import Keys
from .store import SESSION_LIFETIME_MS, Store, User
from .web import check_origin, html, read_small

_BODY_LIMIT = 16 * 1024
_SEE_OTHER = 303
# An address of this endpoint: browsers take "//" and "/\" for another host.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")


class Login:
    """Who looks at a page: browsers show a cookie, which no script can read and no other site can use."""

    def __init__(self, store: Store, committer: Committer, keys: Keys, assets: Assets) -> None:
        self._store = store
        self._committer = committer
        self._keys = keys
        self._assets = assets

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/login", self.form),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
        ]

    def user(self, connection: HTTPConnection) -> User | None:
        """Who is logged in. Raises StoreError."""
        session = connection.cookies.get(_cookie(connection))
        return self._store.session_user(session) if session else None

    async def form(self, request: Request) -> Response:
        return self._page(_local(request.query_params.get("next", "")))

    async def log_in(self, request: Request) -> Response:
        goal, name = "/", ""
        try:
            check_origin(request)
            fields = dict(parse_qsl((await read_small(request, _BODY_LIMIT)).decode("utf-8", "replace")))
            goal, name = _local(fields.get("next", "")), fields.get("user", "")
            user = await self._keys.check(name, fields.get("key", ""), request.client.host if request.client else "")
            session = await self._committer.run(lambda store: store.new_session(user))
        except Refusal as refusal:
            return self._page(goal, name, refusal)
        response = RedirectResponse(goal, _SEE_OTHER)
        secure = request.url.scheme == "https"
        response.set_cookie(_cookie(request), session, SESSION_LIFETIME_MS // 1000, httponly=True, samesite="lax", secure=secure)
        return response

    async def log_out(self, request: Request) -> Response:
        session = request.cookies.get(_cookie(request))
        try:
            check_origin(request)
            if session:
                await self._committer.run(lambda store: store.end_session(session))
        except Refusal as refusal:
            return self._page("/", refusal=refusal)
        response = RedirectResponse("/", _SEE_OTHER)
        response.delete_cookie(_cookie(request), httponly=True, samesite="lax", secure=request.url.scheme == "https")
        return response

    def _page(self, goal: str, name: str = "", refusal: Refusal | None = None) -> Response:
        trouble = f'<p class="trouble" role="alert">{escape(_sentence(refusal.message))}</p>' if refusal else ""
        page = self._assets.page("login.html", next=escape(goal), user=escape(name), trouble=trouble)
        return html(page, status=refusal.status if refusal else 200, private=True)


def login_path(request: Request) -> str:
    """Where to log in, and come back from."""
    query = f"?{request.url.query}" if request.url.query else ""
    return "/login?" + urlencode({"next": request.url.path + query})


def _cookie(connection: HTTPConnection) -> str:
    """Cookies are shared by all ports of a host, and by HTTP and HTTPS: each gets a name of its own (RFC 6265bis section 4.1.3)."""
    url = connection.url
    secure = url.scheme in ("https", "wss")
    return f"{'__Host-' if secure else ''}plotpost-{url.port or (443 if secure else 80)}"


def _local(address: str) -> str:
    return address if _LOCAL.fullmatch(address) else "/"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
