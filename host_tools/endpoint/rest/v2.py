"""REST v2: files, plots, grids and folders as chart-studio and Plotly's later Python SDKs handle them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import files
from ..errors import EndpointError, Refusal
from ..files import Description
from ..grids import Column, Grid, parse_columns, without_data
from ..keys import Keys
from ..plots import Plots
from ..store import FileRow, Store, User
from .request import base_url, find_caller, read_as, read_object, require_caller

Handler = Callable[[Request], Awaitable[Response]]

# A resource answers for one kind of file only, "files" for all.
_RESOURCES = {"files": None, "plots": "plot", "grids": "grid", "folders": "fold"}


class RestV2:
    """Everything under /v2/ but the pictures. A caller names themselves in each request; nothing here looks at cookies."""

    def __init__(self, store: Store, plots: Plots, keys: Keys) -> None:
        self._store = store
        self._plots = plots
        self._keys = keys

    def routes(self) -> list[Route]:
        one, trash = "/v2/{resource}/{owner}:{fid:fid}", "/v2/{resource}/{owner}:{fid:fid}/{what}"
        grid = "/v2/grids/{owner}:{fid:fid}"
        return [
            *route("/v2/users/current", GET=self.current),
            *route("/v2/{resource}/lookup", GET=self.lookup),
            *route("/v2/plots", POST=self.make_plot),
            *route("/v2/grids", POST=self.make_grid),
            *route("/v2/folders", POST=self.make_folder),
            *route("/v2/plots/{owner}:{fid:fid}/content", GET=self.figure),
            *route(f"{grid}/content", GET=self.grid),
            *route(f"{grid}/col", GET=self.columns, POST=self.add_columns, PUT=self.change_columns, DELETE=self.remove_columns),
            *route(f"{grid}/row", POST=self.add_rows),
            *route(one, GET=self.retrieve, PUT=self.update, PATCH=self.update, DELETE=self.destroy),
            *route(trash, POST=self.trash, DELETE=self.destroy),
            *route("/v2/{rest:path}", GET=_nothing, POST=_nothing, PUT=_nothing, PATCH=_nothing, DELETE=_nothing),
        ]

    # Looking

    async def current(self, request: Request) -> Response:
        return answer({"username": (await self._caller(request)).name})

    async def lookup(self, request: Request) -> Response:
        user, query = await self._caller(request), request.query_params
        file = self._of_kind(request, files.lookup(self._store, user, query.get("user") or user.name, query.get("path", "")))
        return answer({"exists": True} if query.get("exists") == "true" else await self._record(request, user, file))

    async def retrieve(self, request: Request) -> Response:
        user = await find_caller(self._keys, request)
        return answer(await self._record(request, user, self._find(request, user)))

    async def figure(self, request: Request) -> Response:
        user = await find_caller(self._keys, request)
        file = self._find(request, user, "plot")
        if file.trashed is not None:
            raise Refusal(404, f"the plot {file.user}:{file.fid} is in the trash")
        figure = self._plots.figure(file.id)
        inline = request.query_params.get("inline_data") == "true"
        return answer(figure if inline else without_data(figure))

    async def grid(self, request: Request) -> Response:
        file = self._find(request, await find_caller(self._keys, request), "grid")
        return await asyncio.to_thread(lambda: answer(self._grid(file).content()))

    async def columns(self, request: Request) -> Response:
        grid = await asyncio.to_thread(self._grid, self._find(request, await find_caller(self._keys, request), "grid"))
        found = grid.find(request.query_params.get("uid", ""))
        return answer({"cols": [{"name": column.name, "uid": column.uid, "data": column.data} for column in found]})

    # Making

    async def make_plot(self, request: Request) -> Response:
        user, body = await self._caller(request), await read_object(request)
        description = parse_description(body)
        return await self._made(request, user, lambda store: files.make_plot(store, user, body.get("figure"), description))

    async def make_grid(self, request: Request) -> Response:
        user, (description, grid) = await self._caller(request), await read_as(request, parse_grid)
        return await self._made(request, user, lambda store: files.make_grid(store, user, grid, description))

    async def make_folder(self, request: Request) -> Response:
        user, body = await self._caller(request), await read_object(request)
        path = body.get("path") or body.get("filename")
        if not isinstance(path, str):
            raise Refusal(400, "path must be text")
        folder, new = await self._plots.change(lambda store: files.make_folder(store, user, path))
        return answer(await self._record(request, user, folder), 201 if new else 200)

    async def _made(self, request: Request, user: User, work: Callable[[Store], FileRow]) -> Response:
        file = await self._plots.change(work)
        return answer({"file": await self._record(request, user, file)}, 201)

    # Changing

    async def update(self, request: Request) -> Response:
        user, body = await self._caller(request), await read_object(request)

        def work(store: Store) -> FileRow:
            file = self._find_own(store, request, user)
            description = parse_description(body, file.sharing)
            if file.kind == "plot":
                return files.change_plot(store, user, file, body.get("figure"), description)
            if file.kind == "grid" and "metadata" in body:
                files.change_grid(store, user, file, Grid(self._grid(file, store).columns, body["metadata"]))
            return files.describe(store, user, file, description)

        return answer(await self._record(request, user, await self._plots.change(work)))

    async def trash(self, request: Request) -> Response:
        user, what = await self._caller(request), request.path_params["what"]

        def work(store: Store) -> FileRow:
            file = self._find_own(store, request, user)
            if what not in ("trash", "restore"):
                raise Refusal(404, f"nothing like {what[:40]!r} can be done with a file")
            return files.trash(store, file) if what == "trash" else files.restore(store, user, file)

        return answer(await self._record(request, user, await self._plots.change(work)))

    async def destroy(self, request: Request) -> Response:
        """At once (grids), or for good what is in the trash."""
        user = await self._caller(request)

        def work(store: Store) -> None:
            file = self._find_own(store, request, user)
            what = request.path_params.get("what")
            if what not in (None, "permanent_delete"):
                raise Refusal(404, f"nothing like {what[:40]!r} can be done with a file")
            if file.trashed is None and (what or file.kind != "grid"):
                raise Refusal(400, f"the file {file.user}:{file.fid} is not in the trash: put it there first")
            files.delete(store, file)

        await self._plots.change(work)
        return Response(status_code=204)

    async def add_columns(self, request: Request) -> Response:
        user = await self._caller(request)
        columns = await read_as(request, _columns)
        grid = await self._change_grid(request, user, lambda grid: grid.add(columns))
        added = [column.uid for column in columns]
        return answer({"cols": [column for column in grid.described() if column["uid"] in added]}, 201)

    async def change_columns(self, request: Request) -> Response:
        user = await self._caller(request)
        given = await read_as(request, _columns)

        def work(grid: Grid) -> None:
            columns = grid.find(request.query_params.get("uid", ""))
            if len(columns) != len(given):
                raise Refusal(400, f"cols holds {len(given)} columns, but uid names {len(columns)}")
            for column, new in zip(columns, given, strict=True):
                column.name, column.data = new.name, new.data

        return answer({"cols": (await self._change_grid(request, user, work)).described()})

    async def remove_columns(self, request: Request) -> Response:
        user = await self._caller(request)
        await self._change_grid(request, user, lambda grid: grid.remove(grid.find(request.query_params.get("uid", ""))))
        return Response(status_code=204)

    async def add_rows(self, request: Request) -> Response:
        user, rows = await self._caller(request), (await read_object(request)).get("rows")
        grid = await self._change_grid(request, user, lambda grid: grid.append_rows(rows))
        return answer({"cols": grid.described()}, 201)

    async def _change_grid(self, request: Request, user: User, change: Callable[[Grid], None]) -> Grid:
        def work(store: Store) -> Grid:
            file = self._find_own(store, request, user, "grid")
            grid = self._grid(file, store)
            change(grid)
            files.change_grid(store, user, file, grid)
            return grid

        return await self._plots.change(work)

    # What they share

    async def _caller(self, request: Request) -> User:
        return await require_caller(self._keys, request)

    def _find(self, request: Request, user: User | None, kind: str | None = None) -> FileRow:
        path, share_key = request.path_params, request.query_params.get("share_key", "")
        return self._of_kind(request, files.find(self._store, user, path["owner"], path["fid"], share_key), kind)

    def _find_own(self, store: Store, request: Request, user: User, kind: str | None = None) -> FileRow:
        path = request.path_params
        return self._of_kind(request, files.find_own(store, user, path["owner"], path["fid"]), kind)

    def _of_kind(self, request: Request, file: FileRow, kind: str | None = None) -> FileRow:
        wanted = kind or _RESOURCES.get(request.path_params.get("resource", "files"), "nothing")
        if wanted not in (None, file.kind):
            raise Refusal(404, f"the file {file.user}:{file.fid} is a {files.KINDS[file.kind]}")
        return file

    def _grid(self, file: FileRow, store: Store | None = None) -> Grid:
        return Grid.load((store or self._store).file_content(file))

    async def _record(self, request: Request, user: User | None, file: FileRow) -> dict[str, Any]:
        """What clients are told of a file. Its share_key is for its owner alone."""
        base = base_url(request)
        record = {
            "fid": f"{file.user}:{file.fid}",
            "owner": file.user,
            "filetype": file.kind,
            "filename": file.filename.rpartition("/")[2],
            "path": file.filename,
            "web_url": f"{base}/~{file.user}/{file.fid}/",  # clients put `?share_key=` in the place of the last slash
            "world_readable": file.sharing == "public",
            "share_key_enabled": file.sharing == "secret",
            "creation_time": _time(file.created),
            "date_modified": _time(file.changed),
            "deleted": file.trashed is not None,
        }
        if file.sharing == "secret" and user is not None and user.id == file.user_id:
            record["share_key"] = file.share_key
        if file.kind == "grid":
            grid = await asyncio.to_thread(self._grid, file)
            record |= {"cols": grid.described(), "metadata": grid.metadata}
        return record


def parse_grid(body: dict[str, Any]) -> tuple[Description, Grid]:
    """Raises Refusal(400)."""
    data, description = body.get("data"), parse_description(body)
    if not isinstance(data, dict):
        raise Refusal(400, "data must be an object with cols")
    return description, Grid(parse_columns(data.get("cols")), data.get("metadata"))


def _columns(body: dict[str, Any]) -> list[Column]:
    return parse_columns(body.get("cols"))


def parse_description(body: dict[str, Any], sharing: str | None = None) -> Description:
    """Name and sharing in a request's body; what it does not say of the sharing is as in `sharing`. Raises Refusal(400)."""
    parts = [body.get("parent_path") or "", body.get("filename") or ""]
    if not all(isinstance(part, str) for part in parts):
        raise Refusal(400, "filename and parent_path must be text")
    filename = "/".join(part.strip("/") for part in parts if part) if parts[1] else None
    if "world_readable" not in body and "share_key_enabled" not in body:
        return Description(filename, sharing)
    if body.get("world_readable", sharing == "public"):
        return Description(filename, "public")
    return Description(filename, "secret" if body.get("share_key_enabled") else "private")


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _nothing(request: Request) -> Response:
    raise Refusal(404, f"there is nothing at {request.url.path[:200]}: this endpoint keeps plots, grids and folders")


def route(path: str, **handlers: Handler) -> list[Route]:
    """The path with and without a slash at its end: not every client follows a redirection."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handlers[request.method if request.method != "HEAD" else "GET"](request)
        except Refusal as refusal:
            return refused(refusal)
        except EndpointError as error:
            return refused(Refusal(503, str(error)))

    return [Route(each, endpoint, methods=list(handlers)) for each in (path, f"{path}/")]


def answer(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, {"cache-control": "no-store"}, "application/json")


def refused(refusal: Refusal) -> Response:
    """In the form that Plotly's clients read. A challenge of a scheme that no browser knows: they must not ask for a password."""
    response = answer({"errors": [{"message": refusal.message}]}, refusal.status)
    if refusal.status == 401:
        response.headers["www-authenticate"] = 'PlotlyBasic realm="plotpost"'
    return response
