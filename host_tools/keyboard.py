"""Single keys of a terminal, as they are pressed; Ctrl-C stays what it is."""

import contextlib
import os
import sys
from collections.abc import Iterator

if sys.platform == "win32":
    import msvcrt
else:
    import select
    import termios
    import tty


class Keyboard:
    """Of standard input; where that is no terminal, no key is ever pressed."""

    def __init__(self) -> None:
        self.is_here = _is_ours()

    def pressed(self) -> str:
        """The key that was pressed, or "". Does not wait."""
        if not self.is_here:
            return ""
        if sys.platform == "win32":
            return msvcrt.getwch() if msvcrt.kbhit() else ""
        if not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        key = os.read(sys.stdin.fileno(), 1)
        self.is_here = bool(key)  # the terminal hung up
        return key.decode(errors="replace")

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Within it keys come at once, and are not shown; at its end the terminal is as it was."""
        if sys.platform == "win32" or not self.is_here:
            yield
            return
        before = termios.tcgetattr(sys.stdin)
        try:
            tty.setcbreak(sys.stdin, termios.TCSANOW)
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _is_ours() -> bool:
    """Standard input is a terminal, and this program is in its foreground: one in the background is stopped when it reads."""
    if not sys.stdin.isatty():
        return False
    return sys.platform == "win32" or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
