"""sensors/ds18b20.py on simulated probes that answer bit by bit, on MicroPython and on CPython."""

import gc
import sys
from array import array

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")

import machine

sys.path.insert(0, machine.HARDWARE)
import ds18x20
import onewire
import wires
from onewire_probe import Probe, rom
from plotpost import log, sensors

sys.path.pop(0)
sys.path.pop(0)
machine.unplug()

ONE = rom(b"\x64\x1d\x8f\xdf\x18\x00")
OTHER = rom(b"\x65\x1d\x8f\xdf\x18\x01")


def code(address):
    return "".join(["%02x" % byte for byte in address])


class Bus:
    """Probes on pin 4 while the `with` block runs; `lines` is the log."""

    def __init__(self, *probes):
        self.probes = list(probes)
        self.lines = []
        self._board = machine.Plugged()

    def __enter__(self):
        self._board.__enter__()
        self._write, log.write = log.write, self.lines.append
        wires.wire(4).parts += self.probes
        return self

    def __exit__(self, *_):
        log.write = self._write
        self._board.__exit__()

    def driver(self, **options):
        options["pin"] = 4
        return sensors.create({"driver": "ds18b20", "options": options})


def read(driver, wait_ms=750):
    """Hundredths of a degree."""
    values = array("i", [0])
    assert driver.start() == 750
    wires.sleep_us(wait_ms * 1000)
    driver.read(values)
    return values[0]


def refusal(kind, function, *args, **options):
    try:
        function(*args, **options)
    except kind as error:
        return str(error)
    raise AssertionError("accepted")


def test_sixteenths_become_hundredths_rounded_half_up():
    with Bus(Probe(ONE)) as bus:
        driver = bus.driver()
        for sixteenths, hundredths in (
            (0x07D0, 12500),  # the examples of the datasheet
            (0x0191, 2506),
            (0x00A2, 1013),
            (0x0008, 50),
            (0x0000, 0),
            (-8, -50),
            (-162, -1012),
            (-401, -2506),
            (-880, -5500),
            (1, 6),
            (-1, -6),
        ):
            bus.probes[0].sixteenths = sixteenths
            assert read(driver) == hundredths, sixteenths


def test_the_result_is_not_fetched_before_the_conversion_is_over():
    with Bus(Probe(ONE, 400)) as bus:
        driver = bus.driver()
        assert read(driver) == 2500
        bus.probes[0].sixteenths = 401
        assert read(driver, 740) == 2500  # the old one: start() must ask for all of the time
        assert read(driver, 750) == 2506


def test_each_probe_of_a_bus_is_read_by_its_address_and_converts_alone():
    with Bus(Probe(ONE, 400), Probe(OTHER, -16)) as bus:
        warm, cold = bus.driver(address=code(ONE)), bus.driver(address=code(OTHER))
        assert (read(warm), read(cold)) == (2500, -100)
        assert [probe.conversions for probe in bus.probes] == [1, 1]


def test_conversions_of_two_probes_may_overlap():
    values = array("i", [0])
    with Bus(Probe(ONE, 400), Probe(OTHER, -16)) as bus:
        warm, cold = bus.driver(address=code(ONE)), bus.driver(address=code(OTHER))
        warm.start()
        wires.sleep_us(400000)
        cold.start()
        wires.sleep_us(350000)
        warm.read(values)
        assert values[0] == 2500
        wires.sleep_us(400000)
        cold.read(values)
        assert values[0] == -100


def test_the_only_probe_needs_no_address_and_is_named_in_the_log_once():
    with Bus(Probe(ONE, 400)) as bus:
        driver = bus.driver()
        assert read(driver) == 2500
        read(driver)
        assert len(bus.lines) == 1
        assert "I ds18b20 pin 4: probe " + code(ONE) in bus.lines[0]


def test_several_probes_without_an_address_are_all_named():
    with Bus(Probe(ONE), Probe(OTHER), Probe(rom(bytes(6), 0x10))) as bus:
        why = refusal(ValueError, bus.driver().start)
        assert why.startswith('say "address" in config.json, pin 4 has ')
        assert sorted(why.rsplit("has ", 1)[1].split(", ")) == sorted([code(ONE), code(OTHER)])


def test_a_search_finds_every_probe_of_a_long_bus():
    probes = [Probe(rom(bytes([i * 37 & 255, i, 0, 255 - i, 7, i & 1])), 16 * i) for i in range(1, 13)]
    with Bus(*probes) as bus:
        found = refusal(ValueError, bus.driver().start).rsplit("has ", 1)[1].split(", ")
        assert sorted(found) == sorted([code(probe.rom) for probe in probes])
        for i, probe in enumerate(probes):
            assert read(bus.driver(address=code(probe.rom))) == 100 * (i + 1)


def test_an_empty_bus_is_an_error_that_says_what_to_look_at_and_a_probe_plugged_in_later_is_read():
    with Bus() as bus:
        driver = bus.driver()
        assert refusal(OSError, driver.start) == "no answer on pin 4: check the three wires, and the pull-up of 4.7 kOhm"
        wires.wire(4).parts.append(Probe(ONE, 400))
        assert read(driver) == 2500


def test_another_probe_in_the_place_of_the_only_one_is_found():
    with Bus(Probe(ONE, 400)) as bus:
        driver = bus.driver()
        read(driver)
        wires.wire(4).parts[0] = Probe(OTHER, 16)
        assert refusal(OSError, read, driver) == "the probe %s does not answer on pin 4" % code(ONE)
        assert read(driver) == 100


def test_a_probe_that_was_named_and_is_gone_is_missed_by_its_name():
    with Bus(Probe(OTHER, 400)) as bus:
        driver = bus.driver(address=code(ONE))
        for _ in range(2):
            assert refusal(OSError, read, driver) == "the probe %s does not answer on pin 4" % code(ONE)


def test_a_probe_that_is_unplugged_while_it_converts_is_missed():
    with Bus(Probe(ONE, 400)) as bus:
        driver = bus.driver()
        read(driver)
        driver.start()
        del wires.wire(4).parts[:]
        assert refusal(OSError, driver.read, array("i", [0])) == "the probe %s does not answer on pin 4" % code(ONE)


def test_a_wrong_checksum_is_no_reading():
    with Bus(Probe(ONE, 400)) as bus:
        driver = bus.driver()
        for byte in range(9):
            bus.probes[0].flip = byte
            assert refusal(ValueError, read, driver).startswith("wrong checksum")
        bus.probes[0].flip = None
        assert read(driver) == 2500


def test_the_value_of_a_probe_that_lost_its_power_is_no_reading():
    with Bus(Probe(ONE, 400)) as bus:
        driver = bus.driver()
        values = array("i", [0])
        driver.start()
        wires.wire(4).parts[0] = Probe(ONE, 400)  # it came back, and has not converted
        wires.sleep_us(750000)
        assert refusal(ValueError, driver.read, values).startswith("85.00 is what a probe says that lost its power")


def test_a_data_line_that_is_held_low_is_not_zero_degrees():
    with Bus(Probe(ONE, 400)) as bus:
        driver = bus.driver()
        read(driver)
        wires.wire(4).shorted = True
        assert refusal(ValueError, read, driver) == "the data line is held low: is it in the right hole?"


def test_a_lower_resolution_of_a_probe_is_respected():
    for bits, hundredths in ((9, 2550), (10, 2575), (11, 2588), (12, 2594)):
        with Bus(Probe(ONE, 415, bits)) as bus:  # 25.9375
            assert read(bus.driver()) == hundredths


def test_an_address_that_is_none_leaves_the_driver_out():
    with Bus() as bus:
        for address in ("", "28", 28, code(ONE)[:-1], code(ONE) + "00", "10" + code(ONE)[2:], "28-00000dfd1864", "zz" * 8):
            assert "is no 16 hex digits that begin with 28" in refusal(sensors.Absent, bus.driver, address=address), address


def test_reading_touches_the_heap_not_even_for_a_moment():
    try:
        from micropython import mem_total
    except ImportError:
        return  # CPython

    class StillBus(onewire.OneWire):
        """Answers without the simulation's own objects."""

        def reset(self, required=False):
            return True

        def writebyte(self, value):
            pass

    class StillProbes(ds18x20.DS18X20):
        def read_scratch(self, rom):
            return self.buf

    with Bus(Probe(ONE, -401)) as bus:
        driver = bus.driver()
        values = array("i", [0])
        read(driver)
        driver._bus = StillBus(machine.Pin(4))
        scratchpad = driver._probes.buf
        driver._probes = StillProbes(driver._bus)
        driver._probes.buf = scratchpad
        driver.start()
        driver.read(values)
        before = mem_total()
        for _ in range(20):
            driver.start()
            driver.read(values)
        assert mem_total() - before == 0
        assert values[0] == -2506


def test_failures_leave_nothing_behind_on_the_heap():
    if sys.implementation.name != "micropython":
        return
    with Bus(Probe(ONE, 400)) as bus:
        driver = bus.driver()

        def fail_and_recover():
            for flip in (0, None):
                bus.probes[0].flip = flip
                try:
                    read(driver)
                except ValueError:
                    pass
            del bus.lines[:]
            gc.collect()
            return gc.mem_alloc()

        fail_and_recover()
        before = fail_and_recover()
        for _ in range(5):
            after = fail_and_recover()
        assert after <= before
