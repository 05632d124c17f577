"""DHTs on a Raspberry Pi, and Adafruit's library as the judge of our own decoding: both get the same trains of pulses."""

import importlib
import signal
import sys
from array import array
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plotpost import sensors

from host_tools import resources

pytestmark = pytest.mark.skipif(find_spec("adafruit_dht") is None, reason="adafruit-circuitpython-dht is for Linux")

CHECKSUM = "Checksum did not validate. Try again."
IMPLAUSIBLE = "Received unplausible data. Try again."
START_US = {"DHT11": 18000, "DHT22": 800}


@pytest.fixture(scope="module")
def pi() -> Iterator[Any]:
    """tests/raspberry_pi.py, in which this machine has the header of one."""
    handler, path = signal.getsignal(signal.SIGTERM), list(sys.path)
    module: Any = importlib.import_module("tests.raspberry_pi")
    chip, paths = module.gpiod.Chip, module._pins._chip_paths
    module.install()
    sys.path += [str(Path(__file__).parent / "simulated"), str(resources.hardware())]
    yield module
    module.gpiod.Chip, module._pins._chip_paths = chip, paths
    sys.path[:] = path
    signal.signal(signal.SIGTERM, handler)  # which Blinka takes


@pytest.fixture
def no_micropython(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module `dht` of host_tools/hardware is not there, as on a Raspberry Pi."""
    monkeypatch.setitem(sys.modules, "dht", None)


def plug(pi: Any, kind: str, frame: bytes | None, **part: int) -> None:
    pi.wires.cut_all()
    pi.wires.wire(pi.PIN).parts.append(pi.dht_part.Part(frame, START_US[kind], **part))


def read(driver: Any) -> tuple[int, int]:
    """Temperature and humidity, in tenths."""
    values = array("i", [0, 0])
    driver.read(values)
    return values[0], values[1]


def ours(pi: Any, kind: str, frame: bytes, **part: int) -> tuple[int, int] | str:
    """What the firmware makes of micropython-lib's frame, or the beginning of its complaint."""
    machine: Any = _fresh("machine")
    with machine.Plugged():
        plug(pi, kind, frame, **part)
        driver = sensors.create({"driver": kind.lower(), "options": {"pin": pi.PIN}})
        try:
            return read(driver)
        except ValueError as error:
            return str(error)


def _fresh(name: str) -> ModuleType:
    sys.modules.pop(name, None)
    return importlib.import_module(name)


def theirs(pi: Any, kind: str, frame: bytes, **part: int) -> tuple[float, float] | str:
    """What Adafruit's library makes of the lengths of the pulses, in degrees and percent, or its complaint."""
    plug(pi, kind, frame, **part)
    reader = getattr(pi.adafruit_dht, kind)(pi.board.D4, use_pulseio=True)
    try:
        return reader.temperature, reader.humidity
    except RuntimeError as error:
        return str(error)


def with_checksum(body: list[int]) -> bytes:
    return bytes([*body, sum(body) & 255])


@given(temperature=st.integers(0, 1250), below=st.booleans(), humidity=st.integers(0, 1000), stretch=st.integers(-15, 15))
def test_both_read_the_same_from_a_dht22(pi: Any, temperature: int, below: bool, humidity: int, stretch: int) -> None:
    if below:
        temperature %= 401
    frame = pi.dht_part.frame(humidity, temperature, below)
    expected = (-temperature if below else temperature), humidity
    assert ours(pi, "DHT22", frame, stretch=stretch) == expected
    told = theirs(pi, "DHT22", frame, stretch=stretch)
    assert told == pytest.approx((expected[0] / 10, expected[1] / 10), abs=1e-9)


@given(humidity=st.integers(0, 100), degrees=st.integers(0, 59), decimal=st.integers(0, 9), stretch=st.integers(-15, 15))
def test_both_read_the_same_from_a_dht11(pi: Any, humidity: int, degrees: int, decimal: int, stretch: int) -> None:
    frame = with_checksum([humidity, 0, degrees, decimal])
    assert ours(pi, "DHT11", frame, stretch=stretch) == (10 * degrees + decimal, 10 * humidity)
    assert theirs(pi, "DHT11", frame, stretch=stretch) == pytest.approx((degrees + decimal / 10, humidity), abs=1e-9)


@given(body=st.lists(st.integers(0, 255), min_size=5, max_size=5), kind=st.sampled_from(["DHT11", "DHT22"]))
def test_both_refuse_a_wrong_checksum_and_only_that(pi: Any, body: list[int], kind: str) -> None:
    told = str(ours(pi, kind, bytes(body)))
    assert told.startswith("wrong checksum") == (theirs(pi, kind, bytes(body)) == CHECKSUM)
    right = with_checksum(body[:4])
    assert not str(ours(pi, kind, right)).startswith("wrong checksum")
    assert theirs(pi, kind, right) != CHECKSUM


@given(humidity=st.integers(1001, 0xFFFF))
def test_both_refuse_more_than_all_humidity(pi: Any, humidity: int) -> None:
    frame = pi.dht_part.frame(humidity, 213)
    assert ours(pi, "DHT22", frame) == "no DHT22 measures that: is it another part?"
    assert theirs(pi, "DHT22", frame) == IMPLAUSIBLE


@given(temperature=st.integers(-400, 1250), humidity=st.integers(0, 1000))
@settings(max_examples=10)  # a quarter of a simulated second of looks at the line, each
def test_the_firmware_reads_a_dht22_through_blinka(pi: Any, temperature: int, humidity: int) -> None:
    plug(pi, "DHT22", pi.dht_part.frame(humidity, abs(temperature), temperature < 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "dht", None)
        assert read(sensors.create({"driver": "dht22", "options": {"pin": 4}})) == (temperature, humidity)


def test_every_reading_on_a_raspberry_pi_is_a_new_one_also_after_a_failure(pi: Any, no_micropython: None) -> None:
    driver = sensors.create({"driver": "dht22", "options": {"pin": 4}})
    plug(pi, "DHT22", pi.dht_part.frame(456, 213))
    assert read(driver) == (213, 456)
    plug(pi, "DHT22", b"\x01\xc8\x00\xd5\x00")
    for _ in range(2):
        with pytest.raises(ValueError, match="Checksum did not validate"):
            read(driver)
    plug(pi, "DHT22", pi.dht_part.frame(457, 214))
    assert read(driver) == (214, 457)


def test_silence_on_a_raspberry_pi_says_what_to_look_at(pi: Any, no_micropython: None) -> None:
    plug(pi, "DHT11", None)
    with pytest.raises(OSError, match=r"no answer on pin 4: check its three wires, and the pull-up of 10 kOhm"):
        read(sensors.create({"driver": "dht11", "options": {"pin": 4}}))


def test_a_train_that_breaks_off_on_a_raspberry_pi_is_no_reading(pi: Any, no_micropython: None) -> None:
    plug(pi, "DHT22", pi.dht_part.frame(456, 213), bits=30)
    with pytest.raises(ValueError, match="A full buffer was not returned"):
        read(sensors.create({"driver": "dht22", "options": {"pin": 4}}))


def test_a_pin_that_a_raspberry_pi_lacks_leaves_the_driver_out(pi: Any, no_micropython: None) -> None:
    with pytest.raises(sensors.Absent, match="this board has no pin 99"):
        sensors.create({"driver": "dht22", "options": {"pin": 99}})
