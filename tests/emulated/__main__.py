"""`python3 -m tests.emulated BOARD`: an emulated board to work with by hand, until Ctrl-D."""

import argparse
import json
import sys
from pathlib import Path

from tests.emulated.board import Board
from tests.emulated.boards import NAMES, make
from tests.emulated.errors import BoardError, Missing
from tests.emulated.firmware import firmware
from tests.emulated.firmware.progress import Terminal
from tests.emulated.network import Network


def main(arguments: list[str]) -> int:
    """Exit status: 0 done, 1 it did not work."""
    options = _parser().parse_args(arguments)
    progress = Terminal()
    try:
        firmware(options.board, progress)
        progress.close()
        network = Network(forward=options.forward, pcap=options.pcap)
        with make(options.board, options.flash, network) as board:
            print(f"The board's serial port is {board.port}: mpremote connect {board.port}")
            print('A command is a JSON object a line, such as {"stall": true}; {} shows the status; Ctrl-D ends')
            _obey(board)
    except (Missing, BoardError) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _obey(board: Board) -> None:
    for line in sys.stdin:
        try:
            print(json.dumps(board.control(**json.loads(line))))
        except BoardError as failure:
            print(failure)
        except (ValueError, TypeError):
            print(f"This is no JSON object: {line.strip()}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tests.emulated", description=__doc__)
    parser.add_argument("board", choices=NAMES)
    parser.add_argument("--flash", type=Path, help="the file that holds the board's flash; made when there is none")
    parser.add_argument(
        "--forward",
        type=_ports,
        action="append",
        default=[],
        metavar="PORT:BOARD_PORT",
        help="connections in, to a board with WiFi",
    )
    parser.add_argument("--pcap", help="a file to record the frames of its WiFi into")
    return parser


def _ports(text: str) -> tuple[int, int]:
    host, board = text.split(":")
    return int(host), int(board)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
