"""plotpost up: which board is meant, what it waits for, what it says when something is missing; and docs/up.md shows what works."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from host_tools import boards, firewall
from host_tools.boards import Board
from host_tools.child_endpoint import ChildEndpoint
from host_tools.config import validate
from host_tools.device import Facts
from host_tools.doctor.findings import Check, Finding, failed, ok, warning
from host_tools.doctor.patient import Patient
from host_tools.provision.complete import Complete
from host_tools.simulate import LogLine
from host_tools.up import Search, UpError, reach, watch
from host_tools.up.find import find
from host_tools.up.plot import Plot, State
from host_tools.up.run import check_endpoint
from host_tools.up.watch import Watch, await_points
from tests import processes
from tests.plotly_client import PlotlyClient

Json = dict[str, Any]

PAGE = (Path(__file__).parents[1] / "docs" / "up.md").read_text(encoding="utf-8")


# What docs/up.md shows


def test_the_configuration_that_the_page_shows_is_right() -> None:
    (text,) = re.findall(r"^```json\n(\{\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert validate(json.loads(text), {"version": 1, "tokens": {"heap": "a", "volts": "b"}}) == []


def test_the_page_names_every_step_in_order() -> None:
    from host_tools.cli.up import _TITLES

    shown = re.findall(r"^✓ (\w+)", PAGE, re.MULTILINE)
    assert set(shown) <= set(_TITLES.values())
    assert [line.split(" |")[0] for line in re.findall(r"^\| ([A-Z]\w+ \|)", PAGE, re.MULTILINE)] == [
        "Board",
        "Settings",
        "Agent",
        "Network",
        "Points",
    ]


# Usage and what is missing, as the command says it


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--endpoint", "ftp://x"], 2, "Invalid value for --endpoint: 'ftp://x' is not http://HOST"),
        (["--board", "picco"], 2, "--board: board 'picco' is unknown; known: "),
        (["--config", "nowhere.json"], 1, "plotpost: nowhere.json: cannot be read: No such file or directory"),
        (
            ["--port", "/dev/ttyNOBODY0"],
            1,
            "plotpost: there is no port /dev/ttyNOBODY0: plug the board in with a cable that carries data",
        ),
    ],
)
def test_what_is_wrong_with_a_call_is_told(arguments: list[str], status: int, told: str, tmp_path: Path) -> None:
    done = processes.run(tmp_path, "up", *arguments)
    assert done.returncode == status, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_an_api_key_in_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cr3t")
    file.chmod(0o644)
    done = processes.run(tmp_path, "up", "--api-key-file", str(file))
    assert (done.returncode, done.stderr) == (
        1,
        f"plotpost: {file}: others on this machine may read it; run: chmod 600 {file}\n",
    )


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"two words"])
def test_a_file_that_holds_no_api_key_is_told_and_not_shown(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    done = processes.run(tmp_path, "up", "--api-key-file", str(file))
    assert (done.returncode, done.stderr) == (
        1,
        f"plotpost: {file}: must hold the API key that `plotpost serve` printed, and nothing else\n",
    )


# Which board it is


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The drive of an RP2040 in BOOTSEL mode."""
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    monkeypatch.setenv("PLOTPOST_DRIVES", str(drive))
    return drive


class Chooser:
    """A person who points at one of the boards."""

    def __init__(self, name: str) -> None:
        self.shown: list[str] = []
        self._name = name

    def board(self, where: str, among: list[Board]) -> Board:
        self.shown = [each.name for each in among]
        return boards.load(self._name)


def _flashed(search: Search, monkeypatch: pytest.MonkeyPatch) -> str:
    """For which board MicroPython would be written."""
    named: list[str] = []

    def run(board: Board, *_: Any, **__: Any) -> None:
        named.append(board.name)
        raise UpError("enough")

    monkeypatch.setattr("host_tools.flash.run", run)
    with pytest.raises(UpError, match=r"^enough$"):
        find(search, lambda text: None, lambda what, done, of: None)
    return named[0]


def test_an_outdated_board_runs_on_while_its_firmware_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    facts = Facts((1, 26, 1), "rp2", 0, "RPI_PICO_W", "Raspberry Pi Pico W with RP2040", "", 200)
    board = SimpleNamespace(facts=facts, resume=lambda: done.append("resumed"), close=lambda: done.append("left"))
    monkeypatch.setattr("host_tools.up.find.trouble", lambda port: None)
    monkeypatch.setattr("host_tools.device.Device.open", lambda port: board)
    assert _flashed(Search(port="ttyACM0"), monkeypatch) == "pico_w"
    assert done == ["resumed"]


@pytest.mark.usefixtures("waiting")
class TestABoardInBootsel:
    def test_it_is_the_one_that_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        search = Search(board=boards.load("pico"), hint=boards.load("pico_w"))
        assert _flashed(search, monkeypatch) == "pico"

    def test_it_is_the_one_that_the_configuration_is_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert _flashed(Search(hint=boards.load("pico_w")), monkeypatch) == "pico_w"

    def test_a_configuration_for_another_chip_is_not_believed(self) -> None:
        with pytest.raises(UpError, match=r"^the board in BOOTSEL mode does not say which it is: say so with --board: pico"):
            find(Search(hint=boards.load("esp32")), lambda text: None, lambda what, done, of: None)

    def test_somebody_is_asked_among_those_with_that_chip(self, monkeypatch: pytest.MonkeyPatch) -> None:
        chooser = Chooser("pico_w")
        assert _flashed(Search(person=chooser), monkeypatch) == "pico_w"
        assert set(chooser.shown) == {name for name, each in boards.load_all().items() if each.mcu == "rp2040"}

    def test_a_port_that_is_not_there_yet_is_the_one_it_will_have(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert _flashed(Search(port="/dev/ttyNOBODY0", board=boards.load("pico")), monkeypatch) == "pico"


# The endpoint on this machine


def _missing(endpoint: str, **config: Any) -> str:
    """What is said of an endpoint at this address, when nobody can be asked."""
    with pytest.raises(UpError) as caught:
        check_endpoint(Complete({"endpoint": endpoint, **config}, {}), None)
    return str(caught.value)


def test_one_that_does_not_run_is_told_with_the_command_that_starts_it(endpoint: ChildEndpoint) -> None:
    check_endpoint(Complete({"endpoint": endpoint.url}, {}), None)
    endpoint.kill()
    told = f"no endpoint answers at {endpoint.url}: start it with `plotpost serve`, and run the command again"
    assert _missing(endpoint.url) == told
    assert _missing(endpoint.url, wifi=["home"]) == told.replace("serve`", "serve --host 0.0.0.0`")


def test_one_that_serves_only_this_machine_is_told(endpoint: ChildEndpoint) -> None:
    other = endpoint.url.replace("127.0.0.1", "127.0.0.2")  # is this machine too, and nobody listens there
    assert _missing(other) == (
        "the endpoint on this machine serves nobody else: end it, and start it with `plotpost serve --host 0.0.0.0`"
    )


def test_one_on_another_machine_is_left_to_the_board() -> None:
    check_endpoint(Complete({"endpoint": "http://192.0.2.99:8050"}, {}), None)


# The way to the endpoint


def _reached(monkeypatch: pytest.MonkeyPatch, *checks: tuple[str, Finding]) -> tuple[str, list[str]]:
    """What `reach` makes of these findings, and what it says beside."""

    def check(finding: Finding) -> Callable[[Patient], Iterator[Finding]]:
        return lambda patient: iter([finding])

    monkeypatch.setattr(reach, "_CHECKS", [Check(name, (), check(finding)) for name, finding in checks])
    said: list[str] = []
    secrets = {"wifi": {"home": "s3cr3t"}, "tokens": {}}
    config = {"endpoint": "http://192.0.2.1:8050", "wifi": ["home"]}
    device: Any = SimpleNamespace(port="/dev/ttyACM0")
    return reach.reach(device, boards.load("pico_w"), config, secrets, said.append), said


def test_what_the_board_reached_is_told_and_what_is_worth_knowing(monkeypatch: pytest.MonkeyPatch) -> None:
    told, said = _reached(
        monkeypatch,
        ("wifi", ok("joined home")),
        ("name", ok("h is 1.2.3.4")),
        ("endpoint", warning("bursts", "look at the proxy")),
    )
    assert (told, said) == ("joined home", ["bursts: look at the proxy"])


def test_a_way_that_is_shut_is_told_with_the_remedy_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UpError, match=r"^home refuses \*\*\*: correct it: plotpost provision$"):
        _reached(
            monkeypatch, ("wifi", failed("home refuses s3cr3t", "correct it: plotpost provision")), ("name", ok("not asked"))
        )


# Points


@pytest.fixture
def client(endpoint: ChildEndpoint) -> PlotlyClient:
    return PlotlyClient(endpoint)


def test_a_plot_tells_its_points_and_the_last_of_each_trace(endpoint: ChildEndpoint, client: PlotlyClient) -> None:
    path = client.new_plot({"x": ["2026-11-24", "2026-11-25"], "y": [1, 2]}, {"x": [], "y": []})
    assert Plot(endpoint.url + path).state() == State(2, ("2026-11-25",))


def test_a_plot_that_cannot_be_looked_at_has_no_state(endpoint: ChildEndpoint) -> None:
    assert Plot(f"{endpoint.url}/~me/99").state() is None
    assert Plot(f"{endpoint.url}/").state() is None
    endpoint.kill()
    assert Plot(f"{endpoint.url}/~me/1").state() is None


class Board_:
    """A board that logs these lines, one a turn, which takes a second of simulated time."""

    turns = 0  # of all boards

    def __init__(self, watch: Watch, *lines: str) -> None:
        self._watch, self._lines = watch, list(lines)

    def __enter__(self) -> "Board_":
        return self

    def __exit__(self, *_: object) -> None: ...

    def turn(self) -> None:
        Board_.turns += 1
        if self._lines:
            self._watch.heard(LogLine.parse(self._lines.pop(0)))

    def settle(self, seconds: float) -> None: ...


class Shown(Plot):
    """A plot that shows these states, the last for ever."""

    def __init__(self, *states: State | None) -> None:
        super().__init__("http://192.0.2.1/~me/1")
        self._states = list(states)

    def state(self) -> State | None:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]


@pytest.fixture(autouse=True)
def _time_of_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: Board_.turns))


OLD, NEW, FULL = State(10, ("a",)), State(11, ("b",)), State(10, ("b",))


@pytest.mark.parametrize("after", [NEW, FULL])
def test_the_first_new_point_is_waited_for(after: State) -> None:
    hears = Watch(lambda line: None)
    plot = Shown(OLD, None, OLD, after)
    assert await_points(Board_(hears), hears, plot, OLD) == (plot, after)


def test_an_empty_plot_does_not_move() -> None:
    hears = Watch(lambda line: None)
    with pytest.raises(
        UpError, match=r"^no reading has arrived in 120 s; the board says nothing of trouble; plotpost doctor finds"
    ):
        await_points(Board_(hears), hears, Shown(State(0, ())), None)


def test_what_the_board_complained_of_is_told() -> None:
    hears = Watch(lambda line: None)
    board = Board_(
        hears, "1.000 W wifi network home is not in sight: is it 5 GHz only, or out of reach?", "1.100 D wifi retrying", "x"
    )
    with pytest.raises(UpError, match=r"; the board says: wifi: network home is not in sight: is it 5 GHz only"):
        await_points(board, hears, Shown(OLD), OLD)


def test_a_trouble_that_lasts_is_not_waited_out() -> None:
    hears = Watch(lambda line: None)
    board = Board_(hears, "1.000 W stream no answer from the endpoint", "2.000 W wifi network home is gone")
    with pytest.raises(UpError, match=r"in 61 s; the board says: wifi: network home is gone; plotpost doctor finds out more$"):
        await_points(board, hears, Shown(OLD), OLD)


def test_a_trouble_that_is_over_is_not_told() -> None:
    hears = Watch(lambda line: None)
    board = Board_(hears, "1.000 W stream connection reset by the endpoint", "2.000 I stream streaming again")
    with pytest.raises(UpError, match="the board says nothing of trouble"):
        await_points(board, hears, Shown(OLD), OLD)


def test_the_plot_that_the_board_draws_is_found_in_its_log(endpoint: ChildEndpoint, client: PlotlyClient) -> None:
    url = endpoint.url + client.new_plot({"x": [1], "y": [2]})
    hears = Watch(lambda line: None)
    found, state = await_points(Board_(hears, f"1.000 I plot drawn at {url}"), hears, None, None)
    assert found is not None
    assert (found.url, state) == (url, State(1, ("1",)))


def test_where_no_plot_can_be_seen_calm_is_enough() -> None:
    hears = Watch(lambda line: None)
    assert await_points(Board_(hears), hears, None, None) == (None, None)
    with pytest.raises(UpError, match="stream: refused with 404"):
        await_points(Board_(hears, "1.000 E stream refused with 404: the token is not registered"), hears, None, None)


# The firewall


@pytest.mark.parametrize(
    ("system", "program", "told"),
    [
        ("linux", "ufw", "run `sudo ufw allow 8050/tcp`"),
        ("linux", "firewall-cmd", "run `sudo firewall-cmd --permanent --add-port=8050/tcp && sudo firewall-cmd --reload`"),
        ("linux", "none", "let TCP port 8050 in (`sudo nft list ruleset` shows who keeps it out)"),
        ("darwin", "none", "System Settings, Network, Firewall, Options: let Python take incoming connections"),
        (
            "win32",
            "none",
            "as administrator run `netsh advfirewall firewall add rule name=plotpost dir=in action=allow protocol=TCP",
        ),
    ],
)
def test_the_remedy_is_that_of_the_firewall_that_is_here(
    system: str, program: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / program).touch()
    (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(firewall, "_SBIN", ())
    assert firewall.remedy(8050, system).startswith(told)
