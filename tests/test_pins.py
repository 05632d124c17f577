"""Pins: each is checked against what the board says of it and against the other sensors; the remedy is named."""

from dataclasses import replace
from typing import Any

import pytest
from plotpost import sensors

from host_tools import boards, config, pins
from host_tools.pins import USES, free, numbered, problems

Json = dict[str, Any]


def _told(board: str, *wired: tuple[str, Any], **settings: Any) -> list[str]:
    entries = [{"driver": driver, **({} if pin is None else {"pin": pin})} for driver, pin in wired]
    return list(problems({"sensors": entries, **settings}, boards.load(board)))


@pytest.mark.parametrize(
    ("board", "wired"),
    [
        ("pico_w", [("dht22", "GP15"), ("analog", "GP26"), ("ds18b20", "GP16"), ("dht11", "GP0")]),
        ("pico", [("analog", 28), ("dht11", 0)]),
        ("esp32", [("analog", "GPIO34"), ("dht22", "GPIO4")]),
        ("linux", [("cpu", None), ("thermal", None)]),
    ],
)
def test_pins_that_can_do_what_the_sensors_need_are_right(board: str, wired: list[tuple[str, Any]]) -> None:
    assert _told(board, *wired) == []


@pytest.mark.parametrize(
    ("board", "wired", "line"),
    [
        ("pico", ("dht22", "GP99"), "sensors[0].pin: 'GP99' is no pin of pico; it has GP0, "),
        ("pico", ("dht22", "gp15"), "; did you mean 'GP15'?"),
        ("pico", ("dht22", 99), "sensors[0].pin: '99' is no pin of pico; it has GP0, "),
        ("pico", ("dht22", True), "sensors[0].pin: 'True' is no pin of pico; it has GP0, "),
        ("pico", ("analog", 15), "sensors[0].pin: GP15 has no analog input, which analog needs; take GP26"),
        ("pico", ("dht22", None), "sensors[0].pin: is missing; take GP0 or GP1 or GP2"),
        ("linux", ("dht22", "GP15"), "sensors[0].pin: linux has no pins: take this sensor out, or name another board"),
        (
            "pico",
            ("dht22", "GP23"),
            "sensors[0].pin: GP23 is not free on pico (power saving of the regulator); take GP0 or GP1 or GP2",
        ),
        ("pico_w", ("dht22", "GP25"), "sensors[0].pin: GP25 is not free on pico_w ("),
        (
            "pico",
            ("analog", "GP15"),
            "sensors[0].pin: GP15 has no analog input, which analog needs; take GP26 or GP27 or GP28",
        ),
        ("esp32", ("dht11", "GPIO34"), "sensors[0].pin: GPIO34 can only be read, and dht11 has to drive its pin too; take GPIO"),
        ("esp32", ("ds18b20", "GPIO6"), "sensors[0].pin: GPIO6 is not free on esp32 ("),
        ("esp32_c3", ("analog", "GPIO5"), "sensors[0].pin: GPIO5 has no analog input, which analog needs; take GPIO0 or GPIO1"),
    ],
)
def test_a_pin_that_cannot_is_told_with_why_and_one_that_can(board: str, wired: tuple[str, Any], line: str) -> None:
    (told,) = _told(board, wired)
    assert line in told


RADIOS = {"esp32": (0, 2, 4, 12, 13, 14, 15, 25, 26, 27), "esp32_s2": range(11, 19), "esp32_s3": range(11, 19)}
"""The converter that the radio uses, by MicroPython's machine_adc.c; without the pins of USB."""


@pytest.mark.parametrize(("board", "number"), [(board, number) for board, numbers in RADIOS.items() for number in numbers])
def test_beside_wifi_the_converter_of_the_radio_cannot_be_used(board: str, number: int) -> None:
    (told,) = _told(board, ("analog", f"GPIO{number}"), wifi=["home"])
    assert told.startswith(f"sensors[0].pin: GPIO{number} reads 0 beside WiFi, because the radio takes its converter; take GPIO")
    proposed = told.rpartition("take ")[2].split(" or ")
    assert _told(board, *(("analog", pin) for pin in proposed), wifi=["home"]) == []
    assert _told(board, ("analog", f"GPIO{number}")) == []  # through the bridge, with the radio off


def test_a_pin_has_one_sensor() -> None:
    (told,) = _told("pico", ("dht22", "GP0"), ("health", None), ("dht11", "GP0"))
    assert told == "sensors[2].pin: GP0 is taken by dht22, sensors[0], already; take GP1 or GP2 or GP3"


def test_a_name_and_its_number_are_one_pin() -> None:
    (told,) = _told("pico", ("dht22", "GP0"), ("dht11", 0))
    assert told.startswith("sensors[1].pin: GP0 is taken by dht22, sensors[0], already; ")


def test_the_board_is_told_numbers_which_every_port_understands() -> None:
    entries: list[dict[str, object]] = [{"driver": "dht22", "pin": "GPIO4"}, {"driver": "dht11", "pin": 5}, {"driver": "health"}]
    told = numbered({"name": "x", "sensors": entries}, boards.load("esp32"))
    assert told == {"name": "x", "sensors": [{"driver": "dht22", "pin": 4}, {"driver": "dht11", "pin": 5}, {"driver": "health"}]}
    assert entries[0]["pin"] == "GPIO4"


def _probes(*probes: dict[str, str]) -> list[str]:
    entries = [{"driver": "ds18b20", "pin": "GP0", **probe} for probe in probes]
    return list(problems({"sensors": entries}, boards.load("pico")))


ONE, TWO = {"address": "28FF000000000001"}, {"address": "28ff000000000002"}


def test_a_bus_is_shared_by_parts_that_have_addresses() -> None:
    assert _probes(ONE, TWO) == []
    assert _probes({}) == []


@pytest.mark.parametrize(
    ("probes", "line"),
    [
        ([ONE, {}], "sensors[1].address: is missing; several parts share GP0, and the board's log says which it finds"),
        ([ONE, TWO, {"address": "28ff000000000001"}], "sensors[2].address: is the one of ds18b20, sensors[0], already; "),
    ],
)
def test_parts_on_a_bus_that_cannot_be_told_apart_are_told(probes: list[dict[str, str]], line: str) -> None:
    (told,) = _probes(*probes)
    assert told.startswith(line)


def test_a_bus_is_shared_by_parts_of_its_kind_alone() -> None:
    (told,) = _told("pico", ("ds18b20", "GP0"), ("dht11", "GP0"))
    assert told.startswith("sensors[1].pin: GP0 is taken by ds18b20, sensors[0], already; ")


def test_when_no_pin_is_left_a_sensor_has_to_go() -> None:
    *_, told = _told("pico", *[("analog", f"GP{number}") for number in (26, 27, 28, 26)])
    assert told.endswith("no other pin of this board can, so take a sensor out")


@pytest.mark.parametrize("led", ["GP15", 15])
def test_the_led_has_a_pin_of_its_own(led: object) -> None:
    (told,) = _told("pico", ("dht22", "GP15"), led=led)
    assert told == "led: GP15 is taken by dht22, sensors[0], already; name another pin, or take this key out"


@pytest.mark.parametrize("led", ["LED", 25, True, None])
def test_an_led_elsewhere_is_right(led: object) -> None:
    assert _told("pico", ("dht22", "GP15"), ("dht11", "GP1"), led=led) == []


def test_pins_that_choose_how_the_chip_starts_are_proposed_last() -> None:
    board = boards.load("esp32")
    proposed = free(board, USES["dht22"], [], wifi=True)
    strapping = [board.pins[name].strapping for name in proposed]
    assert strapping == sorted(strapping)
    assert not strapping[0]
    assert strapping[-1]


@pytest.mark.parametrize("name", boards.names())
def test_every_pin_that_is_proposed_is_accepted(name: str) -> None:
    board = boards.load(name)
    for radio in ({}, {"wifi": ["home"]}):
        for driver, use in USES.items():
            for pin in free(board, use, [], bool(radio)):
                assert list(problems({**radio, "sensors": [{"driver": driver, "pin": pin}]}, board)) == []


def test_every_driver_with_a_pin_says_what_it_does_with_it() -> None:
    wired = [name for name in sensors.DRIVERS if set(pins.PIN_OPTIONS) & set(sensors.driver(name).OPTIONS)]
    assert set(wired) == set(USES)


def test_the_check_of_a_configuration_includes_its_pins() -> None:
    channel = sensors.driver("dht22").CHANNELS[0][0]
    entries = [
        {"driver": "dht22", "pin": "GP0", "every": "5s", "channels": {channel: {"stream": stream}}} for stream in ("s0", "s1")
    ]
    content = {"version": 1, "board": "pico", "name": "x", "endpoint": "http://h:8050", "sensors": entries}
    board = replace(boards.load("pico"), drivers=("dht22",))
    assert config.validate(content, {"version": 1, "tokens": {"s0": "a", "s1": "b"}}, boards={"pico": board}) == [
        "config.json: sensors[1].pin: GP0 is taken by dht22, sensors[0], already; take GP1 or GP2 or GP3"
    ]
