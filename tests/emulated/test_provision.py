"""plotpost provision on emulated boards: what is written is what was meant, whatever happens meanwhile, and no secret is shown."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from host_tools import boards
from host_tools.device import Device, DeviceError
from host_tools.provision import Provisioned, ProvisionError, provision, read_back, unsent_bytes, wipe
from tests.emulated.pico import Pico
from tests.emulated.terminal import Terminal

pytestmark = pytest.mark.emulated

Json = dict[str, Any]

TIMEOUT_S = 180
CONFIG: Json = {
    "version": 1,
    "board": "pico",
    "name": "shelf",
    "endpoint": "http://127.0.0.1:8050",
    "sensors": [
        {"driver": "health", "every": "60s", "channels": {"uptime_s": {"stream": "up"}}},
        {"driver": "analog", "pin": "GP26", "every": "1s", "channels": {"voltage": {"stream": "volts"}}},
    ],
}
SECRETS: Json = {"version": 1, "tokens": {"up": "s3cr3t-one", "volts": "s3cr3t-two", "another": "s3cr3t-three"}}
BOARD = boards.load("pico")


def _provision(pico: Pico, config: Json = CONFIG, secrets: Json = SECRETS) -> Provisioned:
    with Device.open(pico.port) as device:
        return provision(device, BOARD, config, secrets)


def _command(pico: Pico, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """`plotpost provision` as a program of its own."""
    command = [sys.executable, "-m", "host_tools.cli", "provision", "--port", pico.port, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(command, input=given or "", capture_output=True, text=True, timeout=TIMEOUT_S, env=environment)


@pytest.fixture
def bare(pico: Pico) -> Pico:
    with Device.open(pico.port) as device:
        wipe(device, unsent=True)
    return pico


def test_the_board_has_afterwards_what_it_needs_and_no_other_secret(bare: Pico) -> None:
    assert _provision(bare).written == ["/secrets.json", "/config.json"]
    with Device.open(bare.port) as device:
        found = read_back(device)
        assert set(device.files()) == {"/config.json", "/secrets.json"}
    assert found is not None
    assert found[0]["sensors"][1]["pin"] == 26  # the number of GP26, which every port understands
    assert found[1] == {"version": 1, "tokens": {"up": "s3cr3t-one", "volts": "s3cr3t-two"}}


def test_the_second_time_nothing_is_written(bare: Pico) -> None:
    _provision(bare)
    before = bare.stats()
    assert _provision(bare).written == []
    after = bare.stats()
    assert [after[count] - before[count] for count in ("flash_erases", "flash_programs")] == [0, 0]


def test_a_file_that_somebody_wrote_by_hand_and_that_says_the_same_stays(bare: Pico) -> None:
    with Device.open(bare.port) as device:
        device.write("/secrets.json", json.dumps({"tokens": {"volts": "s3cr3t-two", "up": "s3cr3t-one"}, "version": 1}).encode())
    assert _provision(bare).written == ["/config.json"]


def test_only_what_differs_is_written(bare: Pico) -> None:
    _provision(bare)
    assert _provision(bare, {**CONFIG, "name": "cellar"}).written == ["/config.json"]


def test_what_a_pulled_cable_left_is_tidied_up(bare: Pico) -> None:
    _provision(bare)
    with Device.open(bare.port) as device:
        device.write("/config.json.new", b'{"version": 1, "bo')
    assert _provision(bare).written == []
    with Device.open(bare.port) as device:
        assert set(device.files()) == {"/config.json", "/secrets.json"}


def test_a_power_cut_leaves_each_file_as_it_was_or_as_it_should_be(bare: Pico) -> None:
    _provision(bare)
    config, secrets = {**CONFIG, "name": "cellar"}, {**SECRETS, "tokens": {"up": "s3cr3t-new", "volts": "s3cr3t-two"}}
    bare.control(cut_after=4)
    with pytest.raises(DeviceError):
        _provision(bare, config, secrets)
    bare.power_on()
    with Device.open(bare.port) as device:
        found = read_back(device)
    assert found is not None
    assert found[0]["name"] in ("shelf", "cellar")
    assert found[1]["tokens"]["up"] in ("s3cr3t-one", "s3cr3t-new")
    _provision(bare, config, secrets)
    with Device.open(bare.port) as device:
        found = read_back(device)
    assert found is not None
    assert (found[0]["name"], found[1]["tokens"]["up"]) == ("cellar", "s3cr3t-new")


def test_a_configuration_for_another_board_is_refused(bare: Pico) -> None:
    with pytest.raises(ProvisionError, match=r"^config.json: board: is 'esp32', but a pico is attached: name that, or"):
        _provision(bare, {**CONFIG, "board": "esp32"})
    with Device.open(bare.port) as device:
        assert read_back(device) is None


def test_a_certificate_goes_to_the_board_in_the_form_that_it_reads(bare: Pico, tmp_path: Path) -> None:
    import ssl

    import trustme

    pem = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(pem))
    config = {**CONFIG, "endpoint": "https://plots.lan:8443"}
    assert "/ca.der" in _provision(bare, config, {**SECRETS, "ca": str(pem)}).written
    with Device.open(bare.port) as device:
        assert device.read("/ca.der") == ssl.PEM_cert_to_DER_cert(pem.read_text())
        found = read_back(device)
    assert found is not None
    assert found[1]["ca"] == "ca.der"
    assert _provision(bare, config, {**SECRETS, "ca": "ca.der"}).written == []  # the one on the board
    with Device.open(bare.port) as device:
        assert "/ca.der" in wipe(device)


def test_wiping_leaves_unsent_readings_unless_told(bare: Pico) -> None:
    _provision(bare)
    with Device.open(bare.port) as device:
        device.make_folder("/spool")
        device.write("/spool/1", b"readings")
        assert wipe(device) == ["/config.json", "/secrets.json"]
        assert unsent_bytes(device) == 8
        assert wipe(device, unsent=True) == ["/spool/1"]


def test_the_command_takes_both_files_from_standard_input(bare: Pico, tmp_path: Path) -> None:
    done = _command(bare, "--config", "-", "--json", given=json.dumps({"config": CONFIG, "secrets": SECRETS}))
    assert json.loads(done.stdout)["written"] == ["/secrets.json", "/config.json"], done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    shown = _command(bare, "--show", "--json")
    assert json.loads(shown.stdout)["secrets"] == {"version": 1, "tokens": {"up": "s3cr******", "volts": "s3cr******"}}
    wiped = _command(bare, "--wipe", "--json")
    assert json.loads(wiped.stdout)["removed"] == ["/config.json", "/secrets.json"]
    nothing = _command(bare, "--show")
    assert (nothing.returncode, nothing.stderr) == (
        1,
        "plotpost: the board has no configuration: give it one with plotpost provision\n",
    )


def test_a_mistake_is_one_line_and_the_agent_goes_on(bare: Pico) -> None:
    wrong = {**CONFIG, "sensors": [{**CONFIG["sensors"][1], "pin": "GP23"}]}
    with _agent_that_goes_on(bare):
        done = _command(bare, "--config", "-", given=json.dumps({"config": wrong, "secrets": SECRETS}))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("plotpost: config.json: sensors[0].pin: GP23 is not free on pico (")


def test_who_ends_a_wipe_at_its_question_leaves_everything_as_it_was(bare: Pico) -> None:
    with Device.open(bare.port) as device:
        device.make_folder("/spool")
        device.write("/spool/1", b"readings")
    with _agent_that_goes_on(bare), Terminal("provision", "--port", bare.port, "--wipe") as terminal:
        terminal.wait_for("Remove them too")
        terminal.press(b"\x03")
        assert terminal.end() == 1
    with Device.open(bare.port) as device:
        device.remove("/spool/1")


@contextmanager
def _agent_that_goes_on(board: Pico) -> Iterator[None]:
    """What stands for an agent runs on the board again at the end."""
    with Device.open(board.port) as device:
        device.write("/main.py", b"open('/ran', 'w').close()")
    yield
    with Device.open(board.port) as device:
        assert device.exists("/ran")
        for path in ("/ran", "/main.py"):
            device.remove(path)


def test_a_person_is_asked_and_passwords_are_not_shown(pico_w: Pico, tmp_path: Path) -> None:
    with Terminal("provision", "--port", pico_w.port, "--data", str(tmp_path)) as terminal:
        terminal.answer("Name of the board", "greenhouse")
        terminal.answer("WiFi network", "lab")
        terminal.answer("Another one", "")
        terminal.answer("Endpoint", "http://10.0.2.2:8050")
        terminal.answer("Sensor", "toaster")
        terminal.answer("Sensor", "analog")
        terminal.answer("Pin of analog", "GP15")
        terminal.answer("Pin of analog", "")
        terminal.answer("Read analog every", "")
        terminal.answer("Another sensor", "")
        terminal.answer("Password of lab", "s3cr3t-key")
        assert terminal.end() == 0, terminal.shown
    assert "s3cr3t" not in terminal.shown
    assert "it must be one of analog, dht11, dht22, ds18b20, health" in terminal.shown
    assert "GP15 has no analog input, which analog needs; take GP26 or GP27 or GP28" in terminal.shown
    with Device.open(pico_w.port) as device:
        found = read_back(device)
    assert found is not None
    config, secrets = found
    assert config["sensors"] == [
        {
            "driver": "analog",
            "pin": 26,
            "every": "5s",
            "channels": {"voltage": {"stream": "voltage"}, "level": {"stream": "level"}},
        }
    ]
    assert secrets["wifi"] == {"lab": "s3cr3t-key"}
    assert set(secrets["tokens"]) == {"voltage", "level"}
    assert "account" not in secrets  # the plot is made from here: the board needs no API key
