"""The whole agent on emulated ESP32s through what ends lives or breaks calls: it goes on or resets with a reason, and loses no reading.

The tests of each call that fails at the start, and of what every board goes through, are in test_esp32_agent.py and test_agent.py.
"""

import json
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from host_tools.child_endpoint import ChildEndpoint
from tests.emulated.agent import LOOPBACK, Agent, install
from tests.emulated.boards import BoardName
from tests.emulated.lab import KEY, PART, Lab, build
from tests.emulated.network import Network, Wifi
from tests.network import quiet_port

pytestmark = pytest.mark.emulated

CLASSIC: BoardName = "esp32"
NAME = "host.test"
LOCAL = "desk.local"  # no cache keeps an address by mDNS
NOBODY = "10.0.2.9"

Labs = Callable[..., Lab]


@pytest.fixture(scope="module")
def installed(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash image with the firmware, and a part that counts."""
    image = tmp_path_factory.mktemp("installed") / "flash.bin"
    install(image, [PART], CLASSIC)
    return image


@pytest.fixture
def lab_with(installed: Path, tmp_path: Path) -> Iterator[Labs]:
    """Makes a lab: `lab_with(*options)` of `plotpost serve`. Its endpoint may be killed and come back."""
    with ExitStack() as opened:

        def make(*options: str) -> Lab:
            endpoint = opened.enter_context(ChildEndpoint(tmp_path / "data", quiet_port(), tmp_path / "endpoint.log", *options))
            return build(opened, CLASSIC, installed, endpoint, tmp_path)

        yield make


@pytest.fixture
def lab(lab_with: Labs) -> Lab:
    return lab_with()


def _boots(lab: Lab) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(lab.agent.read("boot.json"))
    return told


def _all_is_stored_once(lab: Lab) -> None:
    closing = lab.agent.account()
    stored = lab.stored()
    assert (closing.settled, closing.dropped, closing.skipped) == (closing.taken, 0, 0), lab.agent.log
    assert len(stored) == len(set(stored)) == closing.taken


# ---- lives that end badly


def test_a_chip_that_panics_at_each_start_comes_to_safe_mode_and_can_be_put_right(lab: Lab) -> None:
    lab.prepare()
    lab.agent.cut_power()
    lab.board.control(fail={"call": "esp_wifi_start", "value": "panic", "times": None})
    lab.agent.power_on()
    lab.agent.await_log("boot", "safe mode: five lives in a row ended badly")
    assert lab.board.stats()["panics"] == 5
    boots = _boots(lab)
    assert (boots["boots"], boots["bad"]) == (6, 5)
    log = lab.agent.read("crash.log").splitlines()
    assert [line.partition(") ")[2] for line in log] == ["panic: MicroPython or the IDF crashed"] * 5
    lab.board.mpremote("fs", "rm", ":boot.json")  # as a deploy does
    lab.board.control(fail={"call": "esp_wifi_start", "value": 0, "times": 0})
    lab.agent.power_on()
    lab.await_stored(10)
    assert lab.board.stats()["panics"] == 5


# ---- the network


@pytest.fixture
def prepared(lab: Lab, tmp_path: Path) -> Path:
    """A flash image with a whole board's files."""
    lab.prepare()
    lab.agent.cut_power()
    return tmp_path / "flash.bin"


def test_the_log_says_in_words_why_a_network_cannot_be_joined(prepared: Path, tmp_path: Path) -> None:
    """A board for each reason, all at once: the agent looks on for six seconds before it believes one. 205 reaches it as 202."""
    refuses = "network lab refuses the password: check secrets.json"
    perhaps = "network lab refuses the password, or is hardly in reach: check secrets.json"
    away = "network lab is not in sight: is it 5 GHz only, or out of reach?"
    words = {15: refuses, 204: refuses, 2: perhaps, 202: perhaps, 205: perhaps, 201: away, 212: away}
    words |= {reason: f"network lab cannot be joined (the radio says {reason})" for reason in (210, 211)}
    with ExitStack() as opened:
        agents = {}
        for reason in words:
            flash = Path(shutil.copy(prepared, tmp_path / f"{reason}.bin"))
            network = Network(Wifi(key="changed-meanwhile"))
            agents[reason] = opened.enter_context(Agent(flash, network, board=CLASSIC))
            agents[reason].cut_power()
            agents[reason].board.control(reason=reason)
            agents[reason].power_on()
        for reason, agent in agents.items():
            agent.await_log("wifi", words[reason])
            assert not any(KEY in line.message for line in agent.log)


class _Portal(ThreadingHTTPServer):
    """Answers any request with a page of 20 KB, as a captive portal does."""

    daemon_threads = True
    answered = 0


class _Page(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Answer at once, whatever is still to come."""
        page = b"<html>" + 2500 * b"sign in " + b"</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        assert isinstance(self.server, _Portal)
        self.server.answered += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def _portal_in_place_of(endpoint: ChildEndpoint) -> Iterator[_Portal]:
    endpoint.kill()
    with _Portal(("127.0.0.1", endpoint.port), _Page) as portal:
        threading.Thread(target=portal.serve_forever, args=(0.05,), daemon=True).start()
        yield portal
        portal.shutdown()
    endpoint.start()


def test_a_portal_that_is_there_first_is_told_as_one(lab: Lab) -> None:
    with _portal_in_place_of(lab.endpoint):
        lab.configure()
        lab.agent.await_log("stream", "this answer is not from a streaming endpoint")
    lab.await_stored(20)
    lab.settle()


def test_an_endpoint_that_has_moved_is_looked_up_again(lab: Lab) -> None:
    lab.board.control(hosts={LOCAL: NOBODY})
    lab.configure(endpoint=f"http://{LOCAL}:{lab.endpoint.port}")
    lab.agent.await_log("stream", "connection refused: is the endpoint running there?")
    lab.board.control(hosts={LOCAL: LOOPBACK})
    lab.await_stored(20)
    lab.board.control(hosts={LOCAL: None}, rst=True)  # the address that was right is kept
    reset = lab.agent.await_log("stream", "reset by the endpoint")
    lab.agent.await_log("stream", "streaming again", reset)
    lab.settle()


# ---- calls that fail


@pytest.fixture
def secured(lab_with: Labs, tmp_path: Path) -> Lab:
    """Over https, not yet powered."""
    authority = trustme.CA()
    authority.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "pair.pem"))
    certificate = tmp_path / "ca.der"
    certificate.write_bytes(ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode()))
    lab = lab_with("--tls-cert", str(tmp_path / "pair.pem"), "--tls-port", "0")
    assert lab.endpoint.tls_url is not None
    lab.prepare(certificate, endpoint=f"https://{NAME}:{lab.endpoint.tls_url.rpartition(':')[2]}")
    lab.agent.cut_power()
    return lab


def test_a_handshake_that_fails_once_is_said_and_costs_no_reading(secured: Lab) -> None:
    secured.board.control(fail={"call": "mbedtls_ssl_handshake", "value": -0x6C00})
    secured.agent.power_on()
    secured.agent.await_log("stream", "MBEDTLS_ERR_SSL_INTERNAL_ERROR")
    secured.await_stored(5)
    _all_is_stored_once(secured)


def test_calls_of_tls_that_fail_while_it_streams_cost_no_reading(secured: Lab) -> None:
    secured.agent.power_on()
    secured.await_stored(5)
    calls = {
        "mbedtls_ssl_read": (-0x7180, "the connection broke (error -29056)"),
        "mbedtls_ssl_write": (-0x6A00, "the connection broke (error -27136)"),
    }
    for call, (value, words) in calls.items():
        since = len(secured.agent.log)
        secured.board.control(fail={"call": call, "value": value})
        secured.agent.await_log("stream", words, since)
        secured.agent.await_log("stream", "streaming again", since)
    _all_is_stored_once(secured)


def test_an_authority_that_cannot_be_read_once_costs_no_reading(secured: Lab) -> None:
    secured.board.control(fail={"call": "mbedtls_x509_crt_parse", "value": -0x2880})  # MBEDTLS_ERR_X509_ALLOC_FAILED
    secured.agent.power_on()
    secured.agent.await_log("stream", "the endpoint's certificate is refused")
    _all_is_stored_once(secured)
