"""The agent on an emulated ESP32: each call of the chip that can fail does, once or for ever, and it goes on or resets with a reason."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from host_tools.child_endpoint import ChildEndpoint
from tests.emulated.agent import LOOPBACK, install
from tests.emulated.boards import BoardName
from tests.emulated.lab import PART, Lab, build

pytestmark = pytest.mark.emulated

BOARD: BoardName = "esp32"
NAME = "host.test"
NO_MEMORY = 0x101  # ESP_ERR_NO_MEM
WIFI_STATE = 0x3006  # ESP_ERR_WIFI_STATE
NO_BUFFER, NO_HEAP = -105, -12  # newlib's ENOBUFS and ENOMEM
EAI_MEMORY = 203  # lwIP's


@pytest.fixture(scope="module")
def installed(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash image with the firmware, and a part that counts."""
    image = tmp_path_factory.mktemp("installed") / "flash.bin"
    install(image, [PART], BOARD)
    return image


@pytest.fixture
def lab(installed: Path, serve: Callable[..., ChildEndpoint], tmp_path: Path) -> Iterator[Lab]:
    """Its endpoint has a name, which has to be looked up."""
    with ExitStack() as opened:
        lab = build(opened, BOARD, installed, serve(), tmp_path)
        lab.board.control(hosts={NAME: LOOPBACK})
        lab.prepare(endpoint=lab.endpoint.url.replace("127.0.0.1", NAME))
        lab.agent.cut_power()
        yield lab


def _all_is_stored_once(lab: Lab) -> None:
    closing = lab.agent.account()
    stored = lab.stored()
    assert (closing.settled, closing.dropped, closing.skipped) == (closing.taken, 0, 0), lab.agent.log
    assert len(stored) == len(set(stored)) == closing.taken


@pytest.mark.parametrize(
    ("call", "value", "module", "words"),
    [
        ("esp_wifi_init", NO_MEMORY, "boot", "the radio does not start: WiFi Out of Memory"),
        ("esp_wifi_set_mode", NO_MEMORY, "wifi", "the radio fails: WiFi Out of Memory"),
        ("esp_wifi_start", NO_MEMORY, "wifi", "the radio fails: WiFi Out of Memory"),
        ("esp_wifi_connect", WIFI_STATE, "wifi", "the radio fails: Wifi Internal State Error"),
        ("lwip_getaddrinfo", EAI_MEMORY, "stream", f"no host is known as {NAME}"),
        ("lwip_socket", NO_HEAP, "stream", "the connection broke (error 12)"),
        ("lwip_connect", NO_HEAP, "stream", "the connection broke (error 12)"),
        ("lwip_recvfrom", NO_HEAP, "stream", "the connection broke (error 12)"),
    ],
)
def test_a_call_that_fails_once_at_the_start_is_said_and_costs_no_reading(
    lab: Lab, call: str, value: int, module: str, words: str
) -> None:
    lab.board.control(fail={"call": call, "value": value})
    lab.agent.power_on()
    lab.agent.await_log(module, words)
    lab.await_stored(10)
    _all_is_stored_once(lab)


def test_calls_that_fail_while_it_streams_cost_no_reading(lab: Lab) -> None:
    lab.agent.power_on()
    lab.await_stored(10)
    for call, value in (("lwip_recvfrom", NO_HEAP), ("lwip_write", NO_BUFFER), ("esp_flash_write", NO_MEMORY)):
        lab.board.control(fail={"call": call, "value": value})
        lab.await_stored(20)
    _all_is_stored_once(lab)


def test_a_refused_connection_is_said_though_it_looks_open_to_poll(lab: Lab) -> None:
    lab.board.control(hosts={NAME: "10.0.2.9"})  # nobody is there
    lab.agent.power_on()
    lab.agent.await_log("stream", "connection refused: is the endpoint running there?")
    assert lab.stored() == []
