"""doctor/ without a board: what each answer of an endpoint means, what depends on what, and what is shown. Boards: tests/emulated/."""

import ast
import json
import os
import pty
import re
import socket
import ssl
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from plotpost.crash import Boot

from host_tools import accounts, doctor, firewall
from host_tools.child_endpoint import ChildEndpoint
from host_tools.device import DeviceError, Lost, PortError, Raised
from host_tools.doctor import Finding, Mark, agent, board, probes, sensors, wifi
from host_tools.doctor import endpoint as far_end
from host_tools.doctor.findings import Check, Failed, ok
from host_tools.doctor.patient import Patient
from host_tools.doctor.route import Address, Exchange, FromBoard, FromHere, Request
from host_tools.endpoint.store import FIRST_USER
from host_tools.runtime import Runtime
from tests import processes
from tests.faults.harness import create_plot
from tests.findings import findings
from tests.test_nginx import DEFAULT, FILE, Nginx

OURS = "abcdefghij"


def _patient(url: str, authority: bytes | None = None, **tokens: str) -> Patient:
    """One whose board has no WiFi, so that everything is asked from here."""
    channels = {name: {"stream": name} for name in tokens}
    config = {"endpoint": url, "sensors": [{"driver": "memory", "every": "1s", "channels": channels}]}
    secrets: dict[str, Any] = {"tokens": tokens}
    return Patient("", None, config=config, secrets=secrets, route=FromHere(secrets, authority), authority=authority)


def _reached(patient: Patient) -> Finding:
    """What is said of the endpoint; its name is found first."""
    assert [finding.mark for finding in findings(far_end.name, patient)] == [Mark.OK]
    (finding,) = findings(far_end.endpoint, patient)
    return finding


@contextmanager
def _answering(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that gives this answer to the first bytes of each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    with context.wrap_socket(connection, server_side=True) if context else connection as client:
                        client.recv(4096)
                        client.sendall(answer)
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"{'https' if context else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(autouse=True)
def _time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far_end, "_HOLD_MS", 60_000)


def test_an_endpoint_that_hears_the_board_while_it_streams_is_well(endpoint: ChildEndpoint) -> None:
    patient = _patient(endpoint.url)
    assert _reached(patient) == ok("this machine reaches plotpost, which hears it while it streams")
    assert patient.told_ms is not None
    assert abs(patient.told_ms - patient.heard_ms) < 10_000


@pytest.mark.parametrize(("file", "is_live"), [(DEFAULT, False), (FILE.read_text(), True)], ids=["default", "docs/nginx.conf"])
def test_a_proxy_that_holds_requests_back_is_noticed(
    endpoint: ChildEndpoint, free_port: int, tmp_path: Path, file: str, is_live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_live:
        monkeypatch.setattr(far_end, "_HOLD_MS", 1000)
    own_port = int(endpoint.url.rpartition(":")[2])
    folder = tmp_path / "nginx"
    folder.mkdir()
    with Nginx(folder, file, free_port, own_port):
        finding = _reached(patient := _patient(f"http://127.0.0.1:{free_port}"))
    assert finding.mark is (Mark.OK if is_live else Mark.WARNING)
    assert is_live or "holds requests back" in finding.message
    assert is_live or "docs/nginx.conf" in finding.remedy
    assert [found.mark for found in findings(far_end.proxy, patient)] == [Mark.WARNING] * is_live


def test_a_proxy_that_the_endpoint_was_told_of_is_well(
    serve: Callable[..., ChildEndpoint], free_port: int, tmp_path: Path
) -> None:
    endpoint = serve("--trusted-proxy", "127.0.0.1")
    with Nginx(tmp_path, FILE.read_text(), free_port, int(endpoint.url.rpartition(":")[2])):
        assert _reached(patient := _patient(f"http://127.0.0.1:{free_port}")).mark is Mark.OK
    assert findings(far_end.proxy, patient) == []


def test_tokens_are_accepted_refused_and_without_a_plot(endpoint: ChildEndpoint) -> None:
    with accounts.opened(endpoint.data) as store:
        good, plotless = (store.new_token(accounts.owner(store)[0]) for _ in range(2))
    assert endpoint.api_key is not None
    create_plot(endpoint.url, FIRST_USER, endpoint.api_key, [good])
    patient = _patient(endpoint.url, good=good, plotless=plotless, unknown=OURS)
    _reached(patient)
    by_stream = {}
    for finding in findings(far_end.tokens, patient):
        (stream,) = re.findall("good|plotless|unknown", finding.message)
        by_stream[stream] = finding
    assert by_stream["good"] == ok("accepted: good")
    assert (by_stream["plotless"].mark, by_stream["unknown"].mark) == (Mark.FAILED, Mark.FAILED)
    assert "plotpost plot new" in by_stream["plotless"].remedy
    assert "plotpost token new" in by_stream["unknown"].remedy
    with accounts.opened(endpoint.data) as store:
        assert [plot.points for plot in store.plots()] == [0]


def test_a_board_that_makes_its_plot_by_itself_may_have_none_yet(endpoint: ChildEndpoint) -> None:
    with accounts.opened(endpoint.data) as store:
        patient = _patient(endpoint.url, s=store.new_token(accounts.owner(store)[0]))
    patient.config["plot"] = {"title": "mine"}
    patient.secrets["account"] = {"user": FIRST_USER, "api_key": endpoint.api_key}
    _reached(patient)
    (finding,) = findings(far_end.tokens, patient)
    assert finding.mark is Mark.WARNING
    patient.secrets["account"]["api_key"] = "wrong"
    account, token = findings(far_end.tokens, patient)
    assert (account.mark, token) == (Mark.FAILED, finding)
    assert "plotpost user rotate-key" in account.remedy


def test_nobody_listening_is_told_with_the_command_that_starts_one(free_port: int) -> None:
    finding = _reached(_patient(f"http://127.0.0.1:{free_port}"))
    assert finding == Finding(
        Mark.FAILED, f"nobody listens at http://127.0.0.1:{free_port}", "start it: plotpost serve --host 0.0.0.0"
    )


class KeptOut(FromHere):
    """What a board sees whose way to the endpoint ends with `error`."""

    place = FromBoard.place

    def __init__(self, error: str) -> None:
        super().__init__({}, None)
        self._error = error

    def exchange(self, address: Address, host: str, request: Request) -> Exchange:
        return Exchange("connect", self._error, False, b"")


def _kept_out(url: str, address: str, error: str) -> Finding:
    patient = _patient(url)
    patient.route, patient.address = KeptOut(error), (address, int(url.rpartition(":")[2]))
    (finding,) = findings(far_end.endpoint, patient)
    return finding


def test_a_firewall_is_meant_when_this_machine_reaches_what_the_board_does_not(endpoint: ChildEndpoint) -> None:
    finding = _kept_out(endpoint.url, "127.0.0.1", "ETIMEDOUT")
    assert finding.message == f"{endpoint.url} does not answer the board"
    port = int(endpoint.url.rpartition(":")[2])
    assert finding.remedy == f"this machine's firewall keeps the board out: {firewall.remedy(port)}"


def test_an_endpoint_that_serves_its_own_machine_alone_is_told(endpoint: ChildEndpoint) -> None:
    finding = _kept_out(endpoint.url, "127.0.0.2", "ECONNREFUSED")
    assert finding.remedy == "it serves only its own machine: start it with plotpost serve --host 0.0.0.0"


def test_a_machine_that_is_off_is_told_as_that(free_port: int) -> None:
    finding = _kept_out(f"http://127.0.0.1:{free_port}", "127.0.0.1", "EHOSTUNREACH")
    assert finding.message.startswith("the board finds no way to")
    assert "switched on" in finding.remedy


def test_a_board_that_has_no_memory_for_tls_is_told_as_that(free_port: int) -> None:
    finding = _kept_out(f"http://127.0.0.1:{free_port}", "127.0.0.1", "ENOMEM")
    assert finding.message.startswith("the board has too little memory to talk to")
    assert "stream over http" in finding.remedy


_NEWLIB = {104: "ECONNRESET", 111: "ECONNREFUSED", 113: "ECONNABORTED", 116: "ETIMEDOUT", 118: "EHOSTUNREACH", 128: "ENOTCONN"}
_NO_WAY = """
class socket:
    def settimeout(self, seconds): pass
    def connect(self, address): raise %s
    def close(self): pass
"""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        *((f"OSError({number})", name) for number, name in _NEWLIB.items()),
        ("OSError(-2, 'in words')", "(-2, 'in words')"),
        ("MemoryError('allocating 16384 bytes')", "ENOMEM"),
    ],
)
def test_a_board_tells_an_errno_by_its_name(error: str, told: str, runtime: Runtime, tmp_path: Path) -> None:
    """On real MicroPython, but with the numbers of an ESP32: 113 is not what Linux and a Pico mean by it."""
    numbers = "".join(f"{name} = {number}\n" for number, name in _NEWLIB.items())
    (tmp_path / "errno.py").write_text(f"{numbers}errorcode = {_NEWLIB!r}\n")
    (tmp_path / "socket.py").write_text(_NO_WAY % error)
    call = "print(probe(('10.0.2.2', 8050), 'host', None, 'GET / HTTP/1.1', (), b'', 100))"
    (tmp_path / "ask.py").write_text(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{probes.EXCHANGE}\n{call}\n")
    argv = runtime.command(str(tmp_path / "ask.py"))
    printed = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    assert ast.literal_eval(printed) == ("connect", told, False, b"")


@pytest.mark.parametrize(
    ("answer", "mark", "what"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\n\r\n<html>..",
            Mark.FAILED,
            "no endpoint for streams",
        ),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", Mark.FAILED, "answers 502"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", Mark.FAILED, "in no HTTP"),
        (b"", Mark.FAILED, "answers nothing"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n", Mark.WARNING, "confirms nothing"),
    ],
    ids=["html", "proxy", "no HTTP", "nothing", "another streaming server"],
)
def test_what_else_may_answer_there_is_told_apart(answer: bytes, mark: Mark, what: str) -> None:
    with _answering(answer) as url:
        finding = _reached(_patient(url))
    assert finding.mark is mark
    assert what in finding.message
    assert finding.remedy


def test_a_certificate_of_another_authority_is_not_trusted_and_of_the_right_one_is() -> None:
    authority, other = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    answer = b"HTTP/1.1 404 Not Found\r\nplotpost-next: 0\r\nContent-Length: 0\r\n\r\n"
    with _answering(answer, context) as url:
        trusting = _reached(_patient(url, _der(authority)))
        distrusting = _reached(_patient(url, _der(other)))
    assert trusting.mark is Mark.OK
    assert distrusting.mark is Mark.FAILED
    assert "is not trusted" in distrusting.message
    assert "`ca` in secrets.json" in distrusting.remedy


def _der(authority: trustme.CA) -> bytes:
    return ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())


def test_a_name_that_nobody_knows_is_told() -> None:
    (finding,) = findings(far_end.name, _patient("http://no-such-host.invalid:8050"))
    assert (finding.mark, finding.message) == (Mark.FAILED, "this machine finds no host of the name no-such-host.invalid")


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "right"), (-90, "90 seconds behind"), (7200, "2 hours ahead")])
def test_differences_of_clocks_are_in_words(seconds: float, words: str) -> None:
    assert far_end.span(seconds) == words


@pytest.mark.parametrize(
    ("driver", "channels", "mark"),
    [
        ("dht22", [("temperature", "°C", 1, 215), ("humidity", "%", 1, 440)], Mark.OK),
        ("dht22", [("temperature", "°C", 1, 215), ("humidity", "%", 1, 0)], Mark.WARNING),
        ("ds18b20", [("temperature", "°C", 2, 12700)], Mark.WARNING),
        ("analog", [("voltage", "V", 3, 1650), ("level", "%", 1, 1340)], Mark.WARNING),
        ("of another time", [("anything", "", 0, 123456)], Mark.OK),
        ("memory", [("free", "MiB", 0, None)], Mark.OK),
    ],
)
def test_readings_are_held_against_what_the_part_can_measure(driver: str, channels: list[Any], mark: Mark) -> None:
    finding = sensors.judge(driver, driver, channels)
    assert finding.mark is mark
    assert bool(finding.remedy) == (mark is not Mark.OK)


@pytest.mark.parametrize(("kib", "mark"), [(176, Mark.OK), (99, Mark.OK), (98, Mark.WARNING)])
def test_a_heap_is_large_enough_for_the_agent_or_told(kib: int, mark: Mark) -> None:
    """All of it counts: an agent that was interrupted holds what the next one gets."""
    memory = kib * 1024, 20 * 1024, 2048 * 1024, 1808 * 1024
    (finding,) = findings(board.heap, Patient("", None, attached=_probed({probes.MEMORY: memory})))
    assert (finding.mark, finding.message) == (mark, f"20 of {kib} KiB are free")


def _sensor(driver: str, said: Any, platform: str = "esp32", calibration: str = "") -> Finding:
    """What is said of a sensor at pin 34 when the board answers so to SENSOR."""
    device = _probed({probes.SENSOR: said, probes.UNCALIBRATED: calibration}, platform)
    config = {"sensors": [{"driver": driver, "pin": 34, "every": "1s", "channels": {}}]}
    (finding,) = findings(sensors.sensors, Patient("", None, attached=device, config=config))
    return finding


VOLTS = ("values", [("voltage", "V", 3, 1650), ("level", "%", 1, 500)])


@pytest.mark.parametrize("error", ["[Errno 95] EOPNOTSUPP: ESP_ERR_NOT_SUPPORTED", "(-258, 'ESP_ERR_INVALID_ARG')"])
def test_an_analog_input_without_calibration_is_told_and_its_wires_are_not_blamed(error: str) -> None:
    finding = _sensor("analog", VOLTS, calibration=error)
    assert (finding.mark, finding.message) == (
        Mark.WARNING,
        f"analog at 34: voltage 1.650 V, level 50.0 %; uncalibrated ({error})",
    )
    broken = _sensor("analog", ("broken", error))
    assert (broken.mark, "wires" in broken.remedy) == (Mark.FAILED, False)


def test_a_calibrated_analog_input_and_a_picos_are_well() -> None:
    assert _sensor("analog", VOLTS).mark is Mark.OK
    assert _sensor("analog", VOLTS, "rp2", "a Pico is not asked").mark is Mark.OK


def test_a_part_that_does_not_answer_gets_a_look_at_its_wires() -> None:
    finding = _sensor("dht22", ("broken", "[Errno 116] ETIMEDOUT"))
    assert finding.message == "dht22 at 34 cannot be read: it does not answer"
    assert finding.remedy.startswith("look at its wires")


def test_every_driver_has_a_range_or_reports_on_the_agent() -> None:
    from plotpost.sensors import DRIVERS, driver

    channels = {name: {channel for channel, _, _ in driver(name).CHANNELS} for name in DRIVERS if name != "health"}
    assert {name: set(ranges) for name, ranges in sensors.RANGES.items()} == channels


def test_a_network_that_is_not_seen_gets_the_hint_of_5_ghz_and_what_is_seen() -> None:
    finding = wifi.unseen("garden", {"kitchen": (6, -50), "attic": (11, -70)})
    assert finding.message == "garden is not in sight, but kitchen, attic"
    assert "no board joins 5 GHz" in finding.remedy


def test_a_network_that_is_misspelt_gets_the_name_that_may_be_meant() -> None:
    assert "but Garden is" in wifi.unseen("garden", {"kitchen": (6, -50), "Garden": (11, -70)}).message


_RADIO = """
import sys
sys.path[:0] = [%r, %r]
import machine, network
from plotpost import radio

class Platform: platform = %r
class Time:
    ticks_diff = lambda later, earlier: later - earlier
    ticks_ms = lambda: machine.now
    def sleep_ms(ms): machine.now += ms
class Air(network.WLAN):
    def scan(self):
        network._say("scan")
        return [(b"home", b"", 6, -50, 3, False), (b"home", b"", 11, -40, 3, False), (b"attic", b"", 1, -70, 3, False)]
    def ifconfig(self): return ("192.168.1.42",)
radio.sys, sys.modules["time"], network.WLAN = Platform, Time, Air
"""


def _on_a_radio(runtime: Runtime, folder: Path, port: str, probe: str, *lines: str) -> Any:
    """What a probe says on real MicroPython with the simulated radio of a port, after these lines."""
    root = Path(__file__).parents[1]
    (folder / "secrets.json").write_text(json.dumps({"wifi": {"home": "open sesame"}}))
    before = _RADIO % (str(root / "firmware"), str(root / "tests" / "simulated"), port)
    ask = "probe([b'home'])" if probe is probes.SCAN else "probe('home')"
    own = probe.replace("'/secrets.json'", repr(str(folder / "secrets.json")))
    inside = "\n    ".join(["network.air['home'] = 'open sesame'", *lines, f"print('answer: ' + repr({ask}))"])
    (folder / "ask.py").write_text(f"{before}\n{own}\nwith network.Plugged({port!r}):\n    {inside}\n")
    done = subprocess.run(runtime.command(str(folder / "ask.py")), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return ast.literal_eval(done.stdout.rpartition("answer: ")[2])


def _probed(answers: dict[str, Any], platform: str = "esp32") -> Any:
    """A board that answers so to each probe."""

    def run(code: str, timeout_s: float) -> str:
        return f"answer: {next(told for probe, told in answers.items() if code.startswith(probe))!r}\n"

    return SimpleNamespace(run=run, facts=SimpleNamespace(platform=platform))


_SEEN = "", [(b"home", 6, -50)]


def _outcome(joined: Any = None, scanned: Any = _SEEN) -> list[Finding]:
    """What the check says when the board answers so."""
    device = _probed({probes.SCAN: scanned, probes.JOIN: joined})
    config = {"wifi": ["home"], "endpoint": "http://192.168.1.10:8050"}
    return findings(wifi.wifi, Patient("", None, attached=device, config=config))


PORTS = ("esp32", "rp2")


@pytest.mark.parametrize("port", PORTS)
def test_a_network_is_joined_with_the_radio_of_each_port(port: str, runtime: Runtime, tmp_path: Path) -> None:
    assert _on_a_radio(runtime, tmp_path, port, probes.SCAN) == ("", [(b"home", 11, -40), (b"attic", 1, -70)])
    joined = _on_a_radio(runtime, tmp_path, port, probes.JOIN)
    assert joined == ("joined", "192.168.1.42", -57)
    assert _outcome(joined) == [ok("joined home: -57 dBm, channel 6, address 192.168.1.42")]


@pytest.mark.parametrize(
    ("port", "reason", "told"),
    [
        ("rp2", 0, "home refuses the password"),
        ("esp32", 15, "home refuses the password"),
        ("esp32", 204, "home refuses the password"),
        ("esp32", 2, "home refuses the password, or is hardly in reach"),
        ("esp32", 202, "home refuses the password, or is hardly in reach"),
        ("esp32", 201, "home was in sight, and is out of reach"),
        ("esp32", 205, "home is in sight, and cannot be joined (the radio says 205)"),
        ("esp32", 210, "home is in sight, and cannot be joined (the radio says 210)"),
    ],
)
def test_a_network_that_is_not_joined_is_told_with_the_radios_reason(
    port: str, reason: int, told: str, runtime: Runtime, tmp_path: Path
) -> None:
    wrong = ("network.air['home'] = 'another key'", f"network.reason = {reason}")
    answer = _on_a_radio(runtime, tmp_path, port, probes.JOIN, *wrong)
    assert answer[0] == "failed"
    (finding,) = _outcome(answer)
    assert (finding.mark, finding.message) == (Mark.FAILED, told)
    assert "open sesame" not in str(answer)


RAISED = ("OSError('WiFi Out of Memory')", "RuntimeError('Wifi Unknown Error 0x0101')", "OSError(116)")


@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize(
    ("probe", "call"),
    [(probes.SCAN, call) for call in ("WLAN", "active(False)", "active(True)")]
    + [
        (probes.JOIN, call)
        for call in ("WLAN", "active(False)", "active(True)", "connect", "isconnected", "status", "status(rssi)")
    ],
)
def test_a_radio_that_fails_at_any_call_is_a_finding(probe: str, call: str, error: str, runtime: Runtime, tmp_path: Path) -> None:
    wrong = ["network.air['home'] = 'another key'"] if call == "status" else []
    answer = _on_a_radio(runtime, tmp_path, "esp32", probe, *wrong, f"network.raises[{call!r}] = {error}")
    words = error.partition("(")[2].strip("')")
    assert any(words in str(part) for part in answer)
    (finding,) = _outcome(answer) if probe is probes.JOIN else _outcome(scanned=answer)
    assert finding.mark is Mark.FAILED
    assert finding.message.startswith("the radio fails")
    assert words in finding.message
    assert ("must start before programs fill the memory" in finding.remedy) == ("Memory" in error)


def test_a_radio_that_cannot_scan_is_told_unless_something_was_seen(runtime: Runtime, tmp_path: Path) -> None:
    answer = _on_a_radio(
        runtime, tmp_path, "esp32", probes.SCAN, "network.raises['scan'] = RuntimeError('Wifi Unknown Error 0x3003')"
    )
    assert answer == ("Wifi Unknown Error 0x3003", [])


@pytest.mark.parametrize("call", ["config(pm)", "config(reconnects)"])
def test_a_setting_that_the_radio_does_not_know_keeps_from_no_network(call: str, runtime: Runtime, tmp_path: Path) -> None:
    raising = f"network.raises[{call!r}] = RuntimeError('Wifi Unknown Error 0x0102')"
    assert _on_a_radio(runtime, tmp_path, "esp32", probes.JOIN, raising)[0] == "joined"


def test_without_the_agent_no_network_is_joined_and_the_remedy_is_told() -> None:
    (finding,) = _outcome(("no agent", "", 0))
    assert (finding.mark, finding.remedy) == (Mark.FAILED, "put it there: plotpost deploy")


def _check(name: str, needs: tuple[str, ...] = (), error: Exception | None = None) -> Check:
    def examine(patient: Patient) -> Iterator[Finding]:
        if error is not None:
            raise error
        yield ok(f"{name} is well")

    return Check(name, needs, examine)


@pytest.mark.parametrize(
    ("error", "message", "remedy"),
    [
        (PortError("no permission: it is root's; run sudo"), "no permission: it is root's", "run sudo"),
        (Lost("it went away (raw paste: b''): check the cable"), "it went away (raw paste: b'')", "check the cable"),
        (Raised("Traceback ..\nOSError: [Errno 5] EIO\n"), "the board answered: OSError: [Errno 5] EIO", "run it again"),
        (DeviceError("it is odd"), "it is odd", "run it again"),
    ],
)
def test_an_errors_line_is_parted_into_what_happened_and_what_to_do(error: DeviceError, message: str, remedy: str) -> None:
    assert Failed.of(error, "run it again").finding == Finding(Mark.FAILED, message, remedy)


def test_what_depends_on_a_failure_is_not_checked_and_everything_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = (
        _check("a", error=Failed("a is broken", "mend it")),
        _check("b", ("a",)),
        _check("c", ("b",)),
        _check("d"),
        _check("e", ("d",), error=DeviceError("e is odd: turn it off and on")),
    )
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert [(result.check, result.finding) for result in doctor.examine("")] == [
        ("a", Finding(Mark.FAILED, "a is broken", "mend it")),
        ("b", Finding(Mark.NOT_CHECKED, "because of: a")),
        ("c", Finding(Mark.NOT_CHECKED, "because of: b")),
        ("d", ok("d is well")),
        ("e", Finding(Mark.FAILED, "e is odd", "turn it off and on")),
    ]


def test_a_board_that_goes_away_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Lost("the board went away: check the cable")
    checks = (_check("micropython"), _check("heap", ("micropython",), lost), _check("flash", ("micropython",)))
    monkeypatch.setattr(doctor, "CHECKS", checks)
    marks = [result.finding.mark for result in doctor.examine("")]
    assert marks == [Mark.OK, Mark.FAILED, Mark.NOT_CHECKED]


def test_no_secret_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(patient: Patient) -> Iterator[Finding]:
        patient.secrets = {"wifi": {"home": "open sesame"}, "tokens": {"s": OURS}, "account": {"api_key": "k3yk3yk3y"}}
        yield Finding(Mark.FAILED, f"open sesame and {OURS}", "k3yk3yk3y")

    monkeypatch.setattr(doctor, "CHECKS", (Check("leaky", (), examine),))
    (result,) = doctor.examine("")
    assert result.finding == Finding(Mark.FAILED, "*** and ***", "***")


def test_a_port_that_is_not_there_fails_with_its_remedy_and_leaves_the_rest_unchecked(tmp_path: Path) -> None:
    done = processes.run(tmp_path, "doctor", "--port", str(tmp_path / "ttyNone"), "--json")
    first, *others = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert first["check"] == "port"
    assert first["mark"] == "failed"
    assert first["message"] == f"there is no port {tmp_path}/ttyNone"
    assert first["remedy"].startswith("plug the board in")
    assert {other["mark"] for other in others} == {"not checked"}
    assert [first["check"], *(other["check"] for other in others)] == [check.name for check in doctor.CHECKS]


def test_a_person_sees_a_line_each_with_mark_and_remedy(tmp_path: Path) -> None:
    done = processes.run(tmp_path, "doctor", "--port", str(tmp_path / "ttyNone"), PYTHONUTF8="1")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("✗ port        there is no port")
    assert lines[1].startswith("              -> plug the board in")
    assert lines[2] == "- micropython because of: port"
    assert lines[-1] == "failed: 1"


def test_a_board_that_plotpost_does_not_know_is_wrong_usage(tmp_path: Path) -> None:
    done = processes.run(tmp_path, "doctor", "--port", "/dev/null", "--board", "pico_x")
    assert done.returncode == 2
    assert "'pico_x' is unknown; known:" in done.stderr


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000], ids=lambda content: str(content[:4]))
def test_a_configuration_on_the_board_that_is_none_is_told(content: bytes) -> None:
    board: Any = SimpleNamespace(read=lambda path: content)
    (finding,) = findings(agent.config, Patient("", None, attached=board))
    assert finding == Finding(Mark.FAILED, "config.json is not JSON", "write it anew: plotpost provision")


@pytest.mark.parametrize("bad", range(3, 8))
def test_safe_mode_is_told_when_the_firmware_is_in_it(bad: int) -> None:
    def read(path: str) -> bytes:
        if path != "/boot.json":
            raise FileNotFoundError(path)
        return json.dumps({"boots": 9, "bad": bad, "reason": ""}).encode()

    board: Any = SimpleNamespace(read=read)
    (finding,) = findings(agent.lives, Patient("", None, attached=board))
    assert (finding.mark is Mark.FAILED) is Boot.looping(SimpleNamespace(bad=bad))


@pytest.fixture
def silent_port() -> Iterator[str]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_what_does_not_answer_like_micropython_is_told_apart_from_a_bad_port(
    silent_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience, less in (("_TRIES", 1), ("_FLUSH_S", 0.1), ("_ENTER_S", 0.1)):
        monkeypatch.setattr(f"host_tools.device.{patience}", less)
    found = {result.check: result.finding for result in doctor.examine(silent_port)}
    assert found["port"] == ok(f"{silent_port} opens")
    assert found["micropython"].mark is Mark.FAILED
    assert "plotpost flash" in found["micropython"].remedy


def test_the_document_says_what_each_check_asks() -> None:
    text = (Path(__file__).parents[1] / "docs" / "doctor.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == [check.name for check in doctor.CHECKS]
