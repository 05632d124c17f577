"""wifi.py and radio.py with the simulated radio of each port, on MicroPython and on CPython: it joins, says why not, and lives on."""

import asyncio
import sys

from plotpost import link as l
from plotpost import log

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")
import machine
import network

from plotpost import radio, wifi  # isort: skip  # they need it

sys.path.pop(0)
machine.unplug()
network.unplug()

PORTS = ("esp32", "rp2")
ITS_START = ("active(False)", "active(True)", "config(pm)", "config(reconnects)", "connect", "isconnected", "status")
ITS_LIFE = ("active(False)", "active(True)", "disconnect", "connect", "isconnected", "status", "status(rssi)")
EVERYTHING = (
    OSError("Wifi Internal Error"),
    OSError("WiFi Out of Memory"),
    OSError(116),
    OSError(-1, "ESP_FAIL"),
    OSError(),
    RuntimeError("Wifi Unknown Error 0x0102"),
    ValueError("unknown config param"),
    TypeError(),
)


class Platform:
    def __init__(self, port):
        self.platform = port


class Bed(network.Plugged):
    """A board of one port, from power-on to the end of the `with` block. Its time passes only while the wifi task pauses."""

    def __enter__(self):
        super().__enter__()
        self.lines = []
        log.write = self.lines.append
        machine.power_on()
        self._kept = wifi.sleep_ms, wifi.ticks_ms, radio.sys
        wifi.sleep_ms, wifi.ticks_ms = self._pass, lambda: machine.now
        radio.sys = Platform(self._port)
        self.turns = []  # what happens after so many milliseconds
        return self

    def __exit__(self, *_):
        wifi.sleep_ms, wifi.ticks_ms, radio.sys = self._kept
        log.write = print
        super().__exit__()

    async def _pass(self, ms):
        machine.now += ms
        while self.turns and self.turns[0][0] <= machine.now:
            self.turns.pop(0)[1]()

    def run(self, task, ms=60000):
        """Let it work for so many milliseconds; True when it goes on."""
        end = machine.now + ms

        def progress():
            if machine.now >= end:
                raise asyncio.CancelledError

        try:
            asyncio.run(task.run(progress))
        except asyncio.CancelledError:
            return True
        return False

    def said(self, text):
        return [line for line in self.lines if text in line]


def test_it_joins_on_both_ports_saves_no_power_and_tries_nothing_by_itself():
    for port in PORTS:
        with Bed(port) as bed:
            network.air["home"] = "key"
            task = wifi.Wifi([("home", "key")])
            assert bed.run(task, 10000)
            assert task.link.up()
            assert task._radio._wlan.reconnects == (0 if port == "esp32" else -1)
            assert bed.said(" W ") == []
            assert task.rssi() == -57


def test_making_it_starts_no_radio():
    with Bed("esp32"):
        wifi.Wifi([("home", "key")])
        assert network.calls == {"WLAN"}


def test_whatever_any_call_raises_at_any_time_ends_nothing_and_it_joins_when_that_is_over():
    for port in PORTS:
        for call in ITS_START:
            for error in EVERYTHING:
                with Bed(port) as bed:
                    network.air["home"] = "key"
                    network.raises[call] = error
                    task = wifi.Wifi([("home", "key")])
                    bed.turns.append((10000, network.raises.clear))
                    assert bed.run(task), (port, call, error)
                    assert task.link.up(), (port, call, error)


def test_whatever_a_call_raises_while_the_link_is_up_ends_nothing_and_it_is_up_again_when_that_is_over():
    for port in PORTS:
        for call in ITS_LIFE:
            for error in EVERYTHING:
                with Bed(port) as bed:
                    network.air["home"] = "key"
                    task = wifi.Wifi([("home", "key")])
                    assert bed.run(task, 10000) and task.link.up()
                    network.raises[call] = error
                    assert task.rssi() == (None if call == "status(rssi)" else -57)
                    bed.turns.append((20000, network.raises.clear))
                    assert bed.run(task), (port, call, error)
                    assert task.link.up(), (port, call, error)


def test_a_failure_is_one_line_with_what_the_radio_said():
    with Bed("esp32") as bed:
        network.air["home"] = "key"
        network.raises["connect"] = OSError("Wifi Internal Error")
        task = wifi.Wifi([("home", "key")])
        bed.turns.append((1500, network.raises.clear))
        bed.run(task)
        (line,) = bed.said(" W ")
        assert line.endswith(" W wifi the radio fails: Wifi Internal Error (OSError)")


def test_a_radio_that_fails_again_and_again_is_beyond_help():
    for call in ("active(True)", "connect"):
        with Bed("esp32") as bed:
            network.raises[call] = RuntimeError("Wifi Unknown Error 0x3003")
            task = wifi.Wifi([("home", "key"), ("shed", "key")])
            assert not bed.run(task, 600000)
            assert task.failure == "Wifi Unknown Error 0x3003 (RuntimeError)"
            assert 30000 < machine.now < 120000


def test_a_network_that_is_away_for_an_hour_is_no_fault_of_the_radio():
    for port in PORTS:
        with Bed(port) as bed:
            task = wifi.Wifi([("home", "key")])
            assert bed.run(task, 3600000)
            network.air["home"] = "key"
            assert bed.run(task, 90000)
            assert task.link.up()


def test_a_radio_that_fails_now_and_then_while_the_network_is_away_is_not_given_up():
    with Bed("esp32") as bed:
        task = wifi.Wifi([("home", "key")])
        for _ in range(10):
            network.raises["connect"] = OSError("Wifi Internal Error")
            assert bed.run(task, 3000)
            network.raises.clear()
            assert bed.run(task, 200000)


def test_every_reason_of_the_idf_is_told_in_words():
    said = {
        "network home is not in sight: is it 5 GHz only, or out of reach?": (201, 212),
        "network home refuses the password: check secrets.json": (15, 204),
        "network home refuses the password, or is hardly in reach: check secrets.json": (2, 202),
    }
    for words, reasons in said.items():
        for reason in reasons:
            assert told("esp32", reason) == words, reason
    for reason in (1, 3, 4, 6, 14, 16, 23, 39, 53, 200, 203, 206, 207, 210, 211):
        assert told("esp32", reason) == "network home cannot be joined (the radio says %d)" % reason


def told(port, reason):
    """The first complaint about a network that cannot be joined for this reason."""
    with Bed(port) as bed:
        network.reason = reason
        bed.run(wifi.Wifi([("home", "key")]), 30000)
        return bed.said(" W ")[0].split(" wifi ")[1]


def test_every_status_of_a_pico_w_is_told_in_words():
    assert told("rp2", -1) == "network home cannot be joined (the radio says -1)"
    assert told("rp2", -2) == "network home is not in sight: is it 5 GHz only, or out of reach?"
    assert told("rp2", -3) == "network home refuses the password: check secrets.json"


def test_what_the_radio_says_on_its_way_is_nothing():
    for port, statuses in (("esp32", (0, 1000, 1001, 1010)), ("rp2", (0, 1, 2, 3))):
        with Bed(port):
            assert {radio.says(status) for status in statuses} == {l.NOTHING}


def test_a_reason_that_is_left_from_the_network_before_is_not_believed_of_the_next():
    with Bed("esp32") as bed:
        network.air["shed"] = "key"
        task = wifi.Wifi([("home", "key"), ("shed", "key")])
        kept, network._JOIN_MS = network._JOIN_MS, 9000  # slower than what the radio says is waited for
        try:
            assert bed.run(task, 60000)
        finally:
            network._JOIN_MS = kept
        assert task.link.up()
        assert bed.said("shed is not in sight") == []


def test_a_radio_that_cannot_be_switched_off_does_not_keep_a_board_from_its_sleep():
    for error in EVERYTHING:
        with Bed("esp32") as bed:
            task = wifi.Wifi([("home", "key")])
            network.raises["active(False)"] = error
            task.off()
            assert len(bed.said(" W wifi the radio stays on")) == 1
