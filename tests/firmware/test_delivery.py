"""delivery.py: every state and every status, on MicroPython and on CPython. Time is a number that the test moves."""

from plotpost import delivery as d
from plotpost import log
from plotpost.delivery import Delivery
from plotpost.spool import Spool

SLOW = 300000


class Time:
    """What a Clock says: day, millisecond of the day, and whether that is UTC."""

    def __init__(self, day=0, ms=0, known=True):
        self.day = day
        self.ms = ms
        self.known = known


class Answer:
    def __init__(self, status, next=None, reusable=False, html=False, text=""):
        self.status = status
        self.next = next
        self.reusable = reusable
        self.html = html
        self.text = text


class Bench:
    """A delivery with a spool of `capacity` records and a clock of its own."""

    def __init__(self, capacity=100, records=20, now=0):
        self.lines = []
        log.write = self.lines.append
        self.spool = Spool(capacity * 12)
        self.now = now
        self.delivery = Delivery(self.spool, None, 10000, records, lambda ms: 0, now)
        self.delivery._proven = True  # a request was confirmed already

    def put(self, count):
        for _ in range(count):
            self.spool.put(0, 0, Time())

    def action(self, after=0):
        self.now = (self.now + after) & 0x3FFFFFFF
        return self.delivery.action(self.now)

    def open(self):
        """Connected, with a request under way."""
        assert self.action() == d.CONNECT
        self.delivery.connecting(self.now)
        self.delivery.connected(self.now)
        assert self.action() == d.BEGIN
        self.delivery.began(self.now)
        return self

    def send(self, count=None):
        """So many readings, or all that there are."""
        self.delivery.sending(self.spool.next if count is None else self.delivery.cursor + count, self.now)

    def end(self):
        self.delivery.ended(self.now)

    def answer(self, *args, **kwargs):
        self.delivery.answered(Answer(*args, **kwargs), self.now)

    def comes_back_after(self):
        """Milliseconds until the next attempt."""
        assert self.delivery.state == d.OFFLINE
        for ms in (0, 749, 750, 1349, 1350, 11999, 12000, 44999, 45000, 60000, 299999, 300000):
            if self.delivery.action((self.now + ms) & 0x3FFFFFFF) == d.CONNECT:
                return ms
        return -1


def test_a_request_begins_at_once_even_without_readings():
    assert Bench().open().action() == d.WAIT


def test_readings_wait_a_moment_for_company_but_not_when_they_fill_the_buffer():
    bench = Bench().open()
    bench.delivery.batch_records = 5
    bench.put(4)
    assert bench.action(1499) == d.WAIT
    assert bench.action(1) == d.SEND
    bench.send()
    bench.put(5)
    assert bench.action() == d.SEND


def test_a_quiet_request_is_kept_alive_well_under_a_minute():
    bench = Bench().open()
    assert bench.action(19999) == d.WAIT
    assert bench.action(1) == d.HEARTBEAT
    bench.delivery.progress(bench.now)
    assert bench.action(19999) == d.WAIT


def test_a_request_with_readings_ends_ten_seconds_after_the_first():
    bench = Bench().open()
    assert bench.action(15000) == d.WAIT  # no readings, no checkpoint
    bench.put(1)
    bench.send()
    assert bench.action(9999) == d.WAIT
    assert bench.action(1) == d.END


def test_a_request_ends_when_it_has_carried_enough():
    bench = Bench(records=20).open()
    bench.put(20)
    bench.send()
    assert bench.action() == d.END


def test_a_request_ends_when_the_ring_is_half_full_and_all_is_sent():
    bench = Bench(capacity=10, records=200).open()
    bench.put(6)
    bench.delivery.sending(4, bench.now)
    bench.delivery.batch_records = 1
    assert bench.action() == d.SEND
    bench.send()
    assert bench.action() == d.END


def test_a_request_never_spans_a_gap():
    bench = Bench(capacity=4).open()
    bench.put(2)
    bench.send()
    bench.put(5)  # 0, 1 and 2 are pushed out; 2 was never sent
    assert bench.action() == d.END
    bench.end()
    bench.answer(200, next=2, reusable=True)
    assert bench.action() == d.BEGIN
    bench.delivery.began(bench.now)
    assert (bench.delivery.begun, bench.spool.dropped) == (3, 1)


def test_a_confirmed_answer_settles_and_the_connection_goes_on():
    bench = Bench().open()
    bench.put(3)
    bench.send()
    bench.end()
    assert bench.action() == d.WAIT
    bench.answer(200, next=3, reusable=True)
    assert bench.spool.waiting() == 0
    assert bench.delivery.state == d.IDLE
    assert bench.action() == d.BEGIN


def test_only_what_the_answer_names_is_settled():
    bench = Bench().open()
    bench.put(5)
    bench.send()
    bench.end()
    bench.answer(503, next=2)
    assert (bench.spool.first, bench.spool.waiting()) == (2, 3)


def test_a_server_that_confirms_nothing_settles_by_its_200():
    bench = Bench().open()
    bench.put(3)
    bench.send()
    bench.end()
    bench.answer(200)
    assert bench.spool.waiting() == 0
    assert bench.action() == d.CONNECT


def test_checkpoints_stretch_when_a_server_closes_each_time_and_confirms_nothing():
    bench = Bench().open()
    bench.put(1)
    bench.send()
    bench.end()
    bench.answer(200)
    bench.open()
    bench.put(1)
    bench.send()
    assert bench.action(599999) != d.END
    assert bench.action(1) == d.END


def test_a_200_that_nobody_waited_for_settles_nothing():
    bench = Bench().open()
    bench.put(3)
    bench.send()
    bench.answer(200)
    assert bench.spool.waiting() == 3
    assert bench.delivery.state == d.OFFLINE


def test_a_web_page_settles_nothing():
    bench = Bench().open()
    bench.put(3)
    bench.send()
    bench.end()
    bench.answer(200, html=True)
    assert bench.spool.waiting() == 3


def test_what_will_not_heal_is_tried_every_five_minutes_and_said():
    for status in (308, 400, 401, 403, 404, 405, 406, 413):
        bench = Bench().open()
        bench.answer(status, text="why")
        assert bench.comes_back_after() == SLOW, status
        assert " E stream refused with %d" % status in bench.lines[-1]


def test_a_limit_is_waited_for_a_minute_and_told_in_the_endpoints_words():
    bench = Bench().open()
    bench.answer(423, text="the plot is full: use fewer points")
    assert bench.comes_back_after() == 60000
    assert "stream refused with 423: the plot is full: use fewer points" in bench.lines[-1]


def test_an_idle_end_is_come_back_from_at_once_but_not_twice():
    bench = Bench().open()
    bench.answer(408)
    assert bench.comes_back_after() == 0
    bench.delivery.lost("broken", bench.now)
    bench.answer(408)
    assert bench.comes_back_after() > 0


def test_what_passes_is_tried_again_ever_more_slowly_and_said_once():
    for status in (449, 500, 503, 520, 302, -1):
        bench = Bench().open()
        bench.answer(status)
        assert bench.comes_back_after() == 750, status
        bench.answer(status)
        assert bench.comes_back_after() == 1350
        for _ in range(20):
            bench.answer(status)
        assert bench.comes_back_after() == 45000
        assert len(bench.lines) == 1 and " W stream " in bench.lines[0]


def test_after_a_failure_the_first_request_is_short_so_that_something_is_confirmed_before_the_next():
    bench = Bench().open()
    bench.delivery.batch_records = 5
    bench.put(1)
    bench.send()
    bench.delivery.lost("broken", bench.now)
    bench.now += 1000
    bench.open()
    bench.send()
    assert bench.action(999) == d.WAIT
    assert bench.action(1) == d.END
    bench.end()
    bench.answer(200, next=1, reusable=True)
    bench.delivery.began(bench.now)
    bench.put(1)
    bench.send()
    assert bench.action(9999) == d.WAIT


def test_until_a_request_is_confirmed_and_after_a_failure_one_carries_a_batch():
    bench = Bench()
    bench.delivery = Delivery(bench.spool, None, 10000, 20, lambda ms: 0, 0)
    bench.delivery.batch_records = 5
    bench.put(15)
    bench.open()
    bench.send(5)
    assert bench.action() == d.END
    bench.end()
    bench.answer(200, next=5, reusable=True)
    assert bench.delivery.room() == 20
    bench.delivery.lost("broken", bench.now)
    assert bench.delivery.room() == 5


def test_the_first_readings_that_are_confirmed_are_told_once():
    bench = Bench()
    bench.delivery._proven = False
    bench.open()
    bench.end()
    bench.answer(200, next=0, reusable=True)  # an empty request, which asked for the time
    assert bench.lines == []
    bench.put(2)
    for _ in range(2):
        bench.delivery.began(bench.now)
        bench.send()
        bench.end()
        bench.answer(200, next=2, reusable=True)
    assert [line.split(" ", 1)[1] for line in bench.lines] == ["I stream streaming: the first readings are confirmed"]


def test_success_forgets_the_failures():
    bench = Bench().open()
    bench.answer(500)
    bench.answer(500)
    bench.now += 100000
    bench.open()
    bench.end()
    bench.answer(200, next=0)
    assert bench.lines[-1].endswith("streaming again")
    bench.open()
    bench.answer(500)
    assert bench.comes_back_after() == 750


def test_exactly_the_refused_record_is_skipped():
    bench = Bench().open()
    bench.put(5)
    bench.send()
    bench.answer(422, next=3)
    assert (bench.spool.first, bench.delivery.skipped, bench.spool.dropped) == (4, 1, 0)
    assert bench.comes_back_after() == 0


def test_a_server_that_does_not_name_the_refused_line_is_asked_one_by_one():
    bench = Bench().open()
    bench.put(3)
    bench.send()
    bench.answer(422)
    assert bench.spool.waiting() == 3
    bench.now += 1000
    bench.open()
    assert bench.delivery.room() == 1
    bench.delivery.sending(1, bench.now)
    assert bench.action() == d.END
    bench.answer(422)
    assert (bench.spool.first, bench.delivery.skipped) == (1, 1)
    bench.open()
    bench.delivery.sending(2, bench.now)
    bench.end()
    bench.answer(200)
    assert bench.delivery.room() == 20


def test_a_certificate_that_is_refused_is_said_and_tried_again_after_five_minutes():
    bench = Bench().open()
    bench.delivery.distrusted("the name does not match", bench.now)
    assert bench.comes_back_after() == SLOW
    assert bench.lines[-1].endswith(" E stream the endpoint's certificate is refused: the name does not match")


def test_silence_is_given_up():
    bench = Bench()
    bench.action()
    bench.delivery.connecting(bench.now)
    assert bench.action(10000) == d.WAIT
    assert bench.action(1) == d.CLOSE
    bench.delivery.lost("no answer", bench.now)
    bench.now += 1000
    bench.open()
    bench.end()
    assert bench.action(15000) == d.WAIT
    assert bench.action(1) == d.CLOSE


def test_while_the_clock_is_unknown_empty_requests_ask_for_the_time_ever_more_seldom():
    bench = Bench()
    bench.delivery.dated = False
    bench.open()
    bench.put(5)
    pauses = []
    for _ in range(8):
        waited = 0
        while bench.action() != d.END:
            bench.now += 500
            waited += 500
        pauses.append(waited)
        bench.end()
        bench.answer(200, next=0, reusable=True)
        bench.delivery.began(bench.now)
    assert pauses == [0, 1000, 3000, 7000, 15000, 31000, 60000, 60000]
    assert bench.spool.waiting() == 5
    bench.delivery.dated = True
    assert bench.action(1500) == d.SEND


def test_a_connection_that_was_given_up_is_left_alone_until_its_memory_is_free():
    bench = Bench().open()
    bench.delivery.stuck("takes nothing", bench.now)
    assert bench.comes_back_after() == 12000
    for _ in range(9):
        bench.delivery.stuck("takes nothing", bench.now)
    assert bench.comes_back_after() == 45000


def test_a_network_that_takes_nothing_is_given_up():
    bench = Bench().open()
    assert not bench.delivery.stalled(bench.now + 20000)
    assert bench.delivery.stalled(bench.now + 20001)


def test_the_ticks_may_wrap():
    bench = Bench(now=(1 << 30) - 100).open()
    bench.put(1)
    bench.send()
    assert bench.action(9999) == d.WAIT
    assert bench.action(1) == d.END
    bench.answer(500)
    assert bench.comes_back_after() == 750


def test_closing_sends_the_rest_and_ends():
    bench = Bench().open()
    bench.put(3)
    bench.delivery.close(bench.now)
    bench.open()
    assert bench.action() == d.SEND
    bench.send()
    assert bench.action() == d.END
    bench.end()
    bench.answer(200, next=3, reusable=True)
    assert bench.delivery.finished()
    assert bench.action() == d.WAIT


def test_the_connection_that_closing_makes_is_no_reconnect():
    bench = Bench().open()
    bench.put(1)
    bench.delivery.close(bench.now)
    bench.open()
    assert bench.delivery.connects == 1
    bench.delivery.lost("broken", bench.now)
    bench.delivery.close(bench.now)
    bench.open()
    assert bench.delivery.connects == 2


def test_a_wheel_of_ten_thousand_mishaps_loses_nothing_that_the_ring_could_hold():
    seed = 7
    bench = Bench(capacity=50, records=20)
    log.write = lambda line: None
    spool, delivery = bench.spool, bench.delivery
    stored = 0  # what the endpoint expects next
    for _ in range(10000):
        seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
        chance = (seed >> 16) % 20
        if chance < 10 and spool.waiting() < spool.capacity:
            bench.put(1)
        action = bench.action(seed >> 20)
        if action == d.CONNECT:
            delivery.connecting(bench.now)
            if chance:
                delivery.connected(bench.now)
        elif action == d.BEGIN:
            delivery.began(bench.now)
            assert delivery.begun <= stored
        elif action == d.SEND:
            delivery.sending(min(spool.next, delivery.begun + delivery.room()), bench.now)
            if chance % 3:
                stored = max(stored, delivery.cursor)
        elif action == d.END:
            delivery.ended(bench.now)
            if chance % 3:
                stored = max(stored, delivery.cursor)
                bench.answer(200, next=stored, reusable=chance % 2 == 0)
        elif action == d.CLOSE:
            delivery.lost("no answer", bench.now)
        if chance == 11 and delivery.state != d.OFFLINE:
            bench.answer((449, 500, 408, 503)[seed % 4], next=stored if seed & 8 else None)
    assert spool.dropped == 0
    assert spool.settled <= stored
    assert stored > 1000


def test_a_refusal_is_known_until_the_endpoint_accepts_again():
    bench = Bench().open()
    bench.answer(404)
    assert bench.delivery.refused == 404
    bench.now += 400000
    bench.open()
    bench.end()
    bench.answer(200, next=0)
    assert (bench.delivery.refused, bench.delivery.failures) == (0, 0)


def test_closing_does_not_wait_for_what_will_not_heal():
    bench = Bench()
    bench.put(5)
    bench.delivery.close(bench.now)
    bench.open()
    assert not bench.delivery.finished()
    bench.answer(403)
    assert bench.delivery.finished()
    assert bench.action(400000) == d.WAIT
