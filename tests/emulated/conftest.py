"""The emulated boards as fixtures: booted once for each file of tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulated import node
from tests.emulated.agent import install
from tests.emulated.errors import Missing
from tests.emulated.firmware import BOARDS, firmwares
from tests.emulated.pico import Pico


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "emulated: needs an emulated board (Node.js, and once a cross compiler)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first of these tests waits until the firmware is built, which may take long: no fixture's time counts."""
    for item in items:
        if item.get_closest_marker("emulated"):
            item.add_marker(pytest.mark.timeout(600, func_only=True))


def _tell(stage: str, percent: int | None) -> None:
    """Past pytest's capture: building the firmware takes minutes."""
    if percent is None and sys.__stderr__:
        print(f"\n{stage}", file=sys.__stderr__, flush=True)


@pytest.fixture(scope="session")
def emulator() -> None:
    """What every emulated board needs; where it cannot be had, the tests are left out with the remedy."""
    try:
        node.command()
        firmwares(list(BOARDS), _tell)
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def flash(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash image of a Pico W with the firmware, for boards to have copies of."""
    image = tmp_path_factory.mktemp("flash") / "flash.bin"
    install(image)
    return image


@pytest.fixture(scope="module")
def pico(emulator: None) -> Iterator[Pico]:
    with Pico("pico") as board:
        yield board


@pytest.fixture(scope="module")
def pico_w(emulator: None) -> Iterator[Pico]:
    with Pico("pico_w") as board:
        yield board
