"""Who has a port open is found, where Linux lets one see it."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from host_tools.device import PortError, connect
from host_tools.holders import holder
from tests.pty_board import PtyBoard

HOLD = "import serial, sys; port = serial.Serial(sys.argv[1], exclusive=True); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def board() -> Iterator[PtyBoard]:
    with PtyBoard() as board:
        yield board


@pytest.fixture
def other(board: PtyBoard) -> Iterator["subprocess.Popen[bytes]"]:
    """Another program that holds the port."""
    argv = [sys.executable, "-c", HOLD, board.port]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.stdin.close()


def test_the_program_that_holds_a_port_is_named(board: PtyBoard, other: "subprocess.Popen[bytes]") -> None:
    assert re.fullmatch(rf"\S+ \(process {other.pid}\)", holder(board.port) or "")


def test_a_port_that_nobody_else_holds_has_no_holder(board: PtyBoard) -> None:
    assert holder(board.port) is None


def test_an_error_names_the_program_to_end(board: PtyBoard, other: "subprocess.Popen[bytes]") -> None:
    with pytest.raises(PortError, match=rf"^{board.port} is in use by \S+ \(process {other.pid}\): end that first$"):
        connect(board.port)
