"""A board gets the modules that its drivers lead to, and no others."""

import pytest
from plotpost.sensors import DRIVERS

from host_tools.deploy import parts

SOURCES = parts.firmware()


def drivers_in(sources: parts.Sources) -> set[str]:
    names = {
        path.removeprefix("plotpost/sensors/").removesuffix(".py") for path in sources if path.startswith("plotpost/sensors/")
    }
    return names - {"__init__"}


def test_only_the_drivers_that_are_named_are_sent() -> None:
    assert drivers_in(parts.needed(SOURCES, ["health"])) == {"health"}


def test_what_only_other_drivers_use_is_not_sent() -> None:
    assert "plotpost/kernelfile.py" not in parts.needed(SOURCES, ["health"])
    assert "plotpost/kernelfile.py" in parts.needed(SOURCES, ["cpu"])


@pytest.mark.parametrize("part", ["agent", "config", "client", "plot", "secure", "sleep", "status", "wifi"])
def test_every_part_of_the_agent_is_sent(part: str) -> None:
    assert f"plotpost/{part}.py" in parts.needed(SOURCES, [])


def test_all_drivers_need_the_whole_firmware() -> None:
    assert parts.needed(SOURCES, DRIVERS) == SOURCES


@pytest.mark.parametrize("name", DRIVERS)
def test_what_a_driver_needs_is_there_when_it_alone_is_named(name: str) -> None:
    sent = parts.needed(SOURCES, [name])
    assert parts.needed(sent, [name]) == sent
    assert drivers_in(sent) == {name}


def test_packages_are_found_by_the_drivers_imports() -> None:
    sources = {
        "main.py": b"import plotpost.agent",
        "plotpost/agent.py": b"import requests\nfrom plotpost import port",
        "plotpost/port.py": b"import ssl",
        "plotpost/wire.py": b"def read():\n    import onewire",
        "plotpost/sensors/probe.py": b"from plotpost import port, wire\nfrom ds18x20 import DS18X20",
    }
    assert {"onewire", "ds18x20"} <= parts.imported(sources, ["probe"])
    assert not {"requests", "ssl"} & parts.imported(sources, ["probe"])
