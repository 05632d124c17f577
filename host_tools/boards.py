"""The boards that plotpost knows: boards/*.json."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from host_tools import resources


class UnknownBoard(ValueError):
    """There is no such file. The text names the boards that there are."""


@dataclass(frozen=True)
class Board:
    """What config.json is checked against. `pins`: what is printed on the board, and the number that machine.Pin takes."""

    name: str
    product: str
    drivers: tuple[str, ...]
    pins: Mapping[str, int]
    wifi: bool
    heap_kib: int


def names() -> list[str]:
    """The names that `load` takes."""
    return sorted(path.stem for path in resources.boards().glob("*.json") if not path.name.endswith(".schema.json"))


def load(name: str) -> Board:
    """The board in boards/NAME.json. Raises UnknownBoard."""
    if name not in (known := names()):
        raise UnknownBoard(f"board {name!r} is unknown; known: {', '.join(known)}")
    content = json.loads((resources.boards() / f"{name}.json").read_text(encoding="utf-8"))
    own = content["plotpost"]
    return Board(name, content["product"], tuple(own["drivers"]), own["pins"], own["wifi"], own["heap_kib"])


def load_all() -> dict[str, Board]:
    """Every board by its name."""
    return {name: load(name) for name in names()}
