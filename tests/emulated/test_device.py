"""host_tools/device.py at an emulated Pico: what holds a board up for a moment does not lose it."""

import pytest

from host_tools.device import Device
from tests.emulated.pico import Pico

pytestmark = pytest.mark.emulated


def test_a_board_that_stands_still_for_seconds_is_waited_for(pico: Pico) -> None:
    with Device.open(pico.port) as device:
        for _ in range(2):  # mpremote asks first which way of pasting the board knows
            pico.stand_still(2)
            assert device.run("print(6 * 7)") == "42\n"
