"""`plotpost agent`: the firmware on this machine's own Python, against a real endpoint."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools import accounts
from host_tools.agent import NotRunnable, run
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.plots import save_plot
from host_tools.simulate import Closing, LogLine
from tests.faults.harness import stored_traces

ROOT = Path(__file__).parent.parent
_WAIT_S = 60

Json = dict[str, Any]


class Agent:
    """The command in a process of its own; `log` grows while it runs."""

    def __init__(self, *command: str, cwd: Path) -> None:
        self.log: list[LogLine] = []
        self.ended = False
        self._grown = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, *command, "agent", "--config", "config.json", "--json"],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'firmware'}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            with self._grown:
                self.log.append(LogLine(**json.loads(text)))
                self._grown.notify_all()
        with self._grown:
            self.ended = True
            self._grown.notify_all()

    def await_log(self, message: str) -> None:
        with self._grown:
            come = self._grown.wait_for(lambda: self.ended or any(message in line.message for line in self.log), _WAIT_S)
            assert come, self.log
            assert not self.ended, self.log

    def await_points(self, data: Path, count: int) -> None:
        """Until the endpoint with this folder has so many."""
        deadline = time.monotonic() + _WAIT_S
        while sum(map(len, drawn(data))) < count:
            assert not self.ended, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> Closing:
        """Asks it to end, and gives its account."""
        self.process.send_signal(number)
        assert self.process.wait(_WAIT_S) == 0
        self._reader.join()
        closing = Closing.parse(self.log[-1].message)
        assert closing is not None, self.log
        return closing


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    started = []

    def run(*command: str) -> Agent:
        started.append(Agent(*(command or ("-m", "host_tools.cli")), cwd=tmp_path))
        return started[-1]

    yield run
    for agent in started:
        agent.process.kill()
        agent.process.communicate()


@pytest.fixture
def tokens(tmp_path: Path) -> list[str]:
    """Two stream tokens that feed a plot."""
    with accounts.opened(tmp_path / "data") as store, store.transaction():
        user, _ = accounts.owner(store)
        tokens = [store.new_token(user) for _ in range(2)]
        data = [{"x": [], "y": [], "stream": {"token": token, "maxpoints": 1000}} for token in tokens]
        save_plot(store, user, data, {}, "pi", "new", "public")
    return tokens


@pytest.fixture
def configure(tmp_path: Path, tokens: list[str]) -> Callable[..., None]:
    """Writes config.json and secrets.json; arguments are keys of the former."""

    def write(**keys: Any) -> None:
        load = {"driver": "load", "every": "100ms", "channels": {"load1": {"stream": "s0"}}}
        config = {
            "version": 1,
            "board": "raspberry_pi",
            "name": "pi",
            "endpoint": "http://127.0.0.1:9",
            "sensors": [load],
            **keys,
        }
        secrets = {"version": 1, "tokens": {f"s{i}": token for i, token in enumerate(tokens)}}
        for name, content in (("config.json", config), ("secrets.json", secrets)):
            (tmp_path / name).write_text(json.dumps(content))
            (tmp_path / name).chmod(0o600)

    return write


def drawn(data: Path) -> list[list[Any]]:
    """The values of each trace, as the endpoint keeps them."""
    with accounts.opened(data) as store:
        (plot,) = store.plots()
        return stored_traces(store, plot.id)


def refusal(folder: Path) -> str:
    """The one line with which it does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "host_tools.cli", "agent"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'firmware'}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_WAIT_S,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line.removeprefix("plotpost: ")


def test_a_raspberry_pi_streams_its_dht_and_loses_nothing_at_its_end(
    tmp_path: Path, configure: Callable[..., None], start: Callable[..., Agent], serve: Callable[..., ChildEndpoint]
) -> None:
    endpoint = serve()
    channels = {"temperature": {"stream": "s0"}, "humidity": {"stream": "s1"}}
    configure(endpoint=endpoint.url, sensors=[{"driver": "dht22", "pin": "GPIO4", "every": "2s", "channels": channels}])
    agent = start("-m", "tests.raspberry_pi")
    agent.await_points(endpoint.data, 2)
    closing = agent.end()
    assert closing.taken == closing.settled >= 2
    temperatures, humidities = drawn(endpoint.data)
    assert set(temperatures) == {21.3}
    assert set(humidities) == {45.6}
    assert len(temperatures) + len(humidities) == closing.taken


def test_what_is_not_sent_stays_in_its_folder_for_the_next_life(
    tmp_path: Path,
    configure: Callable[..., None],
    start: Callable[..., Agent],
    serve: Callable[..., ChildEndpoint],
    free_port: int,
) -> None:
    configure(endpoint=f"http://127.0.0.1:{free_port}")
    agent = start()
    agent.await_log("connection refused")
    first = agent.end(signal.SIGINT)
    assert first.taken > first.settled == 0
    endpoint = serve(port=free_port)
    agent = start()
    agent.await_points(endpoint.data, 2)
    second = agent.end()
    assert second.settled == second.taken
    assert len(drawn(endpoint.data)[0]) == first.taken + second.taken


def test_a_second_agent_with_the_same_folder_does_not_start(
    tmp_path: Path, configure: Callable[..., None], start: Callable[..., Agent]
) -> None:
    configure()
    start().await_log("readings fit the ring")
    assert refusal(tmp_path) == (
        f"{tmp_path}: another agent runs with this folder; stop it, or give this one a folder of its own"
    )


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # whoever runs the tests may write everywhere
    with pytest.raises(NotRunnable, match=r"what is not sent yet is kept here, and this user may not write"):
        run(Path("config.json"), None, lambda line: None)


def test_a_board_that_runs_the_agent_itself_is_refused(tmp_path: Path, configure: Callable[..., None]) -> None:
    dht = {"driver": "dht22", "pin": "GP15", "every": "2s", "channels": {"temperature": {"stream": "s0"}}}
    configure(board="pico_w", sensors=[dht])
    assert refusal(tmp_path) == (
        "a Pico W runs the agent itself (plotpost up); this machine runs it for the boards linux and raspberry_pi"
    )


def test_a_plot_is_not_created_here_and_the_command_that_does_is_told(tmp_path: Path, configure: Callable[..., None]) -> None:
    configure(plot={})
    secrets = json.loads((tmp_path / "secrets.json").read_text())
    (tmp_path / "secrets.json").write_text(json.dumps({**secrets, "account": {"user": "u", "api_key": "k"}}))
    assert refusal(tmp_path) == "config.json: plot: here the agent creates none; take this key out, and run: plotpost plot new"


def test_a_pin_that_the_raspberry_pi_lacks_is_told_before_it_starts(tmp_path: Path, configure: Callable[..., None]) -> None:
    dht = {"driver": "dht22", "pin": "GP4", "every": "2s", "channels": {"temperature": {"stream": "s0"}}}
    configure(sensors=[dht])
    assert "sensors[0].pin: 'GP4' is no pin of raspberry_pi" in refusal(tmp_path)


def test_a_library_that_takes_sigterm_does_not_keep_the_agent_from_sending_the_rest(
    tmp_path: Path, configure: Callable[..., None], start: Callable[..., Agent], serve: Callable[..., ChildEndpoint]
) -> None:
    (tmp_path / "adafruit_dht.py").write_text(
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as Blinka's pulseio on a Raspberry Pi\n"
        "class DHT22:\n"
        "    temperature, humidity = 21.3, 45.6\n"
        "    def __init__(self, pin, use_pulseio): assert not use_pulseio\n"
        "    def measure(self): pass\n"
    )
    (tmp_path / "board.py").write_text("D4 = object()\n")
    channels = {"temperature": {"stream": "s0"}, "humidity": {"stream": "s1"}}
    endpoint = serve()
    configure(endpoint=endpoint.url, sensors=[{"driver": "dht22", "pin": 4, "every": "2s", "channels": channels}])
    agent = start()
    agent.await_points(endpoint.data, 2)
    closing = agent.end()
    assert closing.taken == closing.settled >= 2
