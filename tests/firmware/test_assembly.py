"""assembly.py: one part that the chip refuses leaves the others at work, on MicroPython and on CPython."""

from plotpost import assembly, log
from plotpost.sensors import Absent


class Config:
    def __init__(self):
        names = ("broken", "whole")
        self.sensors = [{"driver": name, "every_ms": 1000, "options": {}, "channels": {"x": "s"}} for name in names]
        self.tokens = {"s": "abcdefghij"}


class Driver:
    CHANNELS = (("x", "", 0),)


def test_a_sensor_that_cannot_be_made_is_left_out_whatever_the_chip_raises_and_the_others_go_on():
    errors = (
        (Absent("no such part"), "broken left out: no such part"),
        (ValueError("invalid pin"), "broken left out: invalid pin"),
        (OSError(-258, "ESP_ERR_INVALID_ARG"), "broken left out: OSError at test_assembly.py:"),
        (OSError(1), "Error at test_assembly.py:"),  # CPython makes a PermissionError of it
        (RuntimeError("a secret"), "broken left out: RuntimeError at test_assembly.py:"),
        (TypeError(), "broken left out: TypeError at test_assembly.py:"),
    )
    for error, words in errors:
        lines = []
        kept, assembly.drivers = assembly.drivers, Registry(error)
        log.write = lines.append
        try:
            channels, slots = assembly.sensors(Config())
        finally:
            log.write = print
            assembly.drivers = kept
        assert [slot.name for slot in slots] == ["whole[1]"]
        assert len(channels) == 1
        (line,) = lines
        assert " W agent " in line and words in line, line
        assert "a secret" not in line


class Registry:
    """In place of plotpost.sensors: the driver "broken" cannot be made."""

    Absent = Absent

    def __init__(self, error):
        self._error = error

    def create(self, spec):
        if spec["driver"] == "broken":
            raise self._error
        return Driver()
