"""link.py: every state of the WiFi link, on MicroPython and on CPython. Time is a number that the test moves."""

from plotpost import link as l
from plotpost import log
from plotpost.link import Link


class Bed:
    def __init__(self, *networks, now=0):
        self.lines = []
        log.write = self.lines.append
        self.link = Link(list(networks) or ["home"], now)
        self.now = now
        self.connected = False
        self.says = l.NOTHING

    def step(self, after=0):
        self.now = (self.now + after) & 0x3FFFFFFF
        return self.link.action(self.connected, self.says, self.now)

    def up(self):
        assert self.step() == l.JOIN
        self.connected = True
        self.step(3000)
        self.step(2000)
        assert self.link.up()
        return self

    def fail(self):
        """One attempt that nobody answers; returns what was done then."""
        while self.step(500) != l.JOIN:
            pass
        for _ in range(100):
            action = self.step(500)
            if self.link.state == l.DOWN:
                return action


def test_it_joins_the_first_network_at_once():
    bed = Bed("home", "shed")
    assert bed.step() == l.JOIN
    assert bed.link.network == 0


def test_the_link_is_up_only_after_it_has_stood_for_a_while():
    bed = Bed()
    bed.step()
    bed.connected = True
    bed.step(3000)
    assert not bed.link.up()
    bed.step(1999)
    assert not bed.link.up()
    bed.step(1)
    assert bed.link.up()
    assert bed.lines[-1].endswith("I wifi joined home")


def test_a_link_that_falls_before_it_is_believed_has_failed():
    bed = Bed("home", "shed")
    bed.step()
    bed.connected = True
    bed.step(3000)
    bed.connected = False
    bed.step(500)
    assert (bed.link.state, bed.link.network) == (l.DOWN, 1)


def test_a_network_that_does_not_answer_is_given_twenty_seconds():
    bed = Bed("home", "shed")
    bed.step()
    assert bed.step(19999) == l.WAIT and bed.link.state == l.JOINING
    bed.step(1)
    assert bed.step() == l.JOIN
    assert bed.link.network == 1


def test_what_the_radio_says_shortens_the_wait_but_is_not_believed_at_once():
    for says, words in ((l.NO_NETWORK, "5 GHz"), (l.WRONG_KEY, "secrets.json"), (l.FAILED, "cannot be joined")):
        bed = Bed()
        bed.step()
        bed.says = says
        bed.step(5999)
        assert bed.link.state == l.JOINING
        assert bed.step(1) == l.RESET
        assert bed.link.why == says
        assert words in bed.lines[-1] and "home" in bed.lines[-1]


def test_when_all_have_failed_the_interface_starts_afresh_ever_more_slowly():
    bed = Bed("home", "shed")
    pauses = []
    for _ in range(8):
        assert bed.fail() == l.WAIT
        assert bed.fail() == l.RESET
        pauses.append((bed.link.retry_at - bed.now) & 0x3FFFFFFF)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (4000, 60000)
    assert len([line for line in bed.lines if " W wifi " in line]) == 2


def test_a_network_that_is_gone_is_joined_again_the_first_one_first():
    bed = Bed("home", "shed")
    bed.fail()
    bed.up()
    assert bed.link.network == 1
    bed.connected = False
    assert bed.step(4999) == l.WAIT
    assert bed.step(1) == l.RESET
    assert bed.step() == l.JOIN
    assert bed.link.network == 0


def test_a_short_gap_is_forgiven():
    bed = Bed().up()
    bed.connected = False
    bed.step(4000)
    bed.connected = True
    bed.step(500)
    bed.connected = False
    assert bed.step(4999) == l.WAIT
    assert bed.link.up()


def test_a_link_that_lies_is_found_out_by_the_silence():
    bed = Bed().up()
    bed.step(170000)
    bed.link.heard(bed.now)
    assert bed.step(179999) == l.WAIT
    assert bed.step(1) == l.RESET
    assert "nothing heard" in bed.lines[-1]


def test_joins_are_counted():
    bed = Bed().up()
    bed.connected = False
    bed.step(5000)
    bed.up()
    assert bed.link.joins == 2


def test_the_ticks_may_wrap():
    bed = Bed(now=(1 << 30) - 1000).up()
    bed.connected = False
    assert bed.step(5000) == l.RESET
