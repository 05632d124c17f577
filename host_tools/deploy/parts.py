"""Which modules of the firmware a board needs for its drivers, and which packages those import."""

import ast
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from host_tools import resources

MAIN = "main.py"
_ROOTS = (MAIN, "plotpost/__init__.py", "plotpost/client.py", "plotpost/sensors/__init__.py")

Sources = Mapping[str, bytes]  # by their path on the board


def firmware() -> dict[str, bytes]:
    """All of it."""
    with tempfile.TemporaryDirectory(prefix="plotpost-firmware-") as temporary:
        folder = Path(temporary)
        resources.copy_firmware(folder)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py"))}


def needed(sources: Sources, drivers: Iterable[str]) -> dict[str, bytes]:
    """What main.py, scripts that use plotpost, and these drivers lead to by their imports."""
    reached = _reach(sources, [*_ROOTS, *map(_driver, drivers)])
    return {path: source for path, source in sources.items() if path in reached}


def imported(sources: Sources, drivers: Iterable[str]) -> set[str]:
    """The modules from elsewhere that these drivers import, and what they alone lead to."""
    own = _reach(sources, map(_driver, drivers)) - _reach(sources, _ROOTS)
    return {name.partition(".")[0] for path in own for name in _imports(sources[path])}


def _driver(name: str) -> str:
    return f"plotpost/sensors/{name}.py"


def _reach(sources: Sources, roots: Iterable[str]) -> set[str]:
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        if (path := waiting.pop()) not in reached and path in sources:
            reached.add(path)
            waiting += [place for name in _imports(sources[path]) for place in _places(name)]
    return reached


def _imports(source: bytes) -> Iterator[str]:
    """Every name that may be a module's, also of imports inside functions: `from a import b` may mean a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _places(module: str) -> tuple[str, str]:
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"
