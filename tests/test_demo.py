"""The demo from sensor to store: nothing is lost or doubled whatever dies, and nothing stays behind."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.errors import EndpointError
from host_tools.runtime import Runtime
from tests import processes


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def _messages(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stderr is not None
    return iter(process.stderr.readline, "")


def _wait_for(process: "subprocess.Popen[str]", pattern: str) -> re.Match[str]:
    """The first message that fits; whatever the demo says before is passed over."""
    seen = []
    for message in _messages(process):
        if match := re.search(pattern, message):
            return match
        seen.append(message)
    pytest.fail(f"the demo ended without saying {pattern!r}: {''.join(seen)}", pytrace=False)


def test_every_reading_arrives_exactly_once_though_the_endpoint_is_killed_again_and_again(
    runtime: Runtime, home: Path, free_port: int
) -> None:
    moments = random.Random(2)
    demo = processes.start(home, "demo", "--json", "--port", str(free_port))
    endpoint = int(_wait_for(demo, r"process (\d+)")[1])
    for _ in range(4):
        time.sleep(moments.uniform(0.2, 3))
        os.kill(endpoint, signal.SIGKILL)
        endpoint = int(_wait_for(demo, r"process (\d+)")[1])
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate()
    account = processes.last_json(out)
    assert (account["lost"], account["duplicated"]) == (0, 0), err
    assert account["sent"] == account["received"] > 20
    assert account["endpoint_restarts"] == 4
    assert account["heap_bytes"] <= 160 * 1024
    assert demo.returncode == 0
    assert processes.left_behind(home) == []


def test_it_goes_on_when_somebody_else_starts_the_killed_endpoint_again(
    runtime: Runtime, home: Path, free_port: int, tmp_path: Path
) -> None:
    demo = processes.start(home, "demo", "--json", "--port", str(free_port))
    greeting = _wait_for(demo, r"process (\d+), data in (.+)")
    _wait_for(demo, "The plot: ")
    demo.send_signal(signal.SIGSTOP)
    os.kill(int(greeting[1]), signal.SIGKILL)
    somebody = ChildEndpoint(Path(greeting[2]), free_port, tmp_path / "somebody.log")
    _start_on_busy_port(somebody)
    demo.send_signal(signal.SIGCONT)
    _wait_for(demo, "up again, started by somebody else")
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate()
    somebody.kill()
    account = processes.last_json(out)
    assert (account["lost"], account["duplicated"]) == (0, 0), err
    assert demo.returncode == 0


def _start_on_busy_port(endpoint: ChildEndpoint) -> None:
    """A process that is being killed holds its port for a moment."""
    for _ in range(600):
        try:
            return endpoint.start()
        except EndpointError:
            time.sleep(0.1)
    pytest.fail("the port did not become free")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_by_signal_counts_and_leaves_nothing_behind(
    runtime: Runtime, home: Path, free_port: int, number: signal.Signals
) -> None:
    demo = processes.start(home, "demo", "--json", "--port", str(free_port))
    _wait_for(demo, "The plot: ")
    time.sleep(1)
    demo.send_signal(number)
    out, err = demo.communicate()
    assert demo.returncode == 0, err
    assert processes.last_json(out)["lost"] == 0
    assert "Traceback" not in err
    assert processes.left_behind(home) == []


def test_a_killed_demo_takes_its_processes_with_it(runtime: Runtime, home: Path, free_port: int) -> None:
    demo = processes.start(home, "demo", "--json", "--port", str(free_port))
    _wait_for(demo, "The plot: ")
    demo.kill()
    demo.communicate()
    assert processes.left_running(home) == []


def test_a_port_in_use_is_passed_over_and_told(runtime: Runtime, home: Path, free_port: int) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", free_port))
        busy.listen()
        demo = processes.run(home, "demo", "--for", "2", "--json", "--port", str(free_port))
    assert f"Port {free_port} is in use; taking " in demo.stderr
    assert demo.returncode == 0
    account = processes.last_json(demo.stdout)
    assert set(account) >= {"url", "sent", "received", "lost", "duplicated", "heap_bytes", "runtime"}
    assert f":{free_port}/" not in account["url"]
    assert account["runtime"].startswith("MicroPython 1.")


def test_people_get_a_sentence_with_the_address_and_the_count(runtime: Runtime, home: Path, free_port: int) -> None:
    demo = processes.run(home, "demo", "--for", "2", "--port", str(free_port))
    assert f"The plot: http://127.0.0.1:{free_port}/~me/1" in demo.stdout
    assert re.search(r"\d+ readings taken, \d+ received, 0 lost, 0 twice", demo.stdout)
    assert demo.stderr == ""
