"""firmware/package.json and firmware/manifest.py: how MicroPython's own tools install or freeze the firmware."""

import functools
import http.server
import json
import runpy
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plotpost
import pytest

import host_tools
from host_tools.runtime import Runtime

FIRMWARE = Path(__file__).parent.parent / "firmware"


def _package() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FIRMWARE / "package.json").read_text(encoding="utf-8"))
    return content


def _modules() -> list[str]:
    return sorted(path.relative_to(FIRMWARE).as_posix() for path in (FIRMWARE / "plotpost").rglob("*.py"))


def _manifest() -> dict[str, tuple[tuple[Any, ...], dict[str, Any]]]:
    """What the manifest calls: the arguments by the name of the function, which is called once."""
    calls: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def record(name: str, *args: Any, **options: Any) -> None:
        assert name not in calls
        calls[name] = (args, options)

    names = ("metadata", "require", "package")
    runpy.run_path(str(FIRMWARE / "manifest.py"), {name: functools.partial(record, name) for name in names})
    return calls


def test_the_package_lists_every_module_where_it_lies() -> None:
    assert _package()["urls"] == [[path, path] for path in _modules()]


def test_the_manifest_freezes_the_package_that_lies_beside_it() -> None:
    assert _manifest()["package"] == (("plotpost",), {})
    assert (FIRMWARE / "plotpost" / "__init__.py").is_file()


def test_both_want_the_library_that_creates_the_plot() -> None:
    assert _package()["deps"] == [["requests", "latest"]]
    assert _manifest()["require"] == (("requests",), {})


def test_one_version_stands_everywhere() -> None:
    versions = {_package()["version"], _manifest()["metadata"][1]["version"], plotpost.__version__, host_tools.__version__}
    assert versions == {plotpost.__version__}


class _Index(http.server.SimpleHTTPRequestHandler):
    """Serves the firmware's folder, and stands in for micropython-lib's index with an empty package `requests`."""

    def do_GET(self) -> None:
        if self.path == "/package.json":
            self._answer(self._with_whole_addresses())
        elif self.path.startswith("/index/package/") and self.path.endswith("/requests/latest.json"):
            self._answer({"v": 1, "version": "0", "hashes": [], "urls": []})
        else:
            super().do_GET()

    def _with_whole_addresses(self) -> dict[str, Any]:
        """MicroPython 1.25's mip makes them itself; the one in Debian's build is older."""
        package = _package()
        here = f"http://127.0.0.1:{self.connection.getsockname()[1]}"
        return {**package, "urls": [[to, f"{here}/{source}"] for to, source in package["urls"]]}

    def _answer(self, content: dict[str, Any]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    handler = functools.partial(_Index, directory=str(FIRMWARE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


INSTALL = """\
import mip, sys
mip.install("{address}/package.json", index="{address}/index", target="lib")
sys.path[:] = ["lib", ".frozen"]
from plotpost import Stream, agent, config
print("installed", Stream.__name__)
"""


def test_mip_installs_a_package_that_works(runtime: Runtime, address: str, tmp_path: Path) -> None:
    done = subprocess.run(
        runtime.command("-c", INSTALL.format(address=address)),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.endswith("installed Stream\n"), done.stdout + done.stderr
    installed = sorted(path.relative_to(tmp_path / "lib").as_posix() for path in (tmp_path / "lib").rglob("*.py"))
    assert installed == _modules()
