"""The endpoint as a child process: `plotpost serve` with a data folder and a port of its own."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from host_tools import leash
from host_tools.endpoint.errors import EndpointError

_START_S = 120  # on a machine that has much else to do
_STOP_S = 30  # it waits a few seconds for its clients, and writes what they sent


class ChildEndpoint:
    """An endpoint that dies with this program at the latest. `log` is a file that its messages go to, `options` are of `serve`."""

    def __init__(self, data: Path, port: int, log: Path, *options: str) -> None:
        self.data, self.port, self.log, self.options = data, port, log, options
        self.url = ""
        self.tls_url: str | None = None
        self.api_key: str | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Starts it and waits until it can be reached. Raises EndpointError with what it said."""
        self.kill()  # closes what is left of one that died
        own = ["--json", "--port", str(self.port), "--data", str(self.data)]
        argv = [sys.executable, "-m", "host_tools.cli", "serve", *own, *self.options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                leash.command(*argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,  # a terminal's Ctrl-C must not end it before the board has sent the rest
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self._read_greeting(self._process)

    def _read_greeting(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], _START_S)
        greeting = process.stdout.readline() if readable else b""
        if not greeting:
            self.kill()
            raise EndpointError(self.last_words() or f"the endpoint did not start within {_START_S} s")
        told = json.loads(greeting)
        self.url = told["url"]
        self.tls_url = told.get("tls_url")
        self.api_key = told.get("api_key", self.api_key)

    def last_words(self) -> str:
        """The last line of its log, without the program's name."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-1].removeprefix("plotpost: ") if lines else ""

    def kill(self) -> None:
        """SIGKILL: what a power cut does to a program."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ctrl-C, and SIGKILL if that does not end it."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> "ChildEndpoint":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
