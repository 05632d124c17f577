"""Runs an expression beside modules of the viewer in Node.js, which has their language but no page."""

import json
import os
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

VIEWER = Path(str(resources.files("host_tools.endpoint").joinpath("viewer")))
_PATIENCE_S = 60
# The least of a page that modules ask for when they are loaded.
_PAGE = "globalThis.document = { createElement: () => ({}), querySelector: () => null };"


def evaluate(expression: str, *modules: str, given: Any = None, zone: str = "UTC") -> Any:
    """The value of the expression, in which the modules stand under their names and `given` is what is given."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("no Node.js: install the package nodejs")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for module in VIEWER.glob("*.js"):
            shutil.copy(module, folder)
        (folder / "package.json").write_text('{"type": "module"}')  # browsers are told by the page that these are modules
        imports = "".join(f"const {each} = await import('./{each}.js');" for each in modules)
        script = f"{_PAGE}{imports}const given = {json.dumps(given)};console.log(JSON.stringify(await ({expression})));"
        (folder / "_run.js").write_text(script)
        environment = {"TZ": zone, "PATH": os.defpath}
        ran = subprocess.run(
            [program, "_run.js"], cwd=folder, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S
        )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)
