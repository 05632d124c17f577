"""flash.py: readings that outlast the ring and the power, on MicroPython and on CPython, in real files."""

import os
import time

from plotpost import log
from plotpost.flash import Flash
from plotpost.port import ticks_ms
from plotpost.settings import Channel
from plotpost.spool import Spool, Unreadable

ENDPOINT = "http://endpoint:8050"
CHANNELS = [Channel("", "", 2, "abcdefghij"), Channel("", "", 0, "klmnopqrst")]


class Time:
    """What a Clock says: day, millisecond of the day, and whether that is UTC."""

    def __init__(self, day=0, ms=0, known=True):
        self.day = day
        self.ms = ms
        self.known = known


class Folder:
    """A folder of its own, emptied at the end."""

    def __init__(self):
        self.lines = []
        log.write = self.lines.append
        self.path = "/tmp/plotpost-test-%d" % (time.time_ns() // 1000)

    def boot(self, size=65536, ram=20, stream_id="0123456789abcdef", endpoint=ENDPOINT, channels=CHANNELS):
        """A flash as a boot finds it, and a spool on it."""
        flash = Flash(self.path, size, endpoint)
        spool = Spool(ram * 12, stream_id, channels, flash.session(stream_id, endpoint, channels))
        return flash, spool

    def files(self):
        return sorted(os.listdir(self.path))

    def read(self, name):
        with open(self.path + "/" + name, "rb") as file:
            return file.read()

    def write(self, name, data):
        with open(self.path + "/" + name, "wb") as file:
            file.write(data)

    def remove(self):
        for name in os.listdir(self.path):
            os.remove(self.path + "/" + name)
        os.rmdir(self.path)


def put(spool, count):
    for _ in range(count):
        n = spool.next
        spool.put(n & 1, n * 3, Time(20000, n, n % 5 != 0))


def check(source):
    """Every record that `source` holds is what was put in."""
    for number in range(source.first, source.next):
        source.load(number)
        assert (source.channel, source.day, source.ms, source.value) == (number & 1, 20000, number, number * 3), number
        assert source.clock_known == (number % 5 != 0)
    return source.first, source.next


def test_what_overflows_the_ring_goes_to_flash_and_is_read_as_one_sequence():
    folder = Folder()
    _, spool = folder.boot(ram=20)
    put(spool, 1000)
    assert check(spool) == (0, 1000)
    assert spool.dropped == 0
    assert spool.in_ram() <= 20
    for number in (999, 0, 500, 499, 17, 998):  # in any order
        spool.load(number)
        assert spool.value == number * 3
    folder.remove()


def test_nothing_is_written_while_the_endpoint_confirms():
    folder = Folder()
    _, spool = folder.boot(ram=20)
    for _ in range(100):
        put(spool, 15)
        spool.settle(spool.next)
    assert folder.files() == []
    folder.remove()


def test_settled_segments_are_deleted():
    folder = Folder()
    _, spool = folder.boot(ram=20)
    put(spool, 1000)
    before = len(folder.files())
    spool.settle(500)
    assert 0 < len(folder.files()) < before
    assert check(spool) == (500, 1000)
    spool.settle(1000)
    assert folder.files() == []
    put(spool, 100)
    assert check(spool) == (1000, 1100)
    folder.remove()


def test_after_a_reboot_the_readings_are_there_with_their_own_id_numbers_and_channels():
    folder = Folder()
    _, spool = folder.boot()
    put(spool, 1000)
    kept = 1000 - spool.in_ram()
    flash, spool = folder.boot(stream_id="fedcba9876543210", channels=[Channel("", "", 1, "zzzzzzzzzz")])
    old = flash.oldest()
    assert old.stream_id == "0123456789abcdef"
    assert [(c.token, c.decimals) for c in old.channels] == [("abcdefghij", 2), ("klmnopqrst", 0)]
    assert check(old) == (0, kept)
    assert spool.next == 0
    old.settle(kept)
    assert flash.oldest() is None
    assert folder.files() == []
    folder.remove()


def test_several_boots_are_replayed_in_order():
    folder = Folder()
    for boot in range(3):
        _, spool = folder.boot(stream_id="%016x" % boot)
        put(spool, 100 * (boot + 1))
    flash, _ = folder.boot(stream_id="f" * 16)
    for boot in range(3):
        old = flash.oldest()
        assert old.stream_id == "%016x" % boot
        check(old)
        old.settle(old.next)
    assert flash.oldest() is None
    folder.remove()


def test_a_power_cut_at_any_byte_leaves_every_whole_block():
    folder = Folder()
    _, spool = folder.boot(ram=10)
    put(spool, 40)
    name = folder.files()[-1]
    assert len(folder.files()) == 1
    data = folder.read(name)
    best = 0
    for length in range(len(data) + 1):
        folder.write(name, data[:length])
        flash, _ = folder.boot(stream_id="f" * 16)
        old = flash.oldest()
        held = 0 if old is None else check(old)[1]
        assert held >= best
        best = held
    assert best == 40 - spool.in_ram()
    folder.remove()


def test_a_spoilt_byte_anywhere_never_yields_a_wrong_reading():
    folder = Folder()
    _, spool = folder.boot(ram=10)
    put(spool, 25)
    name = folder.files()[-1]
    data = folder.read(name)
    for place in range(0, len(data), 3):
        spoilt = bytearray(data)
        spoilt[place] ^= 0x55
        folder.write(name, spoilt)
        flash, _ = folder.boot(stream_id="f" * 16)
        old = flash.oldest()
        if old is not None:
            check(old)
    folder.remove()


def test_the_size_is_kept_and_the_oldest_go_first_and_are_counted():
    folder = Folder()
    _, spool = folder.boot(size=16384, ram=20)
    put(spool, 5000)
    first, next = check(spool)
    assert next == 5000 and 0 < first < 5000
    assert len(folder.files()) <= 4
    assert sum([len(folder.read(name)) for name in folder.files()]) <= 16384
    spool.give_up_evicted()
    assert spool.dropped == first
    folder.remove()


def test_readings_of_an_earlier_boot_go_before_those_of_this_one():
    folder = Folder()
    _, spool = folder.boot(size=16384)
    put(spool, 600)
    flash, spool = folder.boot(size=16384, stream_id="f" * 16)
    put(spool, 1000)
    old = flash.oldest()
    assert old is None or old.first > 0
    assert check(spool)[1] == 1000
    while old is not None:
        old.settle(old.next)
        old = flash.oldest()
    assert flash.dropped > 0
    folder.remove()


def test_what_was_given_up_when_flash_was_full_is_known_after_a_power_cut():
    folder = Folder()
    _, spool = folder.boot(size=16384, ram=20)
    put(spool, 3000)
    first = spool.first
    flash, _ = folder.boot(size=16384, ram=20, stream_id="f" * 16)  # nothing was told, nothing settled
    old = flash.oldest()
    assert (old.first, old.admit()) == (first, first)
    flash, _ = folder.boot(size=16384, ram=20, stream_id="e" * 16)  # told or not: it stays with that stream id
    assert flash.oldest().admit() == first
    folder.remove()


def test_a_life_of_which_nothing_is_left_is_answered_for_by_the_next():
    folder = Folder()
    _, spool = folder.boot(size=16384, ram=20)
    put(spool, 3000)
    flash, spool = folder.boot(size=16384, ram=20, stream_id="f" * 16)
    kept = flash.oldest().next
    put(spool, 3000)
    assert flash.oldest() is None
    spool.give_up_evicted()
    assert flash.dropped + spool.dropped == kept + spool.first
    flash, _ = folder.boot(size=16384, ram=20, stream_id="e" * 16)
    assert flash.oldest().admit() == kept + spool.first  # over another power cut too
    folder.remove()


def test_a_life_that_was_told_is_not_answered_for_twice():
    folder = Folder()
    _, spool = folder.boot(size=16384, ram=20)
    put(spool, 3000)
    flash, spool = folder.boot(size=16384, ram=20, stream_id="f" * 16)
    old = flash.oldest()
    told, held = old.admit(), old.waiting()
    put(spool, 3000)
    assert flash.oldest() is None
    assert told > 0
    assert flash.dropped == held
    folder.remove()


def test_a_file_begun_when_the_power_went_still_counts_what_had_been_given_up():
    folder = Folder()
    _, spool = folder.boot(size=16384, ram=20)
    put(spool, 3000)
    newest = folder.files()[-1]
    length = int.from_bytes(folder.read(newest)[4:6], "little")
    folder.write(newest, folder.read(newest)[: 4 + 2 + length + 4])  # its first block was never written
    flash, _ = folder.boot(size=16384, ram=20, stream_id="f" * 16)
    assert flash.oldest().admit() == spool.first
    folder.remove()


def test_readings_for_another_endpoint_are_neither_sent_nor_deleted():
    folder = Folder()
    _, spool = folder.boot()
    put(spool, 100)
    flash, _ = folder.boot(stream_id="f" * 16, endpoint="http://elsewhere:8050")
    assert flash.oldest() is None
    assert len(flash.foreign) == 1
    assert len(folder.files()) == 1
    flash, _ = folder.boot(stream_id="e" * 16)
    assert flash.oldest().stream_id == "0123456789abcdef"
    folder.remove()


def test_a_flash_that_takes_nothing_is_never_fatal_and_the_ring_goes_on():
    folder = Folder()
    _, spool = folder.boot(ram=20)
    put(spool, 30)
    folder.remove()  # the file system is gone
    put(spool, 100)
    assert spool.next == 130
    assert spool.next - spool.first <= 20
    spool.give_up_evicted()
    assert spool.dropped == spool.first
    assert any(" W flash " in line for line in folder.lines)


def test_files_of_others_in_the_folder_do_no_harm():
    folder = Folder()
    folder.boot()
    folder.write("00000001", b"")
    folder.write("00000002", b"PPS1\xff\xff")
    folder.write("00000003", b"not a segment at all")
    folder.write("notes.txt", b"PPS1")
    flash, spool = folder.boot()
    assert flash.oldest() is None
    assert folder.files() == []
    put(spool, 100)
    check(spool)
    folder.remove()


def test_a_segment_that_cannot_be_read_is_given_up_and_counted_and_the_rest_goes_on():
    folder = Folder()
    _, spool = folder.boot(ram=20)
    put(spool, 1000)
    os.remove(folder.path + "/" + folder.files()[0])
    try:
        spool.load(0)
        raise AssertionError("a reading came out of nothing")
    except Unreadable:
        spool.drop_oldest()
    assert check(spool)[1] == 1000
    assert spool.first > 0
    spool.give_up_evicted()
    assert spool.dropped == spool.first
    folder.remove()


def test_what_nobody_confirms_for_ten_minutes_goes_to_flash():
    folder = Folder()
    _, spool = folder.boot(ram=50)
    put(spool, 10)
    start = ticks_ms()
    spool.save(start)
    spool.save((start + 599000) & 0x3FFFFFFF)
    assert folder.files() == []
    spool.save((start + 600001) & 0x3FFFFFFF)
    assert spool.in_ram() == 0
    assert check(spool) == (0, 10)
    put(spool, 5)
    spool.settle(12)
    spool.save((start + 1300000) & 0x3FFFFFFF)
    assert spool.in_ram() == 3  # something was confirmed: the ten minutes begin again
    folder.remove()


def wake(folder, number, stream_id="0123456789abcdef", channels=CHANNELS, ram=20):
    """A flash as the wake of a board finds it that slept before reading `number`, and a spool that goes on."""
    flash = Flash(folder.path, 65536, ENDPOINT)
    spool = Spool(ram * 12, stream_id, channels, flash.resume(stream_id, number, ENDPOINT, channels))
    spool.resume(number)
    return flash, spool


def test_a_stream_goes_on_after_a_sleep_in_the_file_where_it_was_left():
    folder = Folder()
    flash, spool = folder.boot()
    for _ in range(10):
        put(spool, 3)
        spool.spill(spool.in_ram())
        flash, spool = wake(folder, spool.next)
    assert check(spool) == (0, 30)
    assert flash.oldest() is None
    assert spool.waiting() == 30
    assert len(folder.files()) == 1
    spool.settle(30)
    assert folder.files() == []
    folder.remove()


def test_a_stream_whose_readings_are_all_confirmed_goes_on_after_a_sleep_with_its_number():
    folder = Folder()
    _, spool = folder.boot()
    put(spool, 5)
    spool.spill(5)
    spool.settle(5)
    _, spool = wake(folder, 5)
    assert (spool.first, spool.next, spool.waiting(), spool.dropped) == (5, 5, 0, 0)
    put(spool, 2)
    spool.spill(2)
    assert check(spool) == (5, 7)
    spool.give_up_evicted()
    assert spool.dropped == 0
    folder.remove()


def test_what_was_confirmed_before_a_sleep_is_confirmed_after_it():
    folder = Folder()
    _, spool = folder.boot()
    put(spool, 6)
    spool.spill(6)
    spool.settle(4)
    _, spool = wake(folder, 6)
    put(spool, 1)
    assert check(spool)[1] == 7
    spool.give_up_evicted()
    assert spool.dropped == 0
    folder.remove()


def test_readings_whose_end_was_lost_are_sent_as_those_of_an_earlier_boot():
    folder = Folder()
    _, spool = folder.boot()
    put(spool, 4)
    spool.spill(4)
    flash, spool = wake(folder, 9)  # five more were to be there
    assert check(flash.oldest()) == (0, 4)
    put(spool, 1)
    assert check(spool) == (9, 10)
    folder.remove()
