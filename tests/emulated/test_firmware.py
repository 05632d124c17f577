"""What the emulated boards need is found, built once, or named in one line."""

import os
import shutil
from pathlib import Path

import pytest

from tests.emulated import firmware, node, profile
from tests.emulated.errors import Missing
from tests.emulated.firmware import __main__ as command
from tests.emulated.firmware import build, toolchain
from tests.emulated.firmware.progress import silent
from tests.emulated.firmware.rp2 import Rp2


def test_a_change_of_the_radio_builds_a_new_firmware(tmp_path: Path) -> None:
    recipe = firmware.BOARDS["pico_w"]
    assert isinstance(recipe, Rp2)
    assert recipe.folder is not None
    shutil.copytree(recipe.folder, tmp_path / "pico_w")
    copy = Rp2(recipe.micropython_board, tmp_path / "pico_w")
    assert firmware._key(copy) == firmware._key(recipe)
    (tmp_path / "pico_w/radio/radio.c").write_text("// another one\n")
    assert firmware._key(copy) != firmware._key(recipe)


@pytest.mark.parametrize(("kind", "package"), [(toolchain.ARM, "gcc-arm-none-eabi"), (toolchain.MULTILIB, "gcc-multilib")])
def test_a_missing_compiler_is_named_with_the_line_to_type(
    kind: toolchain.Toolchain, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Missing, match=rf"as root: apt-get install .*{package}"):
        toolchain.ensure(kind, silent)


def test_each_chip_has_a_firmware_of_its_own() -> None:
    keys = {firmware._key(recipe) for recipe in firmware.BOARDS.values()}
    assert len(keys) == len(firmware.BOARDS)


def test_a_missing_node_is_named_with_the_packages_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="apt install nodejs npm"):
        node.command()


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "plotpost").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(Missing, match="cannot write to the cache"):
        firmware.firmware("pico")


def test_a_failed_build_shows_the_end_of_its_output() -> None:
    with pytest.raises(Missing, match="sh failed:\nno such board"):
        build.run(["sh", "-c", "echo no such board; exit 1"], "Building", silent)


def test_a_build_tells_how_far_it_is() -> None:
    told: list[int | None] = []
    build.run(
        ["sh", "-c", "echo '[  7%] Building'; echo '[100%] Built'"], "Building", lambda stage, percent: told.append(percent)
    )
    assert told == [7, 100]


def test_an_unknown_board_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["pico_x"]) == 2
    assert capsys.readouterr().err == f"There is no board pico_x; there are {', '.join(firmware.BOARDS)}\n"


def test_samples_are_counted_by_function() -> None:
    symbols = "10000100 T main\n10000200 t gc_alloc\n20000000 B heap\n"
    samples = {"268435713": 1, "268435972": 2, "268435970": 4, "256": 1}
    assert profile.shares(samples, symbols) == [("gc_alloc", 0.75), ("main", 0.125), ("boot ROM", 0.125)]
