"""`python3 -m tests.emulated.firmware [BOARD..]`: prints the path of each board's firmware, after building it if need be."""

import sys

from tests.emulated.errors import Missing
from tests.emulated.firmware import BOARDS, firmwares
from tests.emulated.firmware.progress import Terminal


def main(boards: list[str]) -> int:
    """Exit status: 0 done, 1 something is missing, 2 no such board."""
    unknown = [board for board in boards if board not in BOARDS]
    if unknown:
        print(f"There is no board {unknown[0]}; there are {', '.join(BOARDS)}", file=sys.stderr)
        return 2
    progress = Terminal()
    try:
        paths = firmwares(boards or list(BOARDS), progress)
    except Missing as missing:
        progress.close()
        print(missing, file=sys.stderr)
        return 1
    progress.close()
    print(*paths, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
