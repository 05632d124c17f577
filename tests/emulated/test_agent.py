"""The whole agent on emulated boards, over real lwIP to a real endpoint: every reading is stored exactly once, whatever happens."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest
import trustme

from host_tools.child_endpoint import ChildEndpoint
from host_tools.device import Device
from tests.emulated.agent import LOOPBACK, install
from tests.emulated.board import Board
from tests.emulated.boards import BoardName
from tests.emulated.lab import AWAIT_S, KEY, PART, SSID, Lab, build

pytestmark = pytest.mark.emulated

WATCHDOG_MS = 8388
CLOSE_TIMEOUT_MS = 10_000  # modlwip.c


@pytest.fixture(scope="module", params=["pico_w", "esp32", "esp32_c3"])
def board(request: pytest.FixtureRequest) -> BoardName:
    """The chip that the agent runs on; what is said of one alone says so."""
    name: BoardName = request.param
    return name


@pytest.fixture(scope="module")
def installed(emulator: None, board: BoardName, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash image with the firmware, and a part that counts."""
    image = tmp_path_factory.mktemp("installed") / "flash.bin"
    install(image, [PART], board)
    return image


@pytest.fixture
def lab(installed: Path, board: BoardName, serve: Callable[..., ChildEndpoint], tmp_path: Path) -> Iterator[Lab]:
    with ExitStack() as opened:
        yield build(opened, board, installed, serve(), tmp_path)


only_pico_w = pytest.mark.parametrize("board", ["pico_w"], indirect=True, scope="module")
of_each_port = pytest.mark.parametrize("board", ["pico_w", "esp32"], indirect=True, scope="module")  # ESP32s have one lwIP


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


@only_pico_w
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


def test_a_soft_reset_into_the_raw_repl_is_not_bitten_however_long_a_command_of_mpremote_takes(lab: Lab) -> None:
    lab.configure()
    lab.await_stored()
    lab.agent.read("boot.json")
    seconds = 2 * WATCHDOG_MS // 1000
    assert lab.agent.board.mpremote("exec", f"import time; time.sleep({seconds}); print('alive')") == "alive\n"
    assert lab.agent.board.stats()["resets"] == 0
    assert "crash.log" not in lab.agent.board.mpremote("fs", "ls", ":")


def _elapse(pico: Board, ms: int) -> None:
    end = pico.stats()["emulated_ms"] + ms
    while pico.stats()["emulated_ms"] < end:
        time.sleep(0.05)


@of_each_port
def test_a_stall_delays_and_loses_nothing(lab: Lab) -> None:
    lab.configure()
    lab.await_stored()
    lab.board.control(stall=True)
    lab.agent.await_log("stream", "no answer from the endpoint")
    lab.board.control(stall=False)
    lab.await_stored(50)
    lab.settle()


@only_pico_w
@pytest.mark.parametrize("window", [512, 2048])  # less than a segment of 800 bytes, and more
def test_a_full_connection_that_is_given_up_takes_no_reading_with_it(lab: Lab, window: int) -> None:
    """It keeps lwIP's memory for 10 s after its end. A write on the next one would block in C for as long, which is beyond the
    watchdog's patience, and then report success for bytes that are never sent: see test_pico_w.py."""
    lab.configure(every="10ms", checkpoint={"every": "1h", "records": 1000000}, spool={"ram": "32KiB"})
    lab.await_stored()
    lab.board.control(stall=True, window=window)
    lab.agent.await_log("stream", "the endpoint takes no more data")
    _await_emulated(lab, WATCHDOG_MS + CLOSE_TIMEOUT_MS)  # it connects again, and writes
    lab.board.control(stall=False, window=32768)
    lab.await_stored(1000)
    assert lab.board.stats()["resets"] == 0
    lab.settle()


def test_a_reset_connection_is_made_again(lab: Lab) -> None:
    lab.configure()
    since = 0
    for _ in range(3):
        lab.await_stored()
        lab.board.control(rst=True)
        since = lab.agent.await_log("stream", "reset by the endpoint", since)
        lab.agent.await_log("stream", "streaming again", since)
    lab.settle()


def test_a_lost_link_is_joined_again(lab: Lab) -> None:
    lab.configure()
    lab.await_stored()
    lab.board.control(link=False)
    lost = lab.agent.await_log("wifi", "network lab is gone")
    lab.board.control(link=True)
    lab.agent.await_log("wifi", "joined lab", lost)
    lab.await_stored(50)
    lab.settle()


@of_each_port
def test_a_link_that_loses_and_delays_frames_loses_no_reading(lab: Lab) -> None:
    lab.board.control(loss=0.05, delay=40)
    lab.configure(every="50ms")
    lab.await_stored(300)
    assert lab.board.stats()["lost"] > 0
    lab.settle()


@of_each_port
def test_a_half_open_connection_is_noticed(lab: Lab) -> None:
    lab.configure()
    lab.await_stored()
    lab.board.control(loss=1)
    lab.agent.await_log("stream", "no answer from the endpoint")
    lab.board.control(loss=0)
    lab.await_stored(50)
    lab.settle()


def test_a_wrong_key_is_said_and_heals_when_the_key_is_right(lab: Lab) -> None:
    lab.board.control(key="changed-meanwhile")
    lab.configure()
    lab.agent.await_log("wifi", "network lab refuses the password: check secrets.json")
    lab.board.control(key=KEY)
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
    with Device.open(lab.board.port) as device:
        device.write("/boot.json", json.dumps(bad).encode())
    lab.configure()
    lab.agent.await_log("boot", "safe mode: five lives in a row ended badly")
    _elapse(lab.agent.board, 2 * WATCHDOG_MS)
    assert lab.stored() == []
    lab.agent.read("boot.json")  # the board is at hand
    with Device.open(lab.board.port) as device:
        device.remove("/boot.json")
    lab.agent.power_on()
    lab.await_stored()


def test_what_is_on_flash_at_a_power_cut_is_stored_after_the_next_boot_once(lab: Lab) -> None:
    before = lab.begin_outage()
    lab.agent.cut_power()
    lab.end_outage(before)


@of_each_port
@pytest.mark.parametrize("operation", [1, 2, 4])
def test_a_power_cut_while_flash_is_written_leaves_it_readable(lab: Lab, operation: int) -> None:
    before = lab.begin_outage()
    lab.board.control(cut_after=operation)
    lab.board.await_status(powered=0)
    lab.end_outage(before)


@only_pico_w
def test_a_board_that_hangs_is_reset_by_its_watchdog_and_goes_on(lab: Lab) -> None:
    sensor = {"driver": "load", "every": "100ms", "channels": {"count": {"stream": "s"}}, "hang_at": 150}
    lab.configure(sensors=[sensor])
    before = lab.await_stored(100)
    lab.agent.await_log("boot", "the one before ended by: watchdog")
    lab.await_stored(20)
    closing = lab.agent.account()
    assert lab.settle_both_lives(closing) >= before
    assert "watchdog: the loop hung" in lab.agent.read("crash.log")


def test_a_mistake_in_the_configuration_is_said_once_and_leaves_the_prompt(lab: Lab) -> None:
    lab.configure(checkpoint={"every": "soon"})
    assert lab.agent.wait(AWAIT_S) == 1
    (complaint,) = [line.message for line in lab.agent.log if line.level == "E" and line.uptime is not None]
    assert complaint.startswith("config.json: checkpoint.every: ")


def _await_emulated(lab: Lab, ms: int) -> None:
    """Waits until so many milliseconds have passed on the board."""
    end = lab.board.stats()["emulated_ms"] + ms
    deadline = time.monotonic() + AWAIT_S
    while lab.board.stats()["emulated_ms"] < end:
        assert time.monotonic() < deadline, lab.agent.log
        time.sleep(0.1)


@of_each_port
class TestOverTls:
    """MicroPython's own TLS, verified, to the endpoint's own HTTPS."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def lab(
        self, installed: Path, board: BoardName, serve: Callable[..., ChildEndpoint], authority: trustme.CA, tmp_path: Path
    ) -> Iterator[Lab]:
        pair = tmp_path / "host.test.pem"
        authority.issue_cert("host.test").private_key_and_cert_chain_pem.write_to_path(str(pair))
        with ExitStack() as opened:
            yield build(opened, board, installed, serve("--tls-cert", str(pair), "--tls-port", "0"), tmp_path)

    def test_readings_arrive_and_nothing_is_lost_by_a_reset(self, lab: Lab, authority: trustme.CA, tmp_path: Path) -> None:
        self._configure(lab, authority, "host.test", tmp_path)
        lab.await_stored(20)
        lab.board.control(rst=True)
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
        lab.board.control(hosts={"other.test": LOOPBACK})
        self._configure(lab, authority, "other.test", tmp_path)
        lab.agent.await_log("stream", "the endpoint's certificate is refused: The certificate Common Name (CN) does not match")
        assert lab.stored() == []

    @staticmethod
    def _configure(lab: Lab, authority: trustme.CA, name: str, folder: Path) -> None:
        certificate = folder / "ca.der"
        certificate.write_bytes(ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode()))
        assert lab.endpoint.tls_url is not None
        lab.configure(certificate, endpoint=f"https://{name}:{lab.endpoint.tls_url.rpartition(':')[2]}")
