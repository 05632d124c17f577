"""Packages of micropython-lib come from the network once, then from the cache, and never with another content than the pinned one."""

import re
from pathlib import Path

import pytest

from host_tools.deploy.errors import DeployError
from host_tools.deploy.libraries import Libraries
from tests.deploy.conftest import FILES, Index


def test_a_package_is_fetched_once(index: Index, tmp_path: Path) -> None:
    for _ in range(2):
        assert Libraries(index.pins, tmp_path / "cache").files("greet") == {"greet.py": FILES["greet.py"]}
    assert index.asked == ["/greet.py"]


def test_what_was_fetched_once_is_there_without_a_network(index: Index, tmp_path: Path) -> None:
    pins = index.pins
    Libraries(pins, tmp_path / "cache").files("bundle")
    index.close()
    assert Libraries(pins, tmp_path / "cache").files("bundle") == {"bundle/__init__.py": FILES["bundle/__init__.py"]}


def test_without_network_and_cache_the_package_and_the_remedy_are_named(index: Index, tmp_path: Path) -> None:
    pins = index.pins
    index.close()
    with pytest.raises(
        DeployError, match=r"the board needs micropython-lib's greet, .* cannot be reached: .*refused; go online"
    ) as told:
        Libraries(pins, tmp_path / "cache").files("greet")
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_is_named_with_its_status(index: Index, tmp_path: Path) -> None:
    (index.folder / "greet.py").unlink()
    with pytest.raises(DeployError, match=r"/greet\.py answers 404"):
        Libraries(index.pins, tmp_path / "cache").files("greet")


def test_another_content_than_the_pinned_one_is_refused_and_not_kept(index: Index, tmp_path: Path) -> None:
    (index.folder / "greet.py").write_bytes(b"import evil\n")
    with pytest.raises(DeployError, match=r"is not the file of greet 1\.0 that plotpost knows"):
        Libraries(index.pins, tmp_path / "cache").files("greet")
    assert not (tmp_path / "cache").exists()


def test_a_damaged_cache_is_filled_again(index: Index, tmp_path: Path) -> None:
    library = Libraries(index.pins, tmp_path / "cache")
    library.files("greet")
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_bytes(b"WORD = ")
    assert library.files("greet") == {"greet.py": FILES["greet.py"]}
    assert kept.read_bytes() == FILES["greet.py"]


def test_a_cache_that_cannot_be_written_is_named(index: Index, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(DeployError, match=re.escape(f"cannot write to {tmp_path / 'cache'}")):
        Libraries(index.pins, tmp_path / "cache").files("greet")


def test_a_package_brings_what_it_requires(index: Index, tmp_path: Path) -> None:
    assert Libraries(index.pins, tmp_path).with_required(["bundle"]) == ["bundle", "greet"]


def test_plotposts_own_pins_are_whole() -> None:
    libraries = Libraries.of_user()
    assert set(libraries.packages) == {"dht", "ds18x20", "ntptime", "onewire", "requests", "ssl"}
    for package in libraries.packages.values():
        assert set(package.requires) <= libraries.packages.keys()
        for place, pin in package.files.items():
            assert place.split("/")[0].removesuffix(".py") == package.name
            assert re.fullmatch("[0-9a-f]{64}", pin.sha256)
