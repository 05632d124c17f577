"""What earlier boots left on flash: found once, when the agent starts."""

import json
import os
from binascii import crc32
from struct import unpack

from plotpost import log
from plotpost.flash import MAGIC, Segment, Session, blocks, checksum
from plotpost.port import const
from plotpost.settings import Channel
from plotpost.spool import RECORD_BYTES

_HEAD_MAX = const(2048)
_PART_BYTES = const(256)  # that are read at once


def recover(flash, folder, endpoint):
    """Fill the `sessions` of a Flash for `endpoint`, and its `foreign` ones; returns the highest number of a segment's name.

    The folder is made if need be; what holds nothing whole is deleted.
    """
    try:
        os.mkdir(folder)
    except OSError:
        pass  # it is there
    serial = 0
    for name in sorted(os.listdir(folder)):
        path = f"{folder}/{name}"
        try:
            serial = max(serial, int(name, 16))
            _take(flash, path, endpoint)
        except (ValueError, KeyError):
            log.warning("flash", "{} holds nothing whole and is deleted", path)
            os.remove(path)
    return serial


def _take(flash, path, endpoint):
    with open(path, "rb") as file:
        head = _read_head(file)
        start = file.tell()
        first, next = _whole(file)
    if first is None:
        _admit_more(flash, head)
        raise ValueError("no whole block")
    session = _session_for(flash, head, first, endpoint)
    session.admitted = head.get("dropped", 0)
    session.segments.append(Segment(path, first, next, start, os.stat(path)[6]))
    session.next = next


def _admit_more(flash, head):
    """The power was cut before the first block: the head counts all the same."""
    for sessions in (flash.sessions, flash.foreign):
        if sessions and sessions[-1].stream_id == head["id"]:
            sessions[-1].admitted = head.get("dropped", 0)


def _session_for(flash, head, first, endpoint):
    sessions = flash.sessions if head["endpoint"] == endpoint else flash.foreign
    if sessions and sessions[-1].stream_id == head["id"] and sessions[-1].next == first:
        return sessions[-1]
    channels = [Channel("", "", decimals, token) for token, decimals in head["channels"]]
    session = Session(flash, head["id"], head["endpoint"], channels)
    session.first = session.settled = first
    sessions.append(session)
    return session


def _read_head(file):
    """The head of a segment. Raises ValueError when this is none, or when it was never written whole."""
    start = file.read(len(MAGIC) + 2)
    if len(start) < len(MAGIC) + 2 or not start.startswith(MAGIC):
        raise ValueError("no segment")
    length = unpack("<H", start[len(MAGIC) :])[0]
    if length > _HEAD_MAX:
        raise ValueError("head too long")
    head = file.read(length)
    check = file.read(4)
    if len(check) < 4 or unpack("<I", check)[0] != crc32(head):
        raise ValueError("head not whole")
    return json.loads(head)


def _whole(file):
    """The numbers `first` to `next` of a segment's records, up to the first block that is not whole; None for none."""
    first = next = None
    for number, count, check in blocks(file):
        if next not in (None, number) or not _matches(file, count * RECORD_BYTES, checksum(number, count), check):
            break
        first = number if first is None else first
        next = number + count
    return first, next


def _matches(file, left, crc, check):
    """Read `left` bytes: whether they are there, and bring the checksum from `crc` to `check`."""
    while left:
        part = file.read(min(left, _PART_BYTES))
        if not part:
            return False
        crc = crc32(part, crc)
        left -= len(part)
    return crc == check
