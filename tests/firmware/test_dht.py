"""sensors/dht11.py and dht22.py on simulated parts that answer with pulses, on MicroPython and on CPython."""

import gc
import sys
from array import array

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")

import machine

sys.path.insert(0, machine.HARDWARE)
import dht
import wires
from dht_part import Part, frame
from plotpost import sensors

sys.path.pop(0)
sys.path.pop(0)
machine.unplug()


class Bench:
    """A part on pin 15 while the `with` block runs, and its driver."""

    def __init__(self, driver, part=None):
        self._name = driver
        self.part = part
        self._board = machine.Plugged()

    def __enter__(self):
        self._board.__enter__()
        if self.part is not None:
            wires.wire(15).parts.append(self.part)
        self.driver = sensors.create({"driver": self._name, "options": {"pin": 15}})
        return self

    def __exit__(self, *_):
        self._board.__exit__()

    def read(self):
        """Temperature and humidity, in tenths."""
        values = array("i", [0, 0])
        assert self.driver.start() == 0
        self.driver.read(values)
        return values[0], values[1]


def refusal(kind, function, *args):
    try:
        function(*args)
    except kind as error:
        return str(error)
    raise AssertionError("accepted")


def eleven(humidity, decimal, temperature, decimal_and_sign):
    body = [humidity, decimal, temperature, decimal_and_sign]
    body.append(sum(body) & 255)
    return bytes(body)


def test_a_dht22_is_read_in_tenths_with_the_sign_apart_from_the_magnitude():
    for temperature, humidity in ((213, 456), (0, 0), (-1, 999), (-400, 1000), (1250, 1), (255, 256), (256, 255), (-256, 300)):
        with Bench("dht22", Part(frame(humidity, abs(temperature), temperature < 0))) as bench:
            assert bench.read() == (temperature, humidity)


def test_a_reading_is_what_the_part_says_where_floats_would_not_be():
    odd = 0
    with Bench("dht22", Part(b"")) as bench:
        for raw in range(1, 1000, 37):
            bench.part.frame = frame(raw, raw)
            assert bench.read() == (raw, raw)
            odd += repr(raw * 0.1) != "%d.%d" % (raw // 10, raw % 10)
    assert odd


def test_a_dht11_is_read_with_its_decimals_and_the_sign_of_newer_ones():
    for body, expected in (
        ((45, 0, 23, 0), (230, 450)),
        ((45, 3, 23, 7), (237, 453)),
        ((20, 0, 5, 0x83), (-53, 200)),
        ((90, 0, 0, 0), (0, 900)),
    ):
        with Bench("dht11", Part(eleven(*body), start_us=18000)) as bench:
            assert bench.read() == expected


def test_every_reading_is_a_measurement_of_its_own():
    with Bench("dht22", Part(frame(500, 200))) as bench:
        assert bench.read() == (200, 500)
        bench.part.frame = frame(501, 201)
        assert bench.read() == (201, 501)
        assert bench.part.starts == 2


def test_a_part_whose_clock_is_off_is_still_understood():
    for stretch in (-20, -10, 10, 20):
        with Bench("dht22", Part(frame(0x1A5, 0x95), stretch=stretch)) as bench:
            assert bench.read() == (0x95, 0x1A5)


def test_silence_is_an_error_that_says_what_to_look_at():
    for part in (None, Part(None)):
        with Bench("dht22", part) as bench:
            assert refusal(OSError, bench.read) == ("no answer on pin 15: check its three wires, and the pull-up of 10 kOhm")


def test_a_wire_that_touches_ground_is_silence():
    with Bench("dht11", Part(eleven(45, 0, 23, 0))) as bench:
        wires.wire(15).shorted = True
        assert "no answer" in refusal(OSError, bench.read)


def test_a_train_that_breaks_off_is_silence_and_the_next_one_is_read():
    with Bench("dht22", Part(frame(500, 200), bits=23)) as bench:
        assert "no answer" in refusal(OSError, bench.read)
        wires.wire(15).parts[0] = Part(frame(500, 200))
        assert bench.read() == (200, 500)


def test_a_wrong_checksum_is_no_reading():
    for bit in range(40):
        wrong = bytearray(frame(456, 213))
        wrong[bit // 8] ^= 0x80 >> bit % 8
        with Bench("dht22", Part(bytes(wrong))) as bench:
            assert refusal(ValueError, bench.read).startswith("wrong checksum")


def test_a_dht11_that_was_called_a_dht22_is_noticed_and_the_other_way_round():
    with Bench("dht22", Part(eleven(45, 0, 23, 0))) as bench:
        assert refusal(ValueError, bench.read) == "no DHT22 measures that: is it another part?"
    with Bench("dht11", Part(frame(456, 213))) as bench:
        assert refusal(ValueError, bench.read) == "no DHT11 measures that: is it a DHT22?"


def test_a_driver_without_a_pin_or_with_one_that_the_board_lacks_is_left_out():
    with machine.Plugged():
        for options, why in (
            ({}, 'it has no pin; say which in config.json, such as "pin": 15'),
            ({"pin": None}, 'it has no pin; say which in config.json, such as "pin": 15'),
            ({"pin": 99}, "this board has no pin 99"),
        ):
            assert refusal(sensors.Absent, sensors.create, {"driver": "dht22", "options": options}) == why


def test_a_machine_without_pins_says_so():
    with machine.Plugged():
        sys.modules["machine"] = Bench  # which has no Pin
        why = refusal(sensors.Absent, sensors.create, {"driver": "dht22", "options": {"pin": 4}})
        assert why == "this machine has no pins"


def test_a_firmware_without_the_library_says_how_to_get_it():
    with machine.Plugged():
        library = sys.modules.pop("dht")
        others = sys.modules.get("adafruit_dht")
        if sys.implementation.name == "cpython":
            sys.modules["adafruit_dht"] = None  # CPython takes that for a module that is not there
        try:
            why = refusal(sensors.Absent, sensors.create, {"driver": "dht22", "options": {"pin": 4}})
        finally:
            sys.modules["dht"] = library
            sys.modules.pop("adafruit_dht", None)
            if others is not None:
                sys.modules["adafruit_dht"] = others
        assert why == "no library for it here: plotpost deploy installs it; Raspberry Pi: pip install plotpost[pi]"


def test_reading_touches_the_heap_not_even_for_a_moment():
    try:
        from micropython import mem_total
    except ImportError:
        return  # CPython

    class Still(dht.DHT22):
        """Measures without the simulation's own objects."""

        def measure(self):
            pass

    with Bench("dht22") as bench:
        bench.driver._line._part = Still(machine.Pin(15))
        bench.driver._line._part.buf[:] = frame(456, 213, True)
        values = array("i", [0, 0])
        bench.driver.read(values)
        before = mem_total()
        for _ in range(20):
            bench.driver.read(values)
        assert mem_total() - before == 0
        assert values[0] == -213


def test_failures_leave_nothing_behind_on_the_heap():
    if sys.implementation.name != "micropython":
        return
    with Bench("dht22", Part(frame(500, 200))) as bench:

        def fail_and_recover():
            for part in (Part(None), Part(bytes(5)[:4] + b"\x01"), Part(frame(500, 200))):
                wires.wire(15).parts[0] = part
                try:
                    bench.read()
                except (OSError, ValueError):
                    pass
            part = None
            wires.wire(15).parts[0] = bench.part
            gc.collect()
            return gc.mem_alloc()

        fail_and_recover()
        before = fail_and_recover()
        for _ in range(5):
            after = fail_and_recover()
        assert after == before
