"""The written forms of config.json: "5s" to milliseconds, "4KiB" to bytes."""

from plotpost.port import const

_DURATIONS = const((("ms", 1), ("s", 1000), ("m", 60000), ("h", 3600000)))
_SIZES = const((("KiB", 1024), ("MiB", 1048576), ("B", 1)))
_MS_MAX = const(518400000)  # six days: differences of ticks_ms are valid to 6.2 days
_BYTES_MAX = const(1073741823)  # the largest small integer of a 32-bit MicroPython


def milliseconds(text):
    """A duration such as "500ms", "5s", "1m" or "2h" in milliseconds. Raises ValueError, which says what is allowed."""
    return _parse(text, _DURATIONS, 'a whole number from 1 and ms, s, m or h, such as "5s"', _MS_MAX, '"144h"')


def size(text):
    """A size such as "64B", "4KiB" or "1MiB" in bytes. Raises ValueError, which says what is allowed."""
    return _parse(text, _SIZES, 'a whole number from 1 and B, KiB or MiB, such as "4KiB"', _BYTES_MAX, '"1023MiB"')


def _parse(text, units, form, largest, largest_text):
    for unit, factor in units:
        if isinstance(text, str) and text.endswith(unit):
            digits = text[: -len(unit)]
            if not digits or digits.strip("0123456789") or not digits.strip("0"):
                break
            if len(digits) > 10 or int(digits) * factor > largest:
                raise ValueError(f"{text!r} is too much, at most {largest_text}")
            return int(digits) * factor
    raise ValueError(f"{text!r} is not {form}")
