"""A grid's own page: its columns as a plain table."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from html import escape
from itertools import islice, zip_longest
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from starlette.requests import Request

from . import files
from .assets import Assets
from .errors import Refusal
from .grids import Column, Grid
from .login import Login
from .store import FileRow, Store

T = TypeVar("T")

_MOST_COLUMNS = 100
_MOST_CELLS = 20_000  # a browser takes no pleasure in more
_MOST_TEXT = 300  # characters of a cell


class Tables:
    """Grids that whoever asks may see; what they may not see is as good as missing: None."""

    def __init__(self, store: Store, login: Login, assets: Assets) -> None:
        self._store = store
        self._login = login
        self._assets = assets
        self._turn = asyncio.Lock()

    async def page(self, request: Request, account: str) -> str | None:
        """The whole page. `account` is its HTML for who is logged in."""
        file = self._find(request)
        if file is None:
            return None
        size, rows = await self._in_turn(file, lambda grid: (_size(grid.columns), "\n".join(_rows(grid.columns))))
        return self._assets.page(
            "table.html",
            name=escape(file.filename),
            owner=escape(file.user),
            json=escape(_data_address(file)),
            account=account,
            size=size,
            rows=rows,
        )

    async def content(self, request: Request) -> bytes | None:
        """The grid as JSON."""
        file = self._find(request)
        return None if file is None else await self._in_turn(file, lambda grid: orjson.dumps(grid.content()))

    def _find(self, request: Request) -> FileRow | None:
        path, share_key = request.path_params, request.query_params.get("share_key", "")
        try:
            file = files.find(self._store, self._login.user(request), path["user"], path["fid"], share_key)
        except Refusal:
            return None
        return file if file.kind == "grid" and file.trashed is None else None

    async def _in_turn(self, file: FileRow, work: Callable[[Grid], T]) -> T:
        """Do that with the grid, in a thread. One at a time: a grid takes several times as much memory as its JSON."""
        async with self._turn:
            content = self._store.file_content(file)
            return await asyncio.to_thread(lambda: work(Grid.load(content)))


def _data_address(file: FileRow) -> str:
    query = f"?{urlencode({'share_key': file.share_key})}" if file.sharing == "secret" else ""
    return f"/~{file.user}/{file.fid}.json{query}"


def _length(columns: Iterable[Column]) -> int:
    return max((len(column.data) for column in columns), default=0)


def _shown(columns: list[Column]) -> tuple[int, int]:
    """How many columns and rows the page has room for."""
    width = min(len(columns), _MOST_COLUMNS)
    return width, min(_length(columns), _MOST_CELLS // max(width, 1))


def _size(columns: list[Column]) -> str:
    parts = []
    for shown, there, what in zip(_shown(columns), (len(columns), _length(columns)), ("column", "row"), strict=True):
        few = f"the first {shown:,} of " if shown < there else ""
        parts.append(f"{few}{there:,} {what}{'' if there == 1 else 's'}")
    return f"{', '.join(parts).capitalize()}."


def _rows(columns: list[Column]) -> Iterator[str]:
    width, height = _shown(columns)
    heads = [f'<th scope="col">{_text(column.name)}</th>' for column in columns[:width]]
    yield f"<tr>{''.join(heads)}</tr>"
    for row in islice(zip_longest(*(column.data[:height] for column in columns[:width])), height):
        yield f"<tr>{''.join(map(_cell, row))}</tr>"


def _cell(value: Any) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, str):
        return f"<td>{_text(value)}</td>"
    return f'<td class="number">{_text(orjson.dumps(value).decode())}</td>'


def _text(value: str) -> str:
    return escape(value if len(value) <= _MOST_TEXT else f"{value[:_MOST_TEXT]}…")
