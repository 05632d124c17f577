"""What the commands print comes out whole: on any terminal, in any locale, and with standard streams that are closed."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from host_tools import output
from tests import processes

LONG = "/dev/serial/by-id/usb-MicroPython_Board_in_FS_mode_e661640843412331-if00"
ROWS = [(LONG, "waits for firmware: `plotpost flash`" * 3)]


def _closed(redirection: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command with a standard stream closed, as a shell does."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "host_tools.cli", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=processes.TIMEOUT_S)


@pytest.mark.parametrize("command", ["up", "provision", "monitor"])
def test_a_closed_standard_input_is_an_empty_one(command: str) -> None:
    done = _closed("<&-", command, "--port", "/dev/ttyNOBODY0")
    assert (done.returncode, done.stderr.partition(":")[0]) == (1, "plotpost")
    assert "there is no port /dev/ttyNOBODY0" in done.stderr


def test_what_is_opened_later_does_not_get_the_number_of_a_closed_stream() -> None:
    program = "from host_tools import output; output.prepare(); import os; os._exit(os.open(os.devnull, os.O_RDONLY))"
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&-', "sh", sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": "."}
    )
    assert done.returncode > 2


def test_what_a_locale_cannot_show_is_escaped(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path / "data")]
    assert processes.run(tmp_path, "plot", "new", "22 °C → °F", *data, PYTHONIOENCODING="ascii").returncode == 0
    shown = processes.run(tmp_path, "plot", "list", *data, PYTHONIOENCODING="ascii")
    assert "\\u2192" in shown.stdout
    told = processes.run(tmp_path, "plot", "list", "--json", *data, PYTHONIOENCODING="ascii")
    assert json.loads(told.stdout)["plot"] == "22 °C → °F"


def test_a_table_that_no_terminal_shows_is_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("port", "what runs there"), ROWS)
    _, row = capsys.readouterr().out.splitlines()
    assert row.split(maxsplit=1) == [LONG, ROWS[0][1]]


def test_a_table_on_a_narrow_terminal_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(output, "console", Console(file=shown, force_terminal=True, no_color=True, width=40))
    output.table(("port", "what runs there"), [(LONG, "")])
    assert max(map(len, shown.getvalue().splitlines()[1:])) <= 40
    assert "".join(shown.getvalue().splitlines()[1:]).replace(" ", "") == LONG
