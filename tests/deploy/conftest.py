"""A small micropython-lib of our own, behind a real HTTP server."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FILES = {"greet.py": b"WORD = 'hello'\n", "bundle/__init__.py": b"from greet import WORD\n"}


class Index:
    """`pins` for what is in `folder`; `asked` are the paths that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        for place, content in FILES.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(content)
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                asked.append(self.path)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def pins(self) -> dict[str, Any]:
        return {
            "source": f"http://127.0.0.1:{self._server.server_port}/",
            "packages": {
                "greet": {"version": "1.0", "requires": [], "files": {"greet.py": self._pin("greet.py")}},
                "bundle": {
                    "version": "2.0",
                    "requires": ["greet"],
                    "files": {"bundle/__init__.py": self._pin("bundle/__init__.py")},
                },
            },
        }

    def close(self) -> None:
        """From now on nobody listens."""
        self._server.shutdown()
        self._server.server_close()

    @staticmethod
    def _pin(place: str) -> dict[str, str]:
        return {"path": place, "sha256": hashlib.sha256(FILES[place]).hexdigest()}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    folder = tmp_path / "index"
    folder.mkdir()
    served = Index(folder)
    yield served
    served.close()
