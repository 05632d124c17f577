"""boards/*.json: each keeps to the schema, to the firmware's registry, and to the facts of its port."""

import json
import subprocess
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from plotpost import sensors

from host_tools import boards, resources
from host_tools.runtime import BOARD_HEAP_KIB, Runtime


def _json(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((resources.boards() / name).read_text(encoding="utf-8"))
    return content


SCHEMA = _json("board.schema.json")


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_linux_is_a_board_like_the_others() -> None:
    board = boards.load("linux")
    assert board.product == "Linux machine"
    assert board.drivers == ("cpu", "health", "load", "memory", "thermal")
    assert not board.wifi
    assert board.pins == {}
    assert board.heap_kib == BOARD_HEAP_KIB


@pytest.mark.parametrize("name", boards.names())
def test_each_board_keeps_to_the_schema(name: str) -> None:
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(_json(f"{name}.json"))] == []


@pytest.mark.parametrize("name", boards.names())
def test_each_board_names_only_drivers_that_the_firmware_has(name: str) -> None:
    assert set(boards.load(name).drivers) <= set(sensors.DRIVERS)


@pytest.mark.parametrize("name", boards.names())
def test_each_source_is_of_a_fact_that_the_board_states(name: str) -> None:
    own = _json(f"{name}.json")["plotpost"]
    assert set(own["sources"]) <= set(own)


def test_every_driver_works_on_some_board() -> None:
    assert {driver for board in boards.load_all().values() for driver in board.drivers} == set(sensors.DRIVERS)


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 1980},
        {"pins": {"GP0": {"number": -1, "can": []}}},
        {"pins": {"GP0": {"number": 0, "can": ["fly"]}}},
        {"drivers": []},
        {"heap_kib": 10},
        {"loader": {"uf2_family": "e48bff56"}},
        {"colour": "green"},
    ],
)
def test_the_schema_refuses_a_wrong_board(change: dict[str, Any]) -> None:
    content = _json("linux.json")
    content["plotpost"].update(change)
    assert not Draft202012Validator(SCHEMA).is_valid(content)


def test_an_unknown_board_is_told_with_the_known_ones() -> None:
    with pytest.raises(boards.UnknownBoard, match=r"^board 'pico_x' is unknown; known: linux"):
        boards.load("pico_x")


def test_a_name_cannot_lead_out_of_the_folder() -> None:
    for name in ("../pyproject", "board.schema", "", "linux.json"):
        with pytest.raises(boards.UnknownBoard):
            boards.load(name)


def test_the_epoch_of_linux_is_that_of_the_runtime(runtime: Runtime) -> None:
    argv = runtime.command("-c", "import time; print(time.gmtime(0)[0])")
    output = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    assert int(output) == _json("linux.json")["plotpost"]["epoch"]
