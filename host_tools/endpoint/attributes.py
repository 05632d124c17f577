"""A tree of attributes, reached by paths such as "marker.size", and which of them have changed."""

from collections import deque
from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 32
MAX_ATTRIBUTES = 10_000  # of one trace or layout; a stream that invents more is not followed

ABSENT: Any = object()


class _Node(dict[str, Any]):
    """An object with attributes. A value that is an object of its own is a plain dict."""

    __slots__ = ()


class Attributes:
    """A tree in which an attribute is either a value or an object. Values are never changed, but for the points in a deque.

    The work for a path depends on its own length and on what has to go, never on how many attributes there are.
    """

    __slots__ = ("_count", "_root")

    def __init__(self) -> None:
        self._root = _Node()
        self._count = 0

    def get(self, path: str) -> Any:
        """The value at the path; an empty object where there are attributes below it, ABSENT where there is nothing."""
        found: Any = self._root
        for step in path.split(".") if "." in path else (path,):
            if type(found) is not _Node:
                return ABSENT
            found = found.get(step, ABSENT)
        return {} if type(found) is _Node else found

    def put(self, path: str, value: Any) -> list[str] | None:
        """Set a value, and give the paths of the values that had to go for it.

        None, and nothing is set, when there is no room; an empty object says nothing of one that is there.
        """
        steps = path.split(".")
        if len(steps) > MAX_DEPTH or (self._count >= MAX_ATTRIBUTES and self.get(path) is ABSENT):
            return None
        node, gone = self._enter(steps[:-1])
        old = node.get(steps[-1], ABSENT)
        if type(old) is _Node:
            if type(value) is dict and not value:
                return None
            gone += _paths(old, path)
        self._count += 1 - len(gone) - (old is not ABSENT and type(old) is not _Node)
        node[steps[-1]] = value
        return gone

    def _enter(self, steps: list[str]) -> tuple[_Node, list[str]]:
        """The object at the end of the steps, made where there is none, and the path of a value that went for it."""
        node, gone = self._root, []
        for at, step in enumerate(steps, 1):
            inner = node.get(step, ABSENT)
            if type(inner) is not _Node:
                if inner is not ABSENT:
                    gone.append(".".join(steps[:at]))
                inner = node[step] = _Node()
            node = inner
        return node, gone

    def remove(self, path: str) -> list[str]:
        """Take an attribute away, with all that is in it; gives the paths of the values that went."""
        *steps, last = path.split(".")
        way = [self._root]
        for step in steps:
            inner = way[-1].get(step)
            if type(inner) is not _Node:
                return []
            way.append(inner)
        old = way[-1].pop(last, ABSENT)
        gone = _paths(old, path) if type(old) is _Node else [] if old is ABSENT else [path]
        self._count -= len(gone)
        while steps and not way.pop():
            del way[-1][steps.pop()]
        return gone

    def nested(self) -> dict[str, Any]:
        """A copy as JSON has it."""
        return _copy(self._root)


class Changes:
    """Paths of a tree that have a new value since viewers were told."""

    __slots__ = ("_attributes", "_paths")

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self._paths: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._paths)

    def add(self, path: str) -> None:
        self._paths.pop(path, None)  # what was said last of a path or a part of it must come last: viewers do things in order
        self._paths[path] = None

    def values(self) -> dict[str, Any]:
        """The values as they are now. A path that is gone has another in its place, which is told as well."""
        found = ((path, self._attributes.get(path)) for path in self._paths)
        return {path: list(value) if type(value) is deque else value for path, value in found if value is not ABSENT}


def too_deep(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether lists and objects are nested deeper than `depth`."""
    if isinstance(value, dict):
        return depth == 0 or any(too_deep(inner, depth - 1) for inner in value.values())
    if isinstance(value, list):
        return depth == 0 or any(too_deep(inner, depth - 1) for inner in value)
    return False


def _paths(node: _Node, path: str) -> list[str]:
    return list(_walk(node, path))


def _walk(node: _Node, prefix: str) -> Iterator[str]:
    for key, value in node.items():
        path = f"{prefix}.{key}"
        if type(value) is _Node:
            yield from _walk(value, path)
        else:
            yield path


def _copy(node: _Node) -> dict[str, Any]:
    return {
        key: _copy(value) if type(value) is _Node else list(value) if type(value) is deque else value
        for key, value in node.items()
    }
