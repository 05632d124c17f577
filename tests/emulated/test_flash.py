"""`plotpost flash` on an emulated Pico: from a bare chip to MicroPython, again over a running one, and after a cut."""

import re
import shlex
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import serial

from host_tools import boards, ports
from host_tools.flash import answer, bootsel, run
from host_tools.flash.errors import FlashError
from tests import processes
from tests.emulated.firmware import firmware, uf2
from tests.emulated.pico import Pico

pytestmark = pytest.mark.emulated

ROOT = Path(__file__).parents[2]
AWAIT_S = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flash")


@pytest.fixture(scope="module")
def image(emulator: None, folder: Path) -> Path:
    return uf2.write(firmware("pico"), folder)


@pytest.fixture(scope="module")
def board(emulator: None, folder: Path) -> Iterator[Pico]:
    with Pico("pico", folder / "flash.bin", bootsel=folder / "RPI-RP2", bare=True) as board:
        yield board


def flash(folder: Path, board: Pico, image: Path, *more: str) -> "CompletedProcess[str]":
    arguments = ("--port", board.port, "--file", str(image), *more)
    return processes.run(folder, "flash", *arguments, **{bootsel.FOLDERS: str(folder / "RPI-RP2")})


def test_a_bare_board_runs_micropython_then(board: Pico, folder: Path, image: Path) -> None:
    done = flash(folder, board, image, "--board", "pico")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"Pico at {board.port} runs MicroPython 1.26.1; next: plotpost deploy"
    content = firmware("pico").read_bytes()
    assert (folder / "flash.bin").read_bytes()[: len(content)] == content


def test_a_running_board_is_sent_to_its_loader_and_keeps_its_files(board: Pico, folder: Path, image: Path) -> None:
    board.run("with open('main.py', 'w') as file: file.write('with open(\"ran.txt\", \"a\") as ran: ran.write(\"x\")')")
    done = flash(folder, board, image, "--json")  # what board it is, it says itself
    assert done.returncode == 0, done.stderr
    told = processes.last_json(done.stdout)
    assert (told["board"], told["port"], told["running"]) == ("pico", board.port, "1.26.1")
    assert set(board.mpremote("fs", "cat", ":ran.txt").strip()) == {"x"}
    board.mpremote("fs", "rm", ":main.py", ":ran.txt")


def test_without_a_port_the_one_that_comes_is_found(
    board: Pico, folder: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(bootsel.FOLDERS, str(folder / "RPI-RP2"))
    here = ports.Attached(board.port, None, ("pico", "pico_w"), "RP2040 or RP2350", None)
    printer = ports.Attached("/dev/ttyUSB7", None, (), "printer", None)
    monkeypatch.setattr(ports, "attached", lambda: [printer, *([here] if Path(board.port).exists() else [])])
    board.hold_bootsel()
    flashed = run(boards.load("pico"), None, image, say=print, progress=print)
    assert (flashed.port, flashed.running) == (board.port, "1.26.1")
    flashed = run(boards.load("pico"), None, image, say=print, progress=print)  # it runs, and is sent there
    assert flashed.port == board.port


@pytest.fixture
def other(folder: Path) -> Path:
    """An image for a Pico 2."""
    (folder / "other.uf2").write_bytes(uf2.make(b"\0RPI_PICO2\0MicroPython v1.28.0".rjust(50_000, b"\x55"), family=0xE48BFF59))
    return folder / "other.uf2"


def test_another_board_is_refused_before_anything_is_written(board: Pico, folder: Path, other: Path) -> None:
    before = board.stats()
    done = flash(folder, board, other, "--board", "pico2")
    assert done.returncode == 1
    assert done.stderr == f"plotpost: the board at {board.port} is a Pico (--board pico), not a Pico 2; nothing was written\n"
    assert {name: board.stats()[name] for name in ("flash_erases", "bootsel")} == {
        "flash_erases": before["flash_erases"],
        "bootsel": False,
    }


@pytest.mark.parametrize("named", [["--board", "pico2"], []], ids=["another board", "another image"])
def test_a_program_on_the_board_goes_on_when_nothing_is_written(named: list[str], board: Pico, folder: Path, other: Path) -> None:
    board.run(
        "with open('main.py', 'w') as file: file.write('import time\\nwhile True: print(\"1.000 I agent on\"); time.sleep(0.2)')"
    )
    done = flash(folder, board, other, *named)
    assert done.returncode == 1
    with serial.Serial(board.port, timeout=AWAIT_S) as port:
        port.reset_input_buffer()
        assert port.read_until(b"I agent on").endswith(b"I agent on"), done.stderr
    board.run("import os; os.remove('main.py')")


def test_a_cut_while_it_is_written_is_repaired_by_the_same_command(
    board: Pico, folder: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "_PORT_S", 2.0)
    monkeypatch.setenv(bootsel.FOLDERS, str(folder / "RPI-RP2"))
    board.hold_bootsel()
    board.control(cut_after=100)
    with pytest.raises(FlashError, match=r"with BOOTSEL held, .*run the command again"):
        run(boards.load("pico"), board.port, image, say=print, progress=print)
    board.hold_bootsel()
    done = flash(folder, board, image, "--board", "pico")
    assert done.returncode == 0, done.stderr


def test_erase_leaves_no_file(board: Pico, folder: Path, image: Path) -> None:
    board.run("with open('secrets.json', 'w') as file: file.write('still here')")
    done = flash(folder, board, image, "--erase")
    assert done.returncode == 0, done.stderr
    assert board.run("import os; print(os.listdir())") == "[]\n"
    assert b"still here" not in (folder / "flash.bin").read_bytes()


def test_firmware_that_does_not_start_is_told(board: Pico, folder: Path, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has MicroPython's name and a right second-stage loader, and loops for ever where MicroPython would begin."""
    content = bytearray(firmware("pico").read_bytes())
    (begin,) = struct.unpack_from("<I", content, 0x104)
    content[begin - 1 - uf2.FLASH : begin + 1 - uf2.FLASH] = b"\xfe\xe7"  # b .
    image = folder / "stuck.uf2"
    image.write_bytes(uf2.make(bytes(content)))
    monkeypatch.setattr(answer, "_PORT_S", 2.0)
    monkeypatch.setenv(bootsel.FOLDERS, str(folder / "RPI-RP2"))
    board.hold_bootsel()
    with pytest.raises(FlashError, match=f"was written, but no board shows up at {board.port}"):
        run(boards.load("pico"), board.port, image, say=print, progress=print)


TYPED = re.findall(r"^plotpost flash.*--board pico\b.*$", (ROOT / "docs" / "flash.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", TYPED)
def test_what_the_documentation_says_works_without_a_network(line: str, board: Pico, folder: Path, image: Path) -> None:
    cache = folder / "cache" / "plotpost" / "firmware"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copy(image, cache)
    arguments = [str(image) if word == image.name else word for word in shlex.split(line)[1:]]
    nowhere = {"https_proxy": "http://127.0.0.1:9", "XDG_CACHE_HOME": str(folder / "cache")}
    board.hold_bootsel()
    done = processes.run(folder, *arguments, "--port", board.port, **{bootsel.FOLDERS: str(folder / "RPI-RP2")}, **nowhere)
    assert done.returncode == 0, done.stderr
    assert "runs MicroPython 1.26.1" in done.stdout
