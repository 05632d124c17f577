"""REST v1's `origin=style` and `origin=layout`: change how a plot that is there looks, and leave its data and address as they are."""

from collections.abc import Iterator
from typing import Any

from ..errors import Refusal
from ..form import Fields
from ..style import Style, parse_style


def parse_restyling(origin: str, fields: Fields, traces: int) -> Style:
    """Return the change that `args` holds, for a plot with so many traces. Raises Refusal(400).

    For "layout" that is a layout. For "style" it is an object, or a list of them, for the traces whose numbers stand in
    `kwargs.traces`, or for all: the first object is for the first of them, and so on, over and over.
    """
    args = fields.get("args")
    given: list[Any] = args if isinstance(args, list) else [args]
    if not given or not all(isinstance(each, dict) and each for each in given):
        raise Refusal(400, f"args must be a {origin}, an object with attributes, or a list of those")
    if origin == "layout":
        return parse_style({"layout": {path: value for each in given for path, value in _leaves(each)}})
    which = (fields.get("kwargs") or {}).get("traces", list(range(traces)))
    if not isinstance(which, list) or not all(type(number) is int for number in which):
        raise Refusal(400, "kwargs.traces must be a list of the traces' numbers, from 0")
    return parse_style({"traces": {str(number): dict(_leaves(given[at % len(given)])) for at, number in enumerate(which)}})


def filename_of(fields: Fields) -> str:
    """Return the name of the plot that is meant. Raises Refusal(400)."""
    kwargs = fields.get("kwargs")
    filename = kwargs.get("filename") if isinstance(kwargs, dict) else None
    if not isinstance(filename, str) or not filename.strip():
        raise Refusal(400, "kwargs.filename must name the plot to change")
    return filename.strip()


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The attributes by path."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
