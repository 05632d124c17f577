"""The whole agent on an emulated Pico W, over real lwIP to a real endpoint: every reading is stored exactly once, whatever happens."""

import json
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.device import Device
from host_tools.endpoint.store import FIRST_USER, Store
from host_tools.simulate import Closing
from tests.emulated.agent import LOOPBACK, Agent, install
from tests.emulated.board import Board
from tests.emulated.parts.load import BOOT
from tests.faults.harness import create_plot, stored_traces

pytestmark = pytest.mark.emulated

PART = Path(__file__).parent / "parts" / "load.py"
SSID, KEY = "lab", "emulated-key"
AWAIT_S = 240
WATCHDOG_MS = 8388
CLOSE_TIMEOUT_MS = 10_000  # modlwip.c


@pytest.fixture(scope="module")
def installed(emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash image with the firmware, and a part that counts."""
    image = tmp_path_factory.mktemp("installed") / "flash.bin"
    install(image, [PART])
    return image


@dataclass
class Lab:
    """An endpoint with a plot, and a board on the network beside it."""

    agent: Agent
    endpoint: ChildEndpoint
    token: str
    store: Store

    def configure(self, *others: Path, wifi: dict[str, str] | None = None, every: str = "100ms", **settings: Any) -> None:
        """Puts config.json, secrets.json and other files on the board, and boots it."""
        networks = wifi or {SSID: KEY}
        sensor = {"driver": "load", "every": every, "channels": {"count": {"stream": "s"}}}
        config = {
            "version": 1,
            "board": "pico_w",
            "name": "emulated",
            "endpoint": self.endpoint.url.replace("127.0.0.1", LOOPBACK),
            "wifi": list(networks),
            "sensors": [sensor],
            "checkpoint": {"every": "1s"},
            **settings,
        }
        secrets: dict[str, Any] = {"version": 1, "wifi": networks, "tokens": {"s": self.token}}
        if others:
            secrets["ca"] = others[0].name
        self.agent.configure(config, secrets, *others)
        self.agent.power_on()

    def stored(self) -> list[int]:
        """The values of all readings that are stored, in the order they came."""
        (plot,) = self.store.plots()
        (values,) = stored_traces(self.store, plot.id)
        return values

    def await_stored(self, more: int = 10) -> int:
        """Waits for so many more readings; returns how many there are."""
        enough = len(self.stored()) + more
        deadline = time.monotonic() + AWAIT_S
        while (count := len(self.stored())) < enough:
            assert time.monotonic() < deadline, f"{count} readings are stored; the board says: {self.agent.log}"
            time.sleep(0.05)
        return count

    def settle(self) -> None:
        """Ends the agent. Each reading that it took is stored, once, in the order it was taken; none was given up."""
        closing = self.agent.account()
        assert (closing.settled, closing.dropped, closing.skipped) == (closing.taken, 0, 0)
        assert self.stored() == list(range(closing.taken))


@pytest.fixture
def lab(installed: Path, serve: Callable[..., ChildEndpoint], tmp_path: Path) -> Iterator[Lab]:
    with ExitStack() as opened:
        yield _lab(opened, installed, serve(), tmp_path)


def _lab(opened: ExitStack, installed: Path, endpoint: ChildEndpoint, folder: Path) -> Lab:
    store = opened.enter_context(accounts.opened(endpoint.data))
    token = store.new_token(accounts.owner(store)[0])
    assert endpoint.api_key is not None
    create_plot(endpoint.url, FIRST_USER, endpoint.api_key, [token])
    flash = Path(shutil.copy(installed, folder / "flash.bin"))
    return Lab(opened.enter_context(Agent(flash)), endpoint, token, store)


def test_a_board_boots_joins_takes_the_time_from_the_endpoint_and_streams(lab: Lab) -> None:
    began = time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
    lab.configure()
    lab.agent.await_log("wifi", "joined lab")
    lab.await_stored(30)
    lab.settle()
    stamps = _stamps(lab)
    assert stamps == sorted(stamps)
    assert stamps[0] >= began  # taken before WiFi was there; the chip's own clock starts in 2021
    assert [line for line in lab.agent.log if line.level in "WE" and line.uptime is not None] == []


def _stamps(lab: Lab) -> list[str]:
    loaded = lab.store.load_plot(lab.store.plots()[0].id)
    assert loaded is not None
    return [orjson.loads(line)["x"] for row in loaded[2] for line in row.lines.splitlines()]


def test_in_service_the_watchdog_lets_the_board_live_and_the_next_start_is_no_boot(lab: Lab) -> None:
    lab.configure()
    pico = lab.agent.board
    _elapse(pico, WATCHDOG_MS + 2000)
    booted = lab.agent.read("boot.json")
    with Device.open(pico.port) as device:
        device.resume()
    lab.await_stored(30)  # what the first interrupt, by mpremote, left on flash is sent and gone
    resumed = pico.stats()
    _elapse(pico, WATCHDOG_MS // 2)
    with Device.open(pico.port) as device:
        _elapse(pico, 2 * WATCHDOG_MS)
        assert device.read("boot.json").decode() == booted
        held = pico.stats()
        assert (held["resets"], held["flash_programs"]) == (resumed["resets"], resumed["flash_programs"])
        device.resume()
    lab.await_stored(10)
    with Device.open(pico.port) as device:
        device.write("/config.json", b"{}")
        device.resume()  # the agent does not come to run, but the watchdog does
    _elapse(pico, 2 * WATCHDOG_MS)
    assert pico.stats()["resets"] == resumed["resets"]


def _elapse(pico: Board, ms: int) -> None:
    end = pico.stats()["emulated_ms"] + ms
    while pico.stats()["emulated_ms"] < end:
        time.sleep(0.05)


def test_a_stall_delays_and_loses_nothing(lab: Lab) -> None:
    lab.configure()
    lab.await_stored()
    lab.agent.board.control(stall=True)
    lab.agent.await_log("stream", "no answer from the endpoint")
    lab.agent.board.control(stall=False)
    lab.await_stored(50)
    lab.settle()


@pytest.mark.parametrize("window", [512, 2048])  # less than a segment of 800 bytes, and more
def test_a_full_connection_that_is_given_up_takes_no_reading_with_it(lab: Lab, window: int) -> None:
    """It keeps lwIP's memory for 10 s after its end. A write on the next one would block in C for as long, which is beyond the
    watchdog's patience, and then report success for bytes that are never sent: see test_pico_w.py."""
    lab.configure(every="10ms", checkpoint={"every": "1h", "records": 1000000}, spool={"ram": "32KiB"})
    lab.await_stored()
    lab.agent.board.control(stall=True, window=window)
    lab.agent.await_log("stream", "the endpoint takes no more data")
    _await_emulated(lab, WATCHDOG_MS + CLOSE_TIMEOUT_MS)  # it connects again, and writes
    lab.agent.board.control(stall=False, window=32768)
    lab.await_stored(1000)
    assert lab.agent.board.stats()["resets"] == 0
    lab.settle()


def test_a_reset_connection_is_made_again(lab: Lab) -> None:
    lab.configure()
    since = 0
    for _ in range(3):
        lab.await_stored()
        lab.agent.board.control(rst=True)
        since = lab.agent.await_log("stream", "reset by the endpoint", since)
        lab.agent.await_log("stream", "streaming again", since)
    lab.settle()


def test_a_lost_link_is_joined_again(lab: Lab) -> None:
    lab.configure()
    lab.await_stored()
    lab.agent.board.control(link=False)
    lost = lab.agent.await_log("wifi", "network lab is gone")
    lab.agent.board.control(link=True)
    lab.agent.await_log("wifi", "joined lab", lost)
    lab.await_stored(50)
    lab.settle()


def test_a_link_that_loses_and_delays_frames_loses_no_reading(lab: Lab) -> None:
    lab.agent.board.control(loss=0.05, delay=40)
    lab.configure(every="50ms")
    lab.await_stored(300)
    assert lab.agent.board.stats()["lost"] > 0
    lab.settle()


def test_a_half_open_connection_is_noticed(lab: Lab) -> None:
    lab.configure()
    lab.await_stored()
    lab.agent.board.control(loss=1)
    lab.agent.await_log("stream", "no answer from the endpoint")
    lab.agent.board.control(loss=0)
    lab.await_stored(50)
    lab.settle()


def test_a_wrong_key_is_said_and_heals_when_the_key_is_right(lab: Lab) -> None:
    lab.agent.board.control(key="changed-meanwhile")
    lab.configure()
    lab.agent.await_log("wifi", "network lab refuses the password: check secrets.json")
    lab.agent.board.control(key=KEY)
    lab.agent.await_log("wifi", "joined lab")
    lab.await_stored(50)
    lab.settle()
    assert not any(KEY in line.message for line in lab.agent.log)


def test_networks_are_tried_in_order_of_preference(lab: Lab) -> None:
    lab.configure(wifi={"elsewhere": "any-password", SSID: KEY})
    missing = lab.agent.await_log("wifi", "network elsewhere is not in sight")
    lab.agent.await_log("wifi", "joined lab", missing)
    lab.await_stored()
    lab.settle()


def test_a_network_that_does_not_tell_its_name_is_joined(lab: Lab) -> None:
    pico = lab.agent.board
    pico.control(hidden=True)
    scan = "import network; w = network.WLAN(network.STA_IF); w.active(True); print([n[0] for n in w.scan()])"
    assert pico.run(scan) == "[b'']\n"
    lab.configure()
    lab.agent.await_log("wifi", "joined lab")
    lab.await_stored()
    lab.settle()


def test_after_five_bad_lives_the_board_waits_in_safe_mode_until_it_is_put_right(lab: Lab) -> None:
    bad = {"boots": 9, "bad": 4, "reason": "task stream does not recover: OSError at stream.py:1"}
    with Device.open(lab.agent.board.port) as device:
        device.write("/boot.json", json.dumps(bad).encode())
    lab.configure()
    lab.agent.await_log("boot", "safe mode: five lives in a row ended badly")
    _elapse(lab.agent.board, 2 * WATCHDOG_MS)
    assert lab.stored() == []
    lab.agent.read("boot.json")  # the board is at hand
    with Device.open(lab.agent.board.port) as device:
        device.remove("/boot.json")
    lab.agent.power_on()
    lab.await_stored()


def test_what_is_on_flash_at_a_power_cut_is_stored_after_the_next_boot_once(lab: Lab) -> None:
    before = _begin_outage(lab)
    lab.agent.cut_power()
    _boot_and_settle_both_lives(lab, before)


@pytest.mark.parametrize("operation", [1, 2, 4])
def test_a_power_cut_while_flash_is_written_leaves_it_readable(lab: Lab, operation: int) -> None:
    before = _begin_outage(lab)
    lab.agent.board.control(cut_after=operation)
    lab.agent.board.await_status(powered=0)
    _boot_and_settle_both_lives(lab, before)


def test_a_board_that_hangs_is_reset_by_its_watchdog_and_goes_on(lab: Lab) -> None:
    sensor = {"driver": "load", "every": "100ms", "channels": {"count": {"stream": "s"}}, "hang_at": 150}
    lab.configure(sensors=[sensor])
    before = lab.await_stored(100)
    lab.agent.await_log("boot", "the one before ended by: watchdog")
    lab.await_stored(20)
    closing = lab.agent.account()
    assert _account_for_both_lives(lab, closing) >= before
    assert "watchdog: the loop hung" in lab.agent.read("crash.log")


def test_a_mistake_in_the_configuration_is_said_once_and_leaves_the_prompt(lab: Lab) -> None:
    lab.configure(checkpoint={"every": "soon"})
    assert lab.agent.wait(AWAIT_S) == 1
    (complaint,) = [line.message for line in lab.agent.log if line.level == "E" and line.uptime is not None]
    assert complaint.startswith("config.json: checkpoint.every: ")


def _await_emulated(lab: Lab, ms: int) -> None:
    """Waits until so many milliseconds have passed on the board."""
    end = lab.agent.board.stats()["emulated_ms"] + ms
    deadline = time.monotonic() + AWAIT_S
    while lab.agent.board.stats()["emulated_ms"] < end:
        assert time.monotonic() < deadline, lab.agent.log
        time.sleep(0.1)


def _begin_outage(lab: Lab) -> int:
    """The network is away, and the ring has overflowed to flash; returns how many readings were stored before."""
    lab.configure(spool={"ram": "480B"})
    before = lab.await_stored()
    lab.agent.board.control(ssid="away", link=False)
    lab.agent.await_log("wifi", "network lab is gone")
    enough = lab.agent.board.stats()["flash_programs"] + 20
    deadline = time.monotonic() + AWAIT_S
    while lab.agent.board.stats()["flash_programs"] < enough:
        assert time.monotonic() < deadline, lab.agent.log
        time.sleep(0.05)
    return before


def _boot_and_settle_both_lives(lab: Lab, before: int) -> None:
    """The first life's readings are stored up to the first that was in RAM alone, the second's all; nothing twice."""
    booted = len(lab.agent.log)
    lab.agent.board.control(ssid=SSID)
    lab.agent.power_on()
    lab.agent.await_log("agent", "readings of earlier boots wait on flash", booted)
    lab.await_stored()
    assert _account_for_both_lives(lab, lab.agent.account()) > before


def _account_for_both_lives(lab: Lab, closing: Closing) -> int:
    """Of the first life an unbroken beginning is stored, of the second everything, and nothing twice; returns how much of the first."""
    values = lab.stored()
    first = [value for value in values if value < BOOT]
    assert first == list(range(len(first)))
    assert (closing.settled, closing.dropped) == (closing.taken, 0), lab.agent.log
    assert values == first + list(range(BOOT, BOOT + closing.taken))
    return len(first)


class TestOverTls:
    """MicroPython's own TLS, verified, to the endpoint's own HTTPS."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def lab(self, installed: Path, serve: Callable[..., ChildEndpoint], authority: trustme.CA, tmp_path: Path) -> Iterator[Lab]:
        pair = tmp_path / "host.test.pem"
        authority.issue_cert("host.test").private_key_and_cert_chain_pem.write_to_path(str(pair))
        with ExitStack() as opened:
            yield _lab(opened, installed, serve("--tls-cert", str(pair), "--tls-port", "0"), tmp_path)

    def test_readings_arrive_and_nothing_is_lost_by_a_reset(self, lab: Lab, authority: trustme.CA, tmp_path: Path) -> None:
        self._configure(lab, authority, "host.test", tmp_path)
        lab.await_stored(20)
        lab.agent.board.control(rst=True)
        reset = lab.agent.await_log("stream", "reset by the endpoint")
        lab.agent.await_log("stream", "streaming again", reset)
        lab.await_stored(20)
        lab.settle()

    def test_another_authority_is_refused(self, lab: Lab, tmp_path: Path) -> None:
        self._configure(lab, trustme.CA(), "host.test", tmp_path)
        lab.agent.await_log(
            "stream", "the endpoint's certificate is refused: The certificate is not correctly signed by the trusted CA"
        )
        assert lab.stored() == []

    def test_another_name_is_refused(self, lab: Lab, authority: trustme.CA, tmp_path: Path) -> None:
        lab.agent.board.control(hosts={"other.test": LOOPBACK})
        self._configure(lab, authority, "other.test", tmp_path)
        lab.agent.await_log("stream", "the endpoint's certificate is refused: The certificate Common Name (CN) does not match")
        assert lab.stored() == []

    @staticmethod
    def _configure(lab: Lab, authority: trustme.CA, name: str, folder: Path) -> None:
        certificate = folder / "ca.der"
        certificate.write_bytes(ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode()))
        assert lab.endpoint.tls_url is not None
        lab.configure(certificate, endpoint=f"https://{name}:{lab.endpoint.tls_url.rpartition(':')[2]}")
