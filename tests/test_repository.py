"""What is true of the repository as a whole."""

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_MACHINE = re.compile(
    r"/(?:tmp|work|root|home)/[\w.-]+/|\b(?:deb|security|ftp)\.debian\.org|\bpypi\.org|pythonhosted|registry\.npmjs"
)


def _texts() -> dict[Path, str]:
    """Every text file of the project, by its path in it."""
    folders = ("boards", "docs", "firmware", "host_tools", "tests", ".ci")
    files = [path for path in ROOT.iterdir() if path.is_file()] + [path for name in folders for path in (ROOT / name).rglob("*")]
    texts = {}
    for path in files:
        if path.is_file() and not {"__pycache__", "node_modules"} & {*path.parts}:
            with contextlib.suppress(UnicodeDecodeError):
                texts[path.relative_to(ROOT)] = path.read_text()
    return texts


def test_no_file_names_a_folder_or_a_mirror_of_one_machine() -> None:
    texts = {path: text for path, text in _texts().items() if path != Path("tests/test_repository.py")}
    assert {path: match[0] for path, text in texts.items() if (match := _MACHINE.search(text))} == {}


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    modules = {
        path: text for path, text in _texts().items() if path.suffix == ".py" and path.parts[0] in ("firmware", "host_tools")
    }
    assert [path for path, text in modules.items() if text.count("\n") > 1 and not text.startswith('"""')] == []


def test_the_firmware_imports_nothing_of_the_host() -> None:
    importing = re.compile(r"^\s*(?:from|import) host_tools\b", re.MULTILINE)
    assert [path for path in (ROOT / "firmware").rglob("*.py") if importing.search(path.read_text())] == []


def test_nothing_imports_the_command_line() -> None:
    importing = re.compile(r"^\s*(?:from|import) host_tools\.cli\b", re.MULTILINE)
    others = [path for path in (ROOT / "host_tools").rglob("*.py") if "cli" not in path.relative_to(ROOT).parts]
    assert [path for path in others if importing.search(path.read_text())] == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a virtual environment in which the built wheel lies, its dependencies, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
    programs = folder / "venv" / "bin"
    wheel = next(folder.glob("*.whl"))
    _run(
        sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "-qq", "--no-deps", "--no-index", str(wheel)
    )
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return programs


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_command_explains_itself(installed: Path, tmp_path: Path) -> None:
    assert "plotpost demo" in _run(str(installed / "plotpost"), "--help", cwd=tmp_path)


def test_the_installed_package_has_the_client_for_scripts(installed: Path, tmp_path: Path) -> None:
    where = _run(
        str(installed / "python"), "-c", "from plotpost import Stream; import plotpost; print(plotpost.__file__)", cwd=tmp_path
    )
    assert str(installed.parent) in where


def test_the_installed_package_holds_the_same_firmware_and_boards(installed: Path, tmp_path: Path) -> None:
    program = "from pathlib import Path; from host_tools.resources import *; copy_firmware(Path()); print(boards())"
    boards = Path(_run(str(installed / "python"), "-c", program, cwd=tmp_path).strip())
    assert (tmp_path / "main.py").read_bytes() == (ROOT / "firmware" / "main.py").read_bytes()
    assert _content(tmp_path / "plotpost") == _content(ROOT / "firmware" / "plotpost")
    assert _content(boards) == _content(ROOT / "boards")


def test_the_installed_command_checks_a_board_before_it_starts(installed: Path, tmp_path: Path) -> None:
    config = {"version": 1, "board": "lunix", "name": "x", "endpoint": "http://127.0.0.1:1", "sensors": []}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "secrets.json").write_text('{"version": 1, "tokens": {}}')
    (tmp_path / "secrets.json").chmod(0o600)
    done = subprocess.run([str(installed / "plotpost"), "simulate"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("plotpost: config.json: ")


def _content(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_no_file_of_tests_leaves_simulated_modules_on_the_path() -> None:
    """Programs that tests start inherit it: an endpoint would find MicroPython's `select` there."""
    assert [path for path in sys.path if path.endswith(("/simulated", "/hardware"))] == []
