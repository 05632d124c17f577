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
    """Of the terminal at standard input."""

    @classmethod
    def find(cls) -> "Keyboard | None":
        """None where there is no terminal, or where this program is in its background: it would be stopped when it reads."""
        if not sys.stdin.isatty() or not sys.stdout.isatty():
            return None
        is_in_front = sys.platform == "win32" or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        return cls() if is_in_front else None

    def pressed(self) -> str:
        """The key that was pressed, or "". Does not wait."""
        if sys.platform == "win32":
            return msvcrt.getwch() if msvcrt.kbhit() else ""
        if not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        return os.read(sys.stdin.fileno(), 1).decode(errors="replace")

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Within it keys come at once, and are not shown; at its end the terminal is as it was."""
        if sys.platform == "win32":
            yield
            return
        before = termios.tcgetattr(sys.stdin)
        try:
            tty.setcbreak(sys.stdin, termios.TCSANOW)
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
