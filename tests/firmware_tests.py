"""Lists the firmware's tests, for those who run them on MicroPython."""

import ast
from pathlib import Path

FOLDER = Path(__file__).parent / "firmware"


def firmware_tests() -> list[tuple[str, str]]:
    """Return module and name of every test, read without importing anything."""
    found = []
    for path in sorted(FOLDER.glob("test_*.py")):
        tree = ast.parse(path.read_text())
        found += [
            (path.stem, node.name) for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
    return found
