"""What runs on a board is heard without disturbing it. The emulated Pico says the same in tests/emulated/test_ports.py."""

import re

import pytest

from host_tools import running
from host_tools.device import Lost
from host_tools.running import Running
from tests.pty_board import PtyBoard

BANNER = b'\r\nMicroPython v1.28.0 on 2026-04-06; %s\r\nType "help()" for more information.\r\n>>> '


@pytest.mark.parametrize(
    ("machine", "board"),
    [
        (b"Raspberry Pi Pico W with RP2040", "pico_w"),
        (b"Generic ESP32S3 module with ESP32S3", "esp32_s3"),
        (b"Badger with RP2040", None),
    ],
)
def test_a_prompt_answers_with_version_and_board(machine: bytes, board: str | None) -> None:
    with PtyBoard(answers={b"\x02": BANNER % machine}) as idle:
        assert running.listen(idle.port) == Running("MicroPython 1.28.0, idle", board, idle=True)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (b"12.345 I stream connected\r\n", "the plotpost agent"),
        (b"invalid header: 0xffffffff\r\n", "no firmware: `plotpost flash`"),
        (b"waiting for download\r\n", "waits for firmware: `plotpost flash`"),
    ],
)
def test_a_board_that_speaks_is_understood_by_what_it_says(says: bytes, told: str) -> None:
    with PtyBoard(says=says) as speaking:
        heard = running.listen(speaking.port)
    assert heard is not None
    assert heard.told == told


def test_another_python_is_told_with_the_way_to_replace_it() -> None:
    banner = b"\r\nAdafruit CircuitPython 9.2.1 on 2024-11-20; Raspberry Pi Pico with rp2040\r\n>>> "
    with PtyBoard(answers={b"\x02": banner}) as other:
        heard = running.listen(other.port)
    assert heard == Running("CircuitPython 9.2.1: put MicroPython in its place with `plotpost flash`", micropython=False)


def test_what_is_no_micropython_is_not_asked() -> None:
    with PtyBoard(says=b"invalid header: 0xffffffff\r\n") as empty:
        assert running.ask(empty.port) == Running("no firmware: `plotpost flash`", micropython=False)
    assert empty.received == b"\x02"


@pytest.mark.parametrize("says", [b"", b"hello\r\n", b"\xff\x00garbage", b"12.345 I half a li"])
def test_what_says_nothing_that_is_known_is_not_guessed_at(says: bytes) -> None:
    with PtyBoard(says=says) as other:
        assert running.listen(other.port, seconds=0.3) is None


def test_listening_sends_one_byte_that_interrupts_nothing() -> None:
    with PtyBoard(says=b"12.345 I stream connected\r\n") as speaking:
        running.listen(speaking.port)
    assert speaking.received == b"\x02"


def test_what_was_said_before_does_not_count() -> None:
    with PtyBoard(says=b"") as silent:
        silent.say(b"1.000 I agent from before\r\n")
        assert running.listen(silent.port, seconds=0.3) is None


def test_a_board_that_goes_away_meanwhile_is_told() -> None:
    with PtyBoard(leaves_at=b"\x02") as leaving, pytest.raises(Lost) as error:
        running.listen(leaving.port)
    assert re.fullmatch(rf"the board at {leaving.port} went away \(.*\): check the cable", str(error.value))
