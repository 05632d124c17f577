"""Starts a command that cannot outlive this program: `command()` gives what to hand to subprocess.

Run as a script it becomes the command, after asking Linux to kill it when its parent dies (prctl(2), PR_SET_PDEATHSIG).
Elsewhere it only starts the command; what ends in an orderly way takes its children down everywhere.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def command(*argv: str) -> list[str]:
    """`argv`, on a leash. The child dies with the thread that starts it: start it in one that stays."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv]


def _main(parent: int, argv: list[str]) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:  # it may have died before it could be watched
        os.execv(argv[0], argv)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
