"""firmware/manifest.py freezes the agent into a real build of MicroPython."""

import subprocess
from pathlib import Path

import pytest

from host_tools.runtime.errors import FetchFailed
from tests.deploy import frozen

FIRMWARE = Path(__file__).parents[2] / "firmware"


@pytest.fixture(scope="module")
def micropython(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the firmware's manifest after the one of the port, as docs/deploy.md has it."""
    folder = tmp_path_factory.mktemp("frozen")
    library = folder / "micropython-lib"  # its place is taken by one package of ours: the source package does not hold it
    package = library / "python-ecosys" / "requests"
    (package / "requests").mkdir(parents=True)
    (library / "README.md").touch()
    (package / "manifest.py").write_text('metadata(version="0")\npackage("requests")\n')
    (package / "requests" / "__init__.py").write_text("frozen = True\n")
    manifest = folder / "manifest.py"
    manifest.write_text(f'include("$(MPY_DIR)/extmod/asyncio")\ninclude("{FIRMWARE}/manifest.py")\n')
    try:
        return frozen.build(manifest, library)
    except FetchFailed as failure:
        pytest.skip(str(failure))


def run(micropython: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run([str(micropython), *arguments], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def test_the_frozen_agent_needs_no_files(micropython: Path, tmp_path: Path) -> None:
    program = "import sys; sys.path[:] = ['.frozen']; from plotpost import agent, Stream; from plotpost.sensors import health; print(agent)"
    assert run(micropython, tmp_path, "-c", program) == "<module 'plotpost.agent' from 'plotpost/agent.py'>\n"


def test_main_py_starts_the_frozen_agent(micropython: Path, tmp_path: Path) -> None:
    assert run(micropython, tmp_path, str(FIRMWARE / "main.py")).endswith("config.json: cannot be read; put it beside main.py\n")


def test_what_the_agent_requires_is_frozen_with_it(micropython: Path, tmp_path: Path) -> None:
    assert run(micropython, tmp_path, "-c", "import requests; print(requests.frozen)") == "True\n"
