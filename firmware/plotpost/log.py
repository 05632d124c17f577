"""Log lines on the serial port: `<uptime s, 3 decimals> <D|I|W|E> <module> <message>`, ASCII, at most 160 bytes.

`module` says which part speaks. A message may hold up to three `{}`, filled only when the line is written. No secret ever.
"""

from plotpost.port import const, innermost, printable, started, ticks_diff, ticks_ms

DEBUG = const(0)
INFO = const(1)
WARNING = const(2)
ERROR = const(3)

_LINE_MAX = const(158)  # 160 with the CR LF of a serial port
_LETTERS = const("DIWE")
_NOTHING = object()

level = INFO
write = print


def _since_start():
    """Seconds and milliseconds since the program began."""
    return divmod(ticks_diff(ticks_ms(), started), 1000)


uptime = _since_start  # until the agent's clock takes its place, which is right beyond the wrap of the ticks too


# Three parameters rather than *args: a call that is filtered out must not allocate a tuple.
def debug(module, message, a=_NOTHING, b=_NOTHING, c=_NOTHING):
    """For the one who looks for a fault."""
    if level <= DEBUG:
        _line(DEBUG, module, message, a, b, c)


def info(module, message, a=_NOTHING, b=_NOTHING, c=_NOTHING):
    """What the owner of the board wants to know."""
    if level <= INFO:
        _line(INFO, module, message, a, b, c)


def warning(module, message, a=_NOTHING, b=_NOTHING, c=_NOTHING):
    """Something is not as it should be; the agent goes on by itself."""
    if level <= WARNING:
        _line(WARNING, module, message, a, b, c)


def error(module, message, a=_NOTHING, b=_NOTHING, c=_NOTHING):
    """Somebody must do something."""
    if level <= ERROR:
        _line(ERROR, module, message, a, b, c)


def exception(module, exc):
    """An error that nobody foresaw: its kind and place. Its text may hold a secret and is left out."""
    number = f" {exc.errno}" if isinstance(exc, OSError) and isinstance(exc.errno, int) else ""
    error(module, "{}{} at {}", type(exc).__name__, number, place(exc))


def _line(rank, module, message, a, b, c):
    try:
        if a is not _NOTHING:
            message = message.format(a, b, c)
        seconds, ms = uptime()
        line = _printable(f"{seconds}.{ms:03d} {_LETTERS[rank]} {module} {message}")
        if len(line) > _LINE_MAX:
            line = line[: _LINE_MAX - 3] + "..."
        write(line)
    except (OSError, MemoryError):  # nobody reads the output, or there is no room for the line: no reason to stop measuring
        pass


def _printable(text):
    return text if printable(text) else "".join([c if " " <= c <= "~" else "?" for c in text])


def place(exc):
    """Where an error came from: `file:line`, and `module:line` where the module was compiled before."""
    try:
        path, line = innermost(exc)
        return f"{path.split('/')[-1]}:{line}"
    except (MemoryError, IndexError):  # no room for the traceback, or there is none
        return "an unknown place"
