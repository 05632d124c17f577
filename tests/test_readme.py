"""What README.md and docs/ tell people to type works."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.cli import commands
from tests import processes

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def _blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def _typed(program: str) -> list[str]:
    """Every line of README.md and docs/ that a person is to type and that begins with `program`."""
    pages = [README, *sorted((ROOT / "docs").glob("*.md"))]
    lines = [line.strip() for page in pages for block in _blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    return list(dict.fromkeys(line for line in lines if line.split(" ")[0] == program))


@pytest.mark.parametrize("line", _typed("plotpost"))
def test_every_command_is_understood(line: str) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    assert commands.main([*arguments, "--help"], standalone_mode=False) == 0


@pytest.mark.parametrize("line", _typed("make"))
def test_every_target_of_make_is_there(line: str) -> None:
    done = subprocess.run([*shlex.split(line, comments=True), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_first_steps_lead_to_a_point_in_a_plot(serve: Callable[..., ChildEndpoint], tmp_path: Path) -> None:
    new_plot = next(line for line in _typed("plotpost") if line.startswith("plotpost plot new"))
    made = processes.run(tmp_path, *shlex.split(new_plot)[1:], "--json", "--data", str(tmp_path / "data"))
    endpoint = serve()
    token = next(iter(processes.last_json(made.stdout)["tokens"].values()))
    program = _blocks(README, "python")[0].replace("http://127.0.0.1:8050", endpoint.url)
    done = subprocess.run([sys.executable, "-c", f"token = {token!r}\n{program}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with accounts.opened(endpoint.data) as store:
        assert sum(plot.points for plot in store.plots()) == 1
