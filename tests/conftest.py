"""Fixtures for all tests: a real MicroPython, a real endpoint. Tests that a machine cannot run are listed, and fail in CI."""

import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from host_tools import runtime as runtimes
from host_tools.child_endpoint import ChildEndpoint
from tests.network import quiet_port

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

# How fast a machine is, and what else it does, fails no test.
settings.register_profile(
    "patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")


def pytest_configure() -> None:
    """A shell lets programs in its background ignore Ctrl-C (POSIX, 2.11), and those that tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names every test that was left out, with the reason."""
    left_out = terminalreporter.stats.get("skipped", [])
    if left_out:
        terminalreporter.section("left out", sep="-")
    for report in left_out:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that is left out has failed."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"left out in CI: {report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr}"
    return report


@pytest.fixture(scope="session")
def runtime() -> runtimes.Runtime:
    """A 32-bit MicroPython, so that heap counts as on a board; the tests that need one are left out where it cannot be had."""
    try:
        found = runtimes.find()
    except runtimes.RuntimeMissing as missing:
        pytest.skip(str(missing))
    if found.bits != 32:
        pytest.skip(f"{found.label}: only the 32-bit build counts memory as a board does")
    return found


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    return quiet_port()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ChildEndpoint]]:
    """Starts endpoints: `serve()`, or `serve(port=.., data=..)` for a second life of one; all are gone after the test.

    Further arguments are options of `plotpost serve`.
    """
    started: list[ChildEndpoint] = []

    def start(*options: str, port: int = 0, data: Path | None = None) -> ChildEndpoint:
        endpoint = ChildEndpoint(data or tmp_path / "data", port, tmp_path / "endpoint.log", *options)
        started.append(endpoint)
        endpoint.start()
        return endpoint

    yield start
    for endpoint in started:
        endpoint.kill()


@pytest.fixture
def endpoint(serve: Callable[..., ChildEndpoint]) -> ChildEndpoint:
    """A real endpoint in a process of its own: `url`, `data`, `user`, `api_key`, `pid`; `kill()`, `stop()`, `start()`."""
    return serve()
