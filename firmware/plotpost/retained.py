"""What one life leaves for the next: in an ESP32's RTC memory, which only a power cut empties; elsewhere in a file.

RTC memory outlives crashes too, so it carries a checksum; and whatever was left is gone when it has been read.
"""

import os
from binascii import crc32
from struct import pack

from plotpost import log

PATH = "sleep.json"


def take():
    """The text that was left, None for none. It is gone afterwards: what cannot be taken away is not believed."""
    memory = _memory()
    if memory is None:
        return _take_file()
    kept = memory()
    memory(b"")
    text = kept[4:]
    return text.decode() if text and kept[:4] == _sum(text) else None


def leave(text):
    """Leave `text`, at most 2,000 bytes, for the next life."""
    memory = _memory()
    if memory is not None:
        data = text.encode()
        memory(_sum(data) + data)
        return
    try:
        with open(PATH, "w") as file:
            file.write(text)
    except OSError as error:
        log.warning("sleep", "{} not written (error {}): the next wake begins anew", PATH, error.errno)


def free():
    """Whether leaving something costs no flash."""
    return _memory() is not None


def _memory():
    """What reads and writes RTC memory (2 KiB: esp32's machine_rtc.c), None where there is none."""
    try:
        from machine import RTC

        return RTC().memory
    except (ImportError, AttributeError):
        return None


def _sum(data):
    return pack("<I", crc32(data))


def _take_file():
    try:
        with open(PATH) as file:
            text = file.read()
    except (OSError, ValueError):
        text = None
    try:
        os.remove(PATH)
    except OSError as error:
        if text:
            log.warning("sleep", "{} cannot be removed (error {}): beginning anew", PATH, error.errno)
        return None
    return text
