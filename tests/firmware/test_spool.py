"""spool.py: the ring, its numbers, and what is counted as lost, on MicroPython and on CPython."""

from plotpost.spool import NO_VALUE, VALUE_MAX, Spool


class Time:
    """What a Clock says: day, millisecond of the day, and whether that is UTC."""

    def __init__(self, day=0, ms=0, known=True):
        self.day = day
        self.ms = ms
        self.known = known


def filled(capacity, count):
    spool = Spool(capacity * 12)
    for n in range(count):
        spool.put(n % 7, n * 10, Time(20000 + n, n))
    return spool


def loaded(spool, number):
    spool.load(number)
    return spool.channel, spool.day, spool.ms, spool.value, spool.clock_known


def test_a_record_comes_back_as_it_went_in():
    spool = Spool(48)
    spool.put(255, -VALUE_MAX, Time(65535, 86399999, False))
    spool.put(0, NO_VALUE, Time())
    assert loaded(spool, 0) == (255, 65535, 86399999, -VALUE_MAX, False)
    assert loaded(spool, 1) == (0, 0, 0, NO_VALUE, True)


def test_a_kibibyte_holds_eighty_readings():
    assert Spool(1024).capacity >= 80


def test_numbers_go_on_when_the_ring_is_full_and_the_oldest_go():
    spool = filled(4, 10)
    assert (spool.first, spool.next, spool.waiting()) == (6, 10, 4)
    assert [loaded(spool, n)[3] for n in range(6, 10)] == [60, 70, 80, 90]


def test_a_value_too_large_is_cut_and_counted():
    spool = Spool(48)
    spool.put(0, 1 << 30, Time())
    spool.put(0, -(1 << 30) - 1, Time())
    assert loaded(spool, 0)[3] == VALUE_MAX
    assert loaded(spool, 1)[3] == -VALUE_MAX
    assert spool.saturated == 2


def test_settled_records_leave_the_ring_and_are_not_dropped():
    spool = filled(4, 4)
    spool.settle(3)
    assert (spool.first, spool.waiting(), spool.dropped) == (3, 1, 0)


def test_what_was_pushed_out_but_confirmed_later_is_not_dropped():
    spool = filled(4, 4)
    for _ in range(3):  # 0, 1 and 2 are pushed out while their request is under way
        spool.put(0, 0, Time())
    spool.settle(2)
    assert spool.dropped == 1  # number 2 alone
    assert (spool.first, spool.settled) == (3, 3)


def test_what_was_pushed_out_before_a_request_began_is_dropped_once():
    spool = filled(4, 10)
    spool.give_up_evicted()
    assert spool.dropped == 6
    spool.give_up_evicted()
    spool.settle(10)
    assert spool.dropped == 6
    assert spool.waiting() == 0


def test_an_answer_from_the_past_or_the_future_changes_nothing_it_should_not():
    spool = filled(4, 4)
    spool.settle(3)
    spool.settle(1)
    assert (spool.first, spool.dropped) == (3, 0)
    spool.settle(99)
    assert (spool.first, spool.next) == (4, 4)


def test_every_reading_is_settled_dropped_or_held_whatever_happens():
    seed = 1
    for capacity in (1, 2, 5, 8):
        spool = Spool(capacity * 12)
        for _ in range(2000):
            seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
            if seed & 0x30000 == 0:
                spool.settle(spool.settled + seed % (capacity + 2))
            elif seed & 0x70000 == 0x10000:
                spool.give_up_evicted()
            else:
                spool.put(seed % 256, spool.next, Time(1, 1))
            assert 0 <= spool.settled <= spool.first <= spool.next
            assert spool.waiting() <= capacity
            assert spool.dropped <= spool.first
            for number in range(spool.first, spool.next):
                assert loaded(spool, number)[3] == number
