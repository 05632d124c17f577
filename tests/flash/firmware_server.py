"""A server with MicroPython's download pages: links, ranges, and downloads that break off."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

_RANGE = re.compile(r"bytes=(\d+)-$")


class FirmwareServer:
    """Serves `files`, {name: content}, below /resources/firmware/, and a page that links them at /download/NAME/; within `with`.

    `break_after`: how many bytes each answer is cut after; `ranges`: whether parts can be asked for. `asked`: (path, first byte) each.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.break_after: int | None = None
        self.ranges = True
        self.status = 200
        self.asked: list[tuple[str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def page(self) -> bytes:
        """Laid out as micropython.org does it."""
        links = [
            f'<li><a href="/resources/firmware/{name}">{name}</a> / <a href="/resources/firmware/{name}.map">[.map]</a></li>'
            for name in self.files
        ]
        return f"<html><body><h2>Firmware</h2><ul>{''.join(links)}</ul></body></html>".encode()

    def _handler(served: "FirmwareServer") -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                content = served.page() if self.path.startswith("/download/") else served.files.get(name)
                found = _RANGE.match(self.headers.get("Range", "")) if served.ranges else None
                start = int(found[1]) if found else 0
                served.asked.append((self.path, start))
                if content is None or served.status != 200:
                    self.send_error(404 if content is None else served.status)
                elif start and start >= len(content):
                    self.send_error(416)
                else:
                    self.send_response(206 if start else 200)
                    self.send_header("Content-Length", str(len(content) - start))
                    self.end_headers()
                    self.wfile.write(content[start : None if served.break_after is None else start + served.break_after])
                self.close_connection = True

            def log_message(self, *ignored: object) -> None:
                pass

        return Handler
