import asyncio
import logging
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from host_tools.endpoint.browser import PROGRAMS, Browser

PATIENCE_S = 60


class Stand:
    """A program in the browser's place that notes who started it with what, in a folder that everybody may use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        self.log.chmod(0o666)

    def put(self, script: str) -> str:
        program = self.folder / "chromium"
        program.write_text(f'#!/bin/sh\necho "$(id -un) $*" >>{self.log}\n{script}\n')
        program.chmod(0o755)
        return str(program)

    def starts(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def stand() -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="plotpost-test-") as name:
        Path(name).chmod(0o755)
        yield Stand(Path(name))


def run(browser: Browser, program: str, *arguments: str) -> bytes:
    """In the loop that the endpoint uses."""
    folder = tempfile.TemporaryDirectory(prefix="plotpost-picture-")
    with folder as name, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(browser.run(program, Path(name), PATIENCE_S, *arguments))


def expected_user() -> str:
    return "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def test_it_keeps_its_sandbox_and_is_nobody_where_we_are_root(stand: Stand) -> None:
    assert run(Browser(), stand.put("echo drawn")) == b"drawn\n"
    [start] = stand.starts()
    assert start.split()[0] == expected_user()
    assert "--no-sandbox" not in start


def test_where_there_is_no_sandbox_it_is_told_once_and_drawn_without(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    program = stand.put('case "$*" in *--no-sandbox*) echo drawn;; *) echo "No usable sandbox!" >&2; exit 1;; esac')
    browser = Browser()
    with caplog.at_level(logging.WARNING):
        assert [run(browser, program), run(browser, program)] == [b"drawn\n"] * 2
    assert ["--no-sandbox" in start for start in stand.starts()] == [False, True, True]
    assert {start.split()[0] for start in stand.starts()} == {expected_user()}
    assert [record.message for record in caplog.records if "without Chromium's sandbox" in record.message] != []
    assert len(caplog.records) == 1


def test_a_page_that_kills_it_does_not_take_the_sandbox_away(stand: Stand) -> None:
    browser = Browser()
    assert run(browser, stand.put("exit 139")) == b""
    assert run(browser, stand.put("echo drawn")) == b"drawn\n"
    assert all("--no-sandbox" not in start for start in stand.starts())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_what_nobody_may_not_run_is_run_all_the_same(stand: Stand) -> None:
    program = stand.put("echo drawn")
    stand.folder.chmod(0o700)
    assert run(Browser(), program) == b"drawn\n"
    assert [start.split()[0] for start in stand.starts()] == ["root"]


@pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium: install the package chromium")
def test_a_real_one_starts_in_some_way(tmp_path: Path) -> None:
    program = next(filter(None, map(shutil.which, PROGRAMS)))
    assert b"<body>" in run(Browser(), program, "--dump-dom", "about:blank")
