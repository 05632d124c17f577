"""sensors/analog.py on simulated converters, on MicroPython and on CPython."""

import sys
from array import array

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/simulated")

import machine
from plotpost import log, sensors

sys.path.pop(0)
machine.unplug()

PLAIN = machine.ADC


class Board:
    """Has this converter while the `with` block runs."""

    def __init__(self, converter):
        self._converter = converter
        self._board = machine.Plugged()

    def __enter__(self):
        machine.ADC = self._converter
        self._board.__enter__()

    def __exit__(self, *_):
        self._board.__exit__()
        machine.ADC = PLAIN


def create(**options):
    options.setdefault("pin", 26)
    return sensors.create({"driver": "analog", "options": options})


def read(driver, millivolts, pin=26):
    """Voltage in mV and level in tenths of a percent."""
    machine.voltages[pin] = millivolts
    values = array("i", [0, 0])
    assert driver.start() == 0
    driver.read(values)
    return values[0], values[1]


def refusal(**options):
    try:
        create(**options)
    except sensors.Absent as why:
        return str(why)
    raise AssertionError("accepted")


def test_the_voltage_is_right_to_the_step_of_the_converter():
    with Board(PLAIN):
        driver = create()
        for millivolts in (0, 1, 100, 825, 1650, 3299):
            assert abs(read(driver, millivolts)[0] - millivolts) <= 1, millivolts
        assert read(driver, 3300) == (3300, 1000)
        assert read(driver, 5000) == (3300, 1000)


def test_a_calibrated_converter_tells_the_voltage_itself_and_is_opened_for_all_of_it():
    with Board(machine.CalibratedADC):
        driver = create(pin=4)
        for millivolts in (0, 1, 949, 951, 3100):
            assert read(driver, millivolts, 4)[0] == millivolts


def test_a_chip_without_calibration_is_asked_once_says_so_and_measures_against_its_full_scale():
    for error in (OSError(95), OSError(-258, "ESP_ERR_INVALID_ARG")):  # EOPNOTSUPP
        asked = []

        class Fuseless(machine.CalibratedADC):
            def read_uv(self, error=error, asked=asked):
                asked.append(0)
                raise error

            def read_u16(self):
                return min(machine.voltages.get(self._name, 0) * 65535 // 3300, 65535)

        lines = []
        kept, log.write = log.write, lines.append
        try:
            with Board(Fuseless):
                driver = create(pin=4)
                for millivolts in (0, 1000, 3300):
                    assert abs(read(driver, millivolts, 4)[0] - millivolts) <= 1
                assert read(create(pin=4, reference=3000), 3300, 4) == (3000, 1000)
        finally:
            log.write = kept
        assert len(asked) == len(lines) == 2  # of each driver
        assert " W analog this chip is not calibrated (" in lines[0]


def test_the_level_lies_between_the_two_points():
    with Board(machine.CalibratedADC):
        driver = create(pin=4, low=500, high=2500)
        for millivolts, level in ((500, 0), (1500, 500), (2500, 1000), (501, 1), (502, 1), (503, 2), (1003, 252)):
            assert read(driver, millivolts, 4) == (millivolts, level)


def test_the_two_points_may_be_the_other_way_round():
    with Board(machine.CalibratedADC):
        driver = create(pin=4, low=2800, high=1200)  # soil moisture: dry, wet
        for millivolts, level in ((2800, 0), (2000, 500), (1200, 1000)):
            assert read(driver, millivolts, 4) == (millivolts, level)


def test_beyond_the_two_points_the_level_goes_on():
    with Board(machine.CalibratedADC):
        assert read(create(pin=4, low=1000, high=2000), 900, 4)[1] == -100
        assert read(create(pin=4, low=1000, high=2000), 2100, 4)[1] == 1100
        assert read(create(pin=4, low=2800, high=1200), 1000, 4)[1] == 1125


def test_another_reference_scales_what_the_converter_compares_with_it():
    with Board(PLAIN):
        assert read(create(reference=3000), 3300) == (3000, 1000)
        assert read(create(reference=10000), 3300) == (10000, 1000)


def test_a_reading_is_the_mean_of_sixteen():
    class Noisy(PLAIN):
        def read_u16(self):
            self.calls = getattr(self, "calls", 0) + 1
            return 32768 + (4000 if self.calls % 2 else -4000)

    with Board(Noisy):
        driver = create()
        assert read(driver, 0)[0] == 1650
        assert driver._adc.calls == 16


def test_wrong_options_leave_the_driver_out_and_say_why():
    with Board(PLAIN):
        for options, why in (
            ({"pin": 15}, "pin 15 has no analog input"),
            ({"pin": 99}, "this board has no pin 99"),
            ({"low": "500"}, "low must be millivolts, a whole number from 0 to 10000"),
            ({"high": 2.5}, "high must be millivolts, a whole number from 0 to 10000"),
            ({"high": -1}, "high must be millivolts, a whole number from 0 to 10000"),
            ({"reference": 10001}, "reference must be millivolts, a whole number from 0 to 10000"),
            ({"low": 700, "high": 700}, "low and high must differ, and reference must not be 0"),
            ({"reference": 0, "high": 100}, "low and high must differ, and reference must not be 0"),
        ):
            assert refusal(**options) == why


def test_a_machine_without_a_converter_says_so():
    class Bare:
        Pin = machine.Pin

    with Board(PLAIN):
        sys.modules["machine"] = Bare
        assert refusal() == "this machine has no analog input"


def test_reading_touches_the_heap_not_even_for_a_moment():
    try:
        from micropython import mem_total
    except ImportError:
        return  # CPython

    class StillPlain(PLAIN):
        def read_u16(self):
            return 65535

    class StillCalibrated(machine.CalibratedADC):
        def read_uv(self):
            return 3100000

    for converter, pin in ((StillPlain, 26), (StillCalibrated, 4)):
        with Board(converter):
            driver = create(pin=pin, low=2800, high=1200, reference=10000)
            values = array("i", [0, 0])
            driver.read(values)
            before = mem_total()
            for _ in range(20):
                driver.read(values)
            assert mem_total() - before == 0
