"""`plotpost doctor` on emulated boards: each failure shows its message, and the agent runs again at the end."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.console import Console, Line
from host_tools.doctor import Finding, Mark, agent, board, cable, endpoint, examine, sensors, wifi
from host_tools.doctor.patient import Patient
from host_tools.endpoint.store import FIRST_USER
from tests import processes
from tests.emulated.agent import LOOPBACK, Agent
from tests.emulated.pico import Pico
from tests.faults.harness import create_plot
from tests.findings import findings

pytestmark = pytest.mark.emulated

AWAIT_S = 120
SSID, KEY = "lab", "emulated-key"
WRONG_KEY, WRONG_TOKEN = "not-the-key", "not-a-token"


class Well(NamedTuple):
    """An endpoint, as the board sees it, a token that feeds a plot, and the API key of its first user."""

    url: str
    token: str
    api_key: str


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Well]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as child:
        with accounts.opened(child.data) as store:
            token = store.new_token(accounts.owner(store)[0])
        assert child.api_key is not None
        create_plot(child.url, FIRST_USER, child.api_key, [token])
        yield Well(child.url.replace("127.0.0.1", LOOPBACK), token, child.api_key)


def _config(url: str, networks: dict[str, str], token: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    sensor = {"driver": "health", "every": "5s", "channels": {"free_heap_b": {"stream": "s"}}}
    config = {"version": 1, "board": "pico_w", "name": "patient", "endpoint": url, "sensors": [sensor], **more}
    if networks:
        config["wifi"] = list(networks)
    return config, {"version": 1, "wifi": networks, "tokens": {"s": token}}


def test_a_board_that_is_well_passes_and_its_agent_runs_again(flash: Path, well: Well, tmp_path: Path) -> None:
    """But for one thing: the emulated Pico W has a MicroPython that is refused on a board with WiFi."""
    with Agent(Path(shutil.copy(flash, tmp_path))) as patient:
        patient.configure(*_config(well.url, {SSID: KEY}, well.token))
        patient.board.reset()
        _await_line(patient.board.port, f"wifi joined {SSID}")
        resets = patient.board.stats()["resets"]
        done = processes.run(tmp_path, "doctor", "--port", patient.board.port, "--json")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        bad = [each for each in found if each["mark"] != "ok"]
        assert [each["check"] for each in bad] == ["firmware"]
        assert "before 1.28.0 a name look-up hangs for ever" in bad[0]["message"]
        assert bad[0]["remedy"] == "put 1.28.0 or newer on it: plotpost flash --board pico_w"
        assert done.returncode == 1
        assert KEY not in done.stdout
        assert well.token not in done.stdout
        _await_line(patient.board.port, f"wifi joined {SSID}")
        assert patient.board.stats()["resets"] == resets


def _await_line(port: str, text: str) -> None:
    deadline = time.monotonic() + AWAIT_S
    said = []
    with Console(port) as console:
        while time.monotonic() < deadline:
            said += [event.text for event in console.read() if isinstance(event, Line)]
            if any(text in line for line in said):
                return
    raise AssertionError(f"the board did not say {text!r}, but {said}")


@pytest.fixture(scope="module")
def examined(flash: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pico, Patient]]:
    """A Pico W with the firmware, on which nothing runs; held by its serial port."""
    own = shutil.copy(flash, tmp_path_factory.mktemp("examined"))
    with Pico("pico_w", Path(own)) as pico:
        patient = Patient(pico.port, None)
        for check in (cable.port, cable.micropython, board.board):
            assert [finding.mark for finding in findings(check, patient)] == [Mark.OK]
        yield pico, patient
        patient.device.close()


def _give(patient: Patient, url: str, networks: dict[str, str], token: str = "abcdefghij", **more: Any) -> None:
    """config.json and secrets.json, which are then checked on the board as doctor does."""
    config, secrets = _config(url, networks, token, **more)
    patient.device.write("/config.json", json.dumps(config).encode())
    patient.device.write("/secrets.json", json.dumps(secrets).encode())
    assert [finding.mark for finding in findings(agent.config, patient)] == [Mark.OK]


def test_a_network_that_is_not_in_sight_gets_its_hint(examined: tuple[Pico, Patient]) -> None:
    pico, patient = examined
    pico.control(ssid="kitchen")
    _give(patient, "http://10.0.2.2:8050", {"garden": KEY})
    (finding,) = findings(wifi.wifi, patient)
    assert (finding.mark, finding.message) == (Mark.FAILED, "garden is not in sight, but kitchen")
    assert "no board joins 5 GHz" in finding.remedy
    pico.control(ssid=SSID)


def test_a_wrong_password_is_told_and_not_shown(examined: tuple[Pico, Patient]) -> None:
    _, patient = examined
    _give(patient, "http://10.0.2.2:8050", {SSID: WRONG_KEY})
    (finding,) = findings(wifi.wifi, patient)
    assert finding == Finding(Mark.FAILED, "lab refuses the password", "correct it: plotpost provision")


def test_from_the_joined_network_each_failure_on_the_way_to_the_endpoint_has_its_message(
    examined: tuple[Pico, Patient], well: Well, free_port: int
) -> None:
    pico, patient = examined
    pico.control(rssi=-85)
    _give(patient, "http://nowhere.test:8050", {"away": WRONG_KEY, SSID: KEY}, WRONG_TOKEN)
    away, joined = findings(wifi.wifi, patient)
    assert (away.mark, away.message) == (Mark.WARNING, "away is not in sight, but lab")
    assert (joined.mark, joined.message) == (Mark.WARNING, "joined lab: -85 dBm, channel 6, address 10.0.2.15")
    assert "the signal is weak" in joined.remedy

    (name,) = findings(endpoint.name, patient)
    assert (name.mark, name.message) == (Mark.FAILED, "the board finds no host of the name nowhere.test")
    patient.config["endpoint"] = "http://localhost:8050"
    (name,) = findings(endpoint.name, patient)
    assert (name.mark, name.message) == (Mark.FAILED, "localhost is the board itself")

    patient.config["endpoint"] = f"http://host.test:{free_port}"
    assert [finding.message for finding in findings(endpoint.name, patient)] == [f"host.test is {LOOPBACK}"]
    (nobody,) = findings(endpoint.endpoint, patient)
    assert (nobody.mark, nobody.message) == (Mark.FAILED, f"nobody listens at http://host.test:{free_port}")

    patient.config["endpoint"] = well.url
    (reached,) = [*findings(endpoint.name, patient), *findings(endpoint.endpoint, patient)][1:]
    assert (reached.mark, reached.message) == (Mark.OK, "the board reaches plotpost, which hears it while it streams")
    (clock,) = findings(endpoint.clock, patient)
    assert (clock.mark, "agrees with this machine" in clock.message) == (Mark.OK, True)
    (token,) = findings(endpoint.tokens, patient)
    assert (token.mark, token.message) == (
        Mark.FAILED,
        "the token of the stream s is refused: 404, the stream token is not registered here",
    )
    patient.config["plot"] = {"title": "mine"}
    _give_account(patient, "not-the-key")
    account, _ = findings(endpoint.tokens, patient)
    assert (account.mark, "another API key" in account.message) == (Mark.FAILED, True)
    _give_account(patient, well.api_key)
    assert findings(endpoint.tokens, patient) == [token]
    assert WRONG_TOKEN not in str([away, joined, name, nobody, reached, clock, token])


def _give_account(patient: Patient, api_key: str) -> None:
    secrets = {**patient.secrets, "account": {"user": FIRST_USER, "api_key": api_key}}
    patient.device.write("/secrets.json", json.dumps(secrets).encode())


def test_files_and_notes_of_the_board_are_read_as_they_are(examined: tuple[Pico, Patient]) -> None:
    _, patient = examined
    device = patient.device
    assert findings(agent.files, patient)[0].message == "there is no main.py: no agent starts"
    device.write("/main.py", b"pass")
    assert findings(agent.files, patient)[0].message.startswith("the agent, version 0.1.0")
    device.make_folder("/plotpost.new")
    device.write("/plotpost/SHA256SUMS", b"0" * 64 + b"  main.py\n" + b"0" * 64 + b"  plotpost/gone.mpy\n")
    cut, changed = findings(agent.files, patient)
    assert cut.message == "a deploy was cut short"
    assert changed.message == "what was deployed has changed, or is gone: main.py, plotpost/gone.mpy"
    assert findings(agent.lives, patient)[0].message == "it has not run here yet"
    device.write("/crash.log", b"boot 8 (0.1.0) watchdog: the loop hung\n")
    for bad, mark, words in ((5, Mark.FAILED, "safe mode: 5 lives"), (1, Mark.WARNING, "boot 8 of 9 ended badly: watchdog")):
        device.write("/boot.json", json.dumps({"boots": 9, "bad": bad, "reason": ""}).encode())
        (finding,) = findings(agent.lives, patient)
        assert (finding.mark, words in finding.message, bool(finding.remedy)) == (mark, True, True)
    device.write("/config.json", b"{")
    assert findings(agent.config, patient)[0].message == "config.json is not JSON"
    device.write("/config.json", b'{"version": 1}')
    device.write("/secrets.json", b"{}")
    assert "config.json: board: is missing" in findings(agent.config, patient)[0].message


def test_sensors_are_read_on_the_board(examined: tuple[Pico, Patient]) -> None:
    """Nothing is wired to the emulated chip."""
    _, patient = examined
    entry = {"every": "5s", "channels": {}}
    patient.config = {
        "sensors": [
            {"driver": "health", **entry},
            {"driver": "analog", "pin": 26, **entry},
            {"driver": "analog", "pin": 2, **entry},
        ]
    }
    found = findings(sensors.sensors, patient)
    assert found[0].message == "health reports on the agent while it runs"
    assert found[1] == Finding(Mark.OK, "analog at GP26: voltage 0.000 V, level 0.0 %")
    assert (found[2].mark, "no analog input" in found[2].message) == (Mark.FAILED, True)


def test_a_pico_without_wifi_is_examined_through_this_machines_network(pico: Pico, well: Well) -> None:
    config, secrets = _config(well.url.replace(LOOPBACK, "127.0.0.1"), {}, well.token, board="pico")
    files = {"/main.py": b"pass", "/config.json": json.dumps(config).encode(), "/secrets.json": json.dumps(secrets).encode()}
    patient = Patient(pico.port, None)
    assert [finding.mark for finding in findings(cable.port, patient)] == [Mark.OK]
    for path, content in files.items():
        patient.device.write(path, content)
    patient.device.close()
    results = list(examine(pico.port))
    found = {result.check: result.finding for result in results}
    assert found["files"] == Finding(Mark.FAILED, "the agent is not there", "put it there: plotpost deploy")
    assert found["sensors"].mark is Mark.NOT_CHECKED
    assert found["wifi"].message == "config.json names no network: this board streams through `plotpost bridge`"
    assert found["tokens"] == Finding(Mark.OK, "accepted: s")
    assert {check for check, finding in found.items() if finding.mark is Mark.OK} == {
        "port", "micropython", "board", "firmware", "heap", "flash", "lives", "config", "wifi", "name", "endpoint", "time", "tokens"
    }  # fmt: skip
