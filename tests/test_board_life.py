"""What the whole agent does when it cannot go on, and what it says of itself: on real MicroPython, against a real endpoint."""

import json
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plotpost.flash import Flash
from plotpost.settings import Channel

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.plots import save_plot
from host_tools.runtime import Runtime
from host_tools.simulate import LogLine, Simulation

_CLOCK_UNKNOWN = 1 << 16  # in the head of a record: spool.py
_LITTLE_KIB = 136  # a board with WiFi has 160, and need not compile the firmware

DYING_PART = """\
class Driver:
    CHANNELS = (("load1", "", 0),)
    OPTIONS = ()
    MIN_EVERY_MS = 10
    def __init__(self, options):
        self.reads = 0
    def start(self):
        return 0
    def read(self, values):
        self.reads += 1
        if self.reads > 20:
            raise RuntimeError("a secret")
        values[0] = self.reads
"""


class Board(Simulation):
    """A simulated board with the part that dies, whose flash can be taken over from an earlier life."""

    def __init__(self, *arguments: Any, files: dict[str, bytes], **options: Any) -> None:
        self._files = files
        super().__init__(*arguments, **options)

    def _start(self, argv: list[str]) -> Any:
        (self.flash / "plotpost" / "sensors" / "load.py").write_text(DYING_PART)
        for name, content in self._files.items():
            (self.flash / name).parent.mkdir(exist_ok=True)
            (self.flash / name).write_bytes(content)
        return super()._start(argv)

    def __enter__(self) -> "Board":
        return self

    def kept(self) -> dict[str, bytes]:
        """What outlasts this life."""
        paths = [*self.flash.glob("*.log"), self.flash / "boot.json", *self.flash.glob("spool/*")]
        return {path.relative_to(self.flash).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def tokens(tmp_path: Path) -> list[str]:
    with accounts.opened(tmp_path / "data") as store, store.transaction():
        user, _ = accounts.owner(store)
        tokens = [store.new_token(user) for _ in range(2)]
        traces = [{"x": [], "y": [], "stream": {"token": token, "maxpoints": 1000}} for token in tokens]
        save_plot(store, user, traces, {}, "life", "new", "public")
    return tokens


@pytest.fixture
def endpoint(tokens: list[str], serve: Callable[..., ChildEndpoint]) -> ChildEndpoint:
    return serve()


def _files(url: str, tokens: list[str], sensors: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    config = {"version": 1, "board": "linux", "name": "life", "endpoint": url, "sensors": sensors}
    return config, {"version": 1, "tokens": dict(zip(("s1", "s2"), tokens, strict=True))}


LOAD = {"driver": "load", "every": "10ms", "channels": {"load1": {"stream": "s1"}}}
HEALTH = {
    "driver": "health",
    "every": "1s",
    "channels": {"free_heap_b": {"stream": "s1"}, "task_restarts": {"stream": "s2"}},
}


def test_a_board_that_cannot_recover_ends_with_a_reason_and_its_readings_arrive_after_the_next_boot(
    runtime: Runtime, endpoint: ChildEndpoint, tokens: list[str], free_port: int
) -> None:
    lines: list[LogLine] = []
    nowhere = _files(f"http://127.0.0.1:{free_port}", tokens, [LOAD])
    with Board(runtime, *nowhere, files={}, on_line=lines.append) as board:
        assert board.wait(60) == 1
        kept = board.kept()
    reason = "task sampler does not recover: RuntimeError at load.py:12"
    assert lines[-1].message == f"resetting: {reason}"
    assert kept["crash.log"].decode().startswith("boot 1 (0.1.0) after ")
    assert kept["crash.log"].decode().endswith(f" s: {reason}\n")
    assert json.loads(kept["boot.json"]) == {"boots": 1, "bad": 0, "reason": reason}
    assert b"a secret" not in b"".join(kept.values())
    segments = [name for name in kept if name.startswith("spool/")]
    assert len(segments) == 1

    lines.clear()
    with Board(runtime, *nowhere, files=kept, on_line=lines.append) as board:
        assert board.wait(60) == 1
    assert any(line.message == f"number 2, the one before ended by: {reason}" for line in lines)
    assert any(line.message == "20 readings of earlier boots wait on flash" for line in lines)


def test_health_is_streamed_like_any_reading_and_the_endpoint_is_told_of_boots_and_resets(
    runtime: Runtime, endpoint: ChildEndpoint, tokens: list[str]
) -> None:
    with Board(runtime, *_files(endpoint.url, tokens, [HEALTH]), files={}) as board:
        _await_points(endpoint, 4)
        board.stop()
        assert board.closing is not None
        assert board.closing.taken == board.closing.settled >= 4
    with accounts.opened(endpoint.data) as store:
        user, _ = accounts.owner(store)
        [device] = store.devices(user)
    assert device.device is not None
    assert device.device.endswith("; boots=1; reset=unknown")


def test_a_board_boots_with_a_full_flash_and_sends_all_of_it(
    runtime: Runtime, endpoint: ChildEndpoint, tokens: list[str], tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    earlier = _fill(spool, endpoint.url, tokens[0])
    files = {f"spool/{path.name}": path.read_bytes() for path in spool.iterdir()}
    config, secrets = _files(endpoint.url, tokens, [HEALTH])
    lines: list[LogLine] = []
    with Board(
        runtime, config | {"spool": {"ram": "16KiB"}}, secrets, files=files, heap_kib=_LITTLE_KIB, on_line=lines.append
    ) as board:
        while any((board.flash / name).exists() for name in files):
            assert board.wait(0.1) is None, lines
        assert board.stop() == 0
    _await_points(endpoint, earlier)
    assert any(line.message == f"{earlier} readings of earlier boots wait on flash" for line in lines)


def _fill(folder: Path, endpoint: str, token: str) -> int:
    """Readings of an earlier boot, as many as the flash of a board takes by default; returns how many."""
    flash = Flash(str(folder), 64 * 1024, endpoint)
    session = flash.session("00112233445566aa", endpoint, [Channel("load1", "", 0, token)])
    count = 0
    while len(session.segments) < 16:
        words = array("i", [word for n in range(count, count + 100) for word in (_CLOCK_UNKNOWN, n, n)])
        count += session.append(words, 0, count, 100)
    return count


def _await_points(endpoint: ChildEndpoint, count: int) -> None:
    deadline = time.monotonic() + 60
    with accounts.opened(endpoint.data) as store:
        while sum(plot.points for plot in store.plots()) < count:
            assert time.monotonic() < deadline
            time.sleep(0.05)
