"""The viewer's files and plotly.js, as they go over the wire: compressed once, cached for ever under a versioned address."""

import asyncio
import gzip
import hashlib
import re
from importlib import resources
from string import Template

from starlette.requests import Request
from starlette.responses import Response

PLOTLY_JS = "plotly.min.js"
# Not from the mimetypes module: what that says depends on the machine, and browsers run no module of another type.
_MEDIA_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"
_ADDRESS = re.compile(r"/static/([\w.]+)")


class Asset:
    """One file, with its version: the start of its SHA-256."""

    def __init__(self, name: str, content: bytes) -> None:
        self.media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
        self.version = hashlib.sha256(content).hexdigest()[:16]
        self._content = content
        self._compressing: asyncio.Future[bytes] | None = None

    async def response(self, request: Request) -> Response:
        etag = f'"{self.version}"'
        headers = {
            "etag": etag,
            "cache-control": _FOR_EVER if request.query_params.get("v") == self.version else "no-cache",
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(self._content, headers=headers, media_type=self.media_type)
        return Response(await self._gzipped(), headers=headers | {"content-encoding": "gzip"}, media_type=self.media_type)

    async def _gzipped(self) -> bytes:
        """Made at the first request, in a thread: plotly.js takes a Raspberry Pi a second or two."""
        if self._compressing is None:
            self._compressing = asyncio.ensure_future(asyncio.to_thread(gzip.compress, self._content, 6))
        return await asyncio.shield(self._compressing)


class Assets:
    """All files under /static/, and the pages that refer to them."""

    def __init__(self) -> None:
        self._files: dict[str, Asset] = {}
        self._add(PLOTLY_JS, resources.files("plotly").joinpath("package_data", PLOTLY_JS).read_bytes())
        pages: dict[str, str] = {}
        for entry in resources.files("host_tools.endpoint").joinpath("viewer").iterdir():
            if entry.name.endswith(".html"):
                pages[entry.name] = entry.read_text(encoding="utf-8")
            elif entry.is_file():
                self._add(entry.name, entry.read_bytes())
        head = pages.pop("head.html").rstrip()  # what all pages begin with
        self._templates = {name: Template(self._versioned(page.replace("$head", head))) for name, page in pages.items()}

    def find(self, name: str) -> Asset | None:
        return self._files.get(name)

    def page(self, name: str, /, **values: str) -> str:
        """The page with its values put in; they must be HTML already."""
        return self._templates[name].substitute(values)

    def _add(self, name: str, content: bytes) -> None:
        self._files[name] = Asset(name, content)

    def _versioned(self, html: str) -> str:
        return _ADDRESS.sub(lambda match: f"{match[0]}?v={self._files[match[1]].version}", html)
