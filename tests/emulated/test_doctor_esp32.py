"""`plotpost doctor` on an emulated ESP32: its radio fails in ways of its own, and each is told in words."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools import boards
from host_tools.deploy import deploy
from host_tools.device import Device
from host_tools.doctor import Finding, Mark, agent, board, cable, endpoint, sensors, wifi
from host_tools.doctor.patient import Patient
from host_tools.suitable import Unsuitable
from tests import processes
from tests.emulated.esp32 import Esp32
from tests.findings import findings

pytestmark = pytest.mark.emulated

SSID, KEY = "lab", "emulated-key"
BARE: Any = "esp32_s2_bare"  # the same firmware on a chip without PSRAM
NO_MEMORY, INVALID, UNSUPPORTED = 0x101, 0x102, 0x106  # esp_err.h


@pytest.fixture(scope="module")
def examined(emulator: None) -> Iterator[tuple[Esp32, Patient]]:
    """A board with the agent, on which nothing runs; held by its serial port."""
    with Esp32("esp32") as chip:
        with Device.open(chip.port) as device:
            deploy(device, boards.load("esp32"), ["health", "analog"])
        patient = Patient(chip.port, None)
        for check in (cable.port, cable.micropython, board.board, board.firmware, board.heap):
            assert [finding.mark for finding in findings(check, patient)] == [Mark.OK]
        yield chip, patient
        patient.device.close()


@pytest.fixture
def well(examined: tuple[Esp32, Patient]) -> tuple[Esp32, Patient]:
    _give(examined[1], KEY)
    return examined


def _give(patient: Patient, key: str, **more: Any) -> None:
    """config.json and secrets.json, which are then checked as doctor does."""
    channels = {"voltage": {"stream": "v"}}
    config = {"version": 1, "board": "esp32", "name": "patient", "endpoint": "http://10.0.2.2:8050", "wifi": [SSID], **more}
    config["sensors"] = [{"driver": "analog", "pin": 34, "every": "5s", "channels": channels}]
    secrets = {"version": 1, "wifi": {SSID: key}, "tokens": {"v": "abcdefghij"}}
    patient.device.write("/config.json", json.dumps(config).encode())
    patient.device.write("/secrets.json", json.dumps(secrets).encode())
    assert [finding.mark for finding in findings(agent.config, patient)] == [Mark.OK]


def test_a_network_is_joined(well: tuple[Esp32, Patient]) -> None:
    """With the setting that every ESP32's radio refuses it was not: 0xA11140 is a Pico's word for it."""
    (joined,) = findings(wifi.wifi, well[1])
    assert joined == Finding(Mark.OK, "joined lab: -50 dBm, channel 6, address 10.0.2.15")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (15, "lab refuses the password"),
        (2, "lab refuses the password, or is hardly in reach"),
        (211, "lab is in sight, and cannot be joined (the radio says 211)"),
    ],
)
def test_a_wrong_password_is_told_whatever_the_radio_calls_it(reason: int, told: str, well: tuple[Esp32, Patient]) -> None:
    chip, patient = well
    _give(patient, "not-the-key")
    chip.control(reason=reason)
    (finding,) = findings(wifi.wifi, patient)
    assert (finding.mark, finding.message) == (Mark.FAILED, told)


@pytest.mark.parametrize(
    ("call", "value", "words"),
    [
        ("esp_wifi_start", NO_MEMORY, "WiFi Out of Memory"),
        ("esp_wifi_start", INVALID, "Wifi Unknown Error 0x0102"),
        ("esp_wifi_set_mode", NO_MEMORY, "WiFi Out of Memory"),
        ("esp_wifi_connect", 0x3007, "Wifi Internal Error"),
    ],
)
def test_whatever_the_radio_refuses_is_a_finding(call: str, value: int, words: str, well: tuple[Esp32, Patient]) -> None:
    chip, patient = well
    chip.control(fail={"call": call, "value": value, "times": 1})
    (finding,) = findings(wifi.wifi, patient)
    assert finding.mark is Mark.FAILED
    assert finding.message.startswith("the radio fails")
    assert words in finding.message
    assert finding.remedy


def test_a_setting_that_the_radio_refuses_keeps_from_no_network(well: tuple[Esp32, Patient]) -> None:
    chip, patient = well
    chip.control(fail={"call": "esp_wifi_set_ps", "value": INVALID, "times": 1})
    assert [finding.mark for finding in findings(wifi.wifi, patient)] == [Mark.OK]


def test_nobody_who_listens_is_told_as_that(well: tuple[Esp32, Patient], free_port: int) -> None:
    patient = well[1]
    _give(patient, KEY, endpoint=f"http://10.0.2.2:{free_port}")
    assert [finding.mark for finding in findings(wifi.wifi, patient)] == [Mark.OK]
    _, finding = [*findings(endpoint.name, patient), *findings(endpoint.endpoint, patient)]
    assert (finding.mark, finding.message) == (Mark.FAILED, f"nobody listens at http://10.0.2.2:{free_port}")


@pytest.mark.parametrize("value", [UNSUPPORTED, INVALID])
def test_a_chip_without_calibration_is_told_as_that(value: int, well: tuple[Esp32, Patient]) -> None:
    """From here on it has none."""
    chip, patient = well
    chip.control(fail={"call": "adc_cali_create_scheme_line_fitting", "value": value, "times": 0xFFFF})
    (finding,) = findings(sensors.sensors, patient)
    assert "wires" not in finding.remedy
    assert "ESP_ERR" in finding.message


def test_an_esp32_s2_without_psram_is_refused_before_anything_is_written(emulator: None, tmp_path: Path) -> None:
    with Esp32(BARE) as chip, Device.open(chip.port) as device:
        before = chip.stats()["flash_programs"]
        with pytest.raises(Unsuitable, match="no PSRAM"):
            deploy(device, boards.load("esp32_s2"), ["health"])
        patient = Patient(chip.port, None, device)
        assert [finding.mark for finding in findings(board.board, patient)] == [Mark.OK]
        (heap,) = findings(board.heap, patient)
        assert (heap.mark, "no PSRAM" in heap.message) == (Mark.FAILED, True)
        device.resume()
        for command in ("provision", "up"):
            refused = processes.run(tmp_path, command, "--port", chip.port)
            assert (refused.returncode, "no PSRAM" in refused.stderr) == (1, True), refused.stderr
        assert chip.stats()["flash_programs"] == before
