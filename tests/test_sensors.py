"""docs/sensors.md and docs/raspberry-pi.md: what they show works as it stands, and the table of drivers is the drivers' own."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from plotpost import sensors, units

from host_tools import boards, config

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "sensors.md").read_text(encoding="utf-8")
BOARDS = {"analog": "pico_w", "dht11": "pico_w", "dht22": "pico_w", "ds18b20": "pico_w"}  # the others are the board linux's

Json = dict[str, Any]


def shown(text: str) -> list[Json]:
    """Every block of JSON."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def rows() -> list[tuple[str, list[str]]]:
    """Driver, and the other cells of its row in the table of drivers."""
    found = re.findall(r"^\| \[`(\w+)`\]\(#[\w-]+\) \|(.*)\|$", TEXT, re.MULTILINE)
    return [(name, [cell.strip().replace("`", "") for cell in rest.split("|")]) for name, rest in found]


@pytest.mark.parametrize("entry", shown(TEXT), ids=lambda entry: str(entry["driver"]))
def test_each_sensor_that_is_shown_is_a_right_one(entry: Json) -> None:
    tokens = {channel["stream"]: f"token-{i}" for i, channel in enumerate(entry["channels"].values())}
    whole = {
        "version": 1,
        "board": BOARDS.get(entry["driver"], "linux"),
        "name": "greenhouse",
        "endpoint": "http://127.0.0.1:8050",
        "sensors": [entry],
    }
    assert config.validate(whole, {"version": 1, "tokens": tokens}) == []


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"driver": "ds18b20", "pin": "GP4", "address": "28-0316a2795bff"}, "its address '28-0316a2795bff' is no 16 hex digits"),
        ({"driver": "analog", "pin": "GP26", "low": 1200, "high": 1200}, "low and high must differ"),
        ({"driver": "analog", "pin": "GP26", "high": "3.3V"}, "high must be millivolts, a whole number from 0 to 10000"),
    ],
)
def test_a_wrong_option_is_told_before_anything_starts(entry: Json, why: str) -> None:
    channel = sensors.driver(entry["driver"]).CHANNELS[0][0]
    whole = {
        "version": 1,
        "board": "pico_w",
        "name": "greenhouse",
        "endpoint": "http://127.0.0.1:8050",
        "sensors": [{**entry, "every": "5s", "channels": {channel: {"stream": "s"}}}],
    }
    (problem,) = config.validate(whole, {"version": 1, "tokens": {"s": "token"}})
    assert problem.startswith(f"config.json: sensors[0]: {why}")


def test_the_files_for_a_raspberry_pi_are_right_ones() -> None:
    settings, secrets = shown((DOCS / "raspberry-pi.md").read_text(encoding="utf-8"))
    assert config.validate(settings, secrets) == []


def test_every_driver_is_in_the_table_and_shown() -> None:
    told = {name for name, _ in rows()}
    assert told == set(sensors.DRIVERS) - {"health"}
    assert {entry["driver"] for entry in shown(TEXT)} | {"dht11"} == told  # the same as a dht22


@pytest.mark.parametrize(("name", "cells"), rows())
def test_the_table_says_of_a_driver_what_it_says_itself(name: str, cells: list[str]) -> None:
    driver = sensors.driver(name)
    names, unit, decimals, often, options = cells
    assert names == ", ".join(channel for channel, _, _ in driver.CHANNELS)
    assert unit == ", ".join(unit for _, unit, _ in driver.CHANNELS)
    assert decimals == ", ".join(str(decimals) for _, _, decimals in driver.CHANNELS)
    assert units.milliseconds(often.removeprefix("every ")) == driver.MIN_EVERY_MS
    assert options == ", ".join(driver.OPTIONS)


def test_the_drivers_of_a_raspberry_pi_are_told() -> None:
    text = (DOCS / "raspberry-pi.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^- Drivers: (.*?)\. ", text, re.MULTILINE)
    assert line.replace("`", "").split(", ") == list(boards.load("raspberry_pi").drivers)
