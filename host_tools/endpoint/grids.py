"""Grids: tables of named columns, and the references by which traces draw on them."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from . import quota
from .attributes import MAX_DEPTH, too_deep
from .errors import Refusal
from .store import Store, User

# `xsrc` of a trace says where its `x` is: "user:fid:uid", or several with commas for a table of columns.
_REFERENCE = re.compile(r"([\w.-]+):([0-9]{1,18}):(\w+)")


@dataclass(slots=True)
class Column:
    name: str
    data: list[Any]
    uid: str = field(default_factory=lambda: secrets.token_hex(3))


class Grid:
    """Columns in their order; no two have the same name. Raises Refusal(400) for what is no grid."""

    def __init__(self, columns: list[Column], metadata: Any = None) -> None:
        self.columns: list[Column] = []
        self.metadata = metadata
        self.add(columns)

    @classmethod
    def load(cls, content: bytes) -> "Grid":
        stored = orjson.loads(content)
        return cls([Column(**column) for column in stored["columns"]], stored["metadata"])

    def dump(self) -> bytes:
        """Raises Refusal: 413 for a grid that is too large, 400 for what JSON cannot hold."""
        try:
            content = orjson.dumps({"columns": self.columns, "metadata": self.metadata})
        except TypeError as error:
            raise Refusal(400, f"the grid holds what JSON cannot: {error}") from None
        if quota.is_over(content):
            raise Refusal(413, f"the grid is larger than {quota.MOST_OF_A_PLOT}: delete columns, or begin another grid")
        return content

    def add(self, columns: list[Column]) -> None:
        for column in columns:
            if any(column.name == known.name for known in self.columns):
                raise Refusal(400, f"the grid has a column {column.name[:80]!r} already; columns need different names")
            self.columns.append(column)

    def append_rows(self, rows: Any) -> None:
        """A row holds a value for each column; columns that are shorter than others are filled up with "" first."""
        width = len(self.columns)
        if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == width for row in rows):
            raise Refusal(400, f"rows must be a list of rows, each a list of {width} values, one for each column")
        length = max((len(column.data) for column in self.columns), default=0)
        for index, column in enumerate(self.columns):
            column.data += [""] * (length - len(column.data)) + [row[index] for row in rows]

    def find(self, uids: str) -> list[Column]:
        """Columns by their uids, with commas between them. Raises Refusal(404)."""
        by_uid = {column.uid: column for column in self.columns}
        missing = [uid for uid in uids.split(",") if uid not in by_uid]
        if missing:
            raise Refusal(404, f"the grid has no column {missing[0][:40]!r}")
        return [by_uid[uid] for uid in uids.split(",")]

    def remove(self, columns: list[Column]) -> None:
        self.columns = [column for column in self.columns if column not in columns]

    def described(self) -> list[dict[str, str]]:
        return [{"name": column.name, "uid": column.uid} for column in self.columns]

    def content(self) -> dict[str, Any]:
        """As chart-studio reads a grid back."""
        columns = {
            column.name: {"data": column.data, "order": order, "uid": column.uid} for order, column in enumerate(self.columns)
        }
        return {"cols": columns, "metadata": self.metadata}


def parse_columns(given: Any) -> list[Column]:
    """{"name": {"data": [...], "order": 0}}, or a list of {"name", "data"}, either of them also as JSON in a text."""
    if isinstance(given, str):
        given = _decode(given)
    if isinstance(given, dict):
        given = [{"name": name, **column} for name, column in sorted(given.items(), key=_order) if isinstance(column, dict)]
    if not isinstance(given, list):
        raise Refusal(400, "cols must be an object or a list of columns")
    return [_column(column) for column in given]


def _decode(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"cols is not JSON: {error}") from None


def _order(item: tuple[str, Any]) -> float:
    order = item[1].get("order") if isinstance(item[1], dict) else None
    return order if isinstance(order, int | float) else 0


def _column(given: Any) -> Column:
    if not isinstance(given, dict) or not isinstance(given.get("name"), str) or not isinstance(given.get("data"), list):
        raise Refusal(400, "a column needs a name, which is text, and data, which is a list")
    if too_deep(given["data"]):
        raise Refusal(400, f"the column {given['name'][:80]!r} is nested more than {MAX_DEPTH} deep")
    return Column(given["name"], given["data"])


# References from traces

Read = Callable[[str], list[Any] | None]
"""The data that a reference leads to; None where it leads nowhere."""


def resolve(tree: Any, read: Read) -> Any:
    """A copy of traces or frames in which `x` stands beside every `xsrc`, and so on.

    A reference that leads nowhere is dropped where the data is there anyhow, else Refusal(400) is raised.
    """
    if isinstance(tree, list) and tree and isinstance(tree[0], dict):
        return [resolve(item, read) for item in tree]
    return dict(_resolved(tree, read)) if isinstance(tree, dict) else tree


def _resolved(trace: dict[str, Any], read: Read) -> Iterator[tuple[str, Any]]:
    found: dict[str, list[Any]] = {}
    for key, value in trace.items():
        if len(key) > 3 and key.endswith("src") and isinstance(value, str):
            data = read(value)
            if data is None and key[:-3] in trace:
                continue
            if data is None:
                raise Refusal(400, f"{key} is {value[:80]!r}, but there is no such column of a grid that you may see")
            found[key[:-3]] = data
            yield key, value
        else:
            yield key, resolve(value, read)
    yield from found.items()


def reader(store: Store, user: User) -> Read:
    """Reads what that user may see; each grid once."""
    known: dict[tuple[str, int], Grid | None] = {}

    def column(name: str, fid: int, uid: str) -> list[Any] | None:
        if (name, fid) not in known:
            known[name, fid] = _visible(store, user, name, fid)
        grid = known[name, fid]
        return None if grid is None else next((column.data for column in grid.columns if column.uid == uid), None)

    def read(reference: str) -> list[Any] | None:
        matches = [_REFERENCE.fullmatch(part) for part in reference.split(",")]
        columns = [column(match[1], int(match[2]), match[3]) if match else None for match in matches]
        if None in columns:
            return None
        return columns[0] if len(columns) == 1 else columns

    return read


def _visible(store: Store, user: User, name: str, fid: int) -> Grid | None:
    file = store.file(name, fid)
    if file is None or file.kind != "grid" or file.trashed or not (file.sharing == "public" or file.user_id == user.id):
        return None
    return Grid.load(store.file_content(file))


def without_data(tree: Any) -> Any:
    """The other way round: only the references, except where a stream feeds the trace."""
    if isinstance(tree, list) and tree and isinstance(tree[0], dict):
        return [without_data(item) for item in tree]
    if not isinstance(tree, dict) or "stream" in tree:
        return tree
    return {key: without_data(value) for key, value in tree.items() if f"{key}src" not in tree}
