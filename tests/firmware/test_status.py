"""status.py: which blink each state is, on MicroPython and on CPython."""

import sys

from plotpost import delivery as d
from plotpost import link as l
from plotpost import log, status
from plotpost.link import Link

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine

sys.path.pop(0)
machine.unplug()

BOARD_LIFE = __file__.rsplit("/", 3)[0] + "/docs/board-life.md"


class Delivery:
    def __init__(self, state=d.OFFLINE, connects=0, failures=0, refused=0):
        self.state = state
        self.connects = connects
        self.failures = failures
        self.refused = refused


def link(state, why=l.NOTHING):
    link = Link(["home"], 0)
    link.state = state
    link.why = why
    return link


def documented():
    """What each pattern stands for, from the table of docs/board-life.md."""
    with open(BOARD_LIFE) as file:
        rows = [line.split("|") for line in file.read().split("\n") if line.startswith("| `#")]
    return {cells[1].strip(" `").encode(): cells[2].strip() for cells in rows}


NAMES = documented()


def shown(state, link=None):
    return NAMES[status.pattern(link, state)]


def blinks(pattern, ms=2000, start=0):
    """What the LED shows, one character for each 100 ms, and the changes of the pin."""
    with machine.Plugged():
        led = status.Led("LED")
        seen = ""
        now = start
        while now < start + ms:
            now += led.step(pattern, now)
            seen += "#" if machine.levels["LED"] else "-"
    return seen


def test_every_pattern_is_two_seconds_long_and_unlike_the_others():
    assert len(NAMES) == 8
    assert {len(pattern) for pattern in NAMES} == {20}
    turned = {min([pattern[i:] + pattern[:i] for i in range(20)]) for pattern in NAMES}
    assert len(turned) == len(NAMES)


def test_the_led_shows_the_pattern_again_and_again():
    for pattern in NAMES:
        assert blinks(pattern, 4000) == pattern.decode() * 2


def test_safe_mode_has_its_own():
    assert NAMES[status.SAFE_MODE] == "safe mode"


def test_a_step_that_comes_late_or_in_the_middle_keeps_the_rhythm():
    with machine.Plugged():
        led = status.Led("LED")
        assert led.step(b"#" + b"-" * 19, 50) == 50
        assert machine.levels["LED"] == 1
        assert led.step(b"#" + b"-" * 19, 4730) == 70
        assert machine.levels["LED"] == 0


def test_the_pin_is_only_touched_when_it_changes():
    with machine.Plugged():
        led = status.Led("LED")
        led.step(b"#" * 20, 0)
        machine.levels["LED"] = "as it was"
        for now in range(100, 5000, 100):
            led.step(b"#" * 20, now)
        assert machine.levels["LED"] == "as it was"


class Refusing:
    """A Pin that raises `error` when it is made, or when it is set."""

    OUT = 1
    error = None
    late = False

    def __init__(self, pin, mode):
        if not self.late:
            raise self.error

    def value(self, level):
        raise self.error


def test_a_pin_that_the_chip_refuses_ends_nothing_and_is_told_once():
    kept = machine.Pin
    said = []
    log.write = said.append
    try:
        with machine.Plugged():
            machine.Pin = Refusing
            for Refusing.late in (False, True):
                for error in (
                    ValueError("invalid pin"),
                    TypeError(),
                    OSError(5),
                    RuntimeError(),
                    ImportError(),
                    AttributeError(),
                ):
                    Refusing.error = error
                    del said[:]
                    led = status.Led("GP25")
                    for now in range(0, 3000, 100):
                        assert led.step(b"#-" * 10, now) == 100
                    assert len(said) == 1
                    assert said[0].endswith(" W led it stays dark, look at led in config.json: " + type(error).__name__), said
    finally:
        machine.Pin = kept
        log.write = print


def test_it_is_booting_until_something_is_known():
    assert shown(Delivery()) == "booting"
    assert shown(Delivery(d.CONNECTING)) == "booting"


def test_without_a_link_the_radio_is_what_matters():
    for state in (l.DOWN, l.JOINING, l.SETTLING):
        assert shown(Delivery(connects=3, failures=2), link(state)) == "joining WiFi, or waiting for the bridge"
        assert shown(Delivery(), link(state, l.FAILED)) == "joining WiFi, or waiting for the bridge"
        assert shown(Delivery(), link(state, l.NO_NETWORK)) == "no such network, or wrong password"
        assert shown(Delivery(), link(state, l.WRONG_KEY)) == "no such network, or wrong password"


def test_an_open_request_is_streaming_with_radio_and_without():
    for state in (d.OPEN, d.ENDING, d.IDLE):
        assert shown(Delivery(state, connects=1)) == "streaming"
        assert shown(Delivery(state, connects=1), link(l.UP)) == "streaming"


def test_a_reconnect_after_a_good_answer_is_still_streaming():
    assert shown(Delivery(d.OFFLINE, connects=4)) == "streaming"
    assert shown(Delivery(d.CONNECTING, connects=4)) == "streaming"


def test_an_endpoint_never_reached_is_told_from_one_that_is_away_for_a_while():
    assert shown(Delivery(failures=1)) == "no endpoint"
    assert shown(Delivery(failures=1, connects=1)) == "spooling"


def test_a_refusal_is_shown_until_it_is_over():
    assert shown(Delivery(connects=1, failures=1, refused=404)) == "token refused"
    assert shown(Delivery(d.OPEN, connects=2, failures=1, refused=404), link(l.UP)) == "token refused"
