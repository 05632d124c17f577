"""A kit on its first evening: MicroPython's own release on a Pico, its sensors at the pins, and every reading in the plot.

Its image, its libraries, its pins, USB and flash are the real ones or stand at that level; so are plotpost's commands.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host_tools import accounts
from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.plots import save_plot
from tests import processes
from tests.emulated.errors import Missing
from tests.emulated.firmware import stock
from tests.emulated.pico import Pico
from tests.faults.harness import stored_traces
from tests.usb import Bridge, Json, await_that

pytestmark = pytest.mark.emulated

AIR = [1, 200, 0, 213, 158]  # 21.3 degrees, 45.6 %
PROBE = {"rom": [0x28, 0x64, 0x1D, 0x8F, 0xDF, 0x18, 0x00, 0x0E], "sixteenths": -401}
STREAMS = ("temperature", "humidity", "water", "voltage", "level")
EXPECTED = {"temperature": 21.3, "humidity": 45.6, "water": -25.06, "voltage": 1.65, "level": 50.0}
SENSORS = [
    {"driver": "dht22", "pin": "GP15", "every": "2s", "channels": {c: {"stream": c} for c in ("temperature", "humidity")}},
    {"driver": "ds18b20", "pin": "GP4", "every": "2s", "channels": {"temperature": {"stream": "water"}}},
    {"driver": "analog", "pin": "GP26", "every": "1s", "channels": {c: {"stream": c} for c in ("voltage", "level")}},
]


@pytest.fixture
def board(emulator: None, tmp_path: Path) -> Iterator[Pico]:
    """A bare Pico, onto whose drive the release was copied."""
    try:
        image = stock.image()
    except Missing as missing:
        pytest.skip(str(missing))
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    with Pico("pico", bare=True, bootsel=drive) as board:
        board.control(sensors={"15": {"dht": [AIR]}, "4": {"probes": [PROBE]}, "26": {"millivolts": 1650}})
        shutil.copy(image, drive)
        board.await_usb()
        yield board


def configured(endpoint: ChildEndpoint, folder: Path) -> Path:
    """config.json, with secrets.json beside it, and a plot for them."""
    with accounts.opened(endpoint.data) as store, store.transaction():
        user, _ = accounts.owner(store)
        tokens = {stream: store.new_token(user) for stream in STREAMS}
        data = [{"x": [], "y": [], "name": name, "stream": {"token": token}} for name, token in tokens.items()]
        save_plot(store, user, data, {}, "evening", "new", "public")
    config: Json = {"version": 1, "board": "pico", "name": "evening", "endpoint": endpoint.url, "sensors": SENSORS}
    for name, content in (("config.json", config), ("secrets.json", {"version": 1, "tokens": tokens})):
        (folder / name).write_text(json.dumps(content))
        (folder / name).chmod(0o600)
    return folder / "config.json"


def test_what_the_sensors_say_is_in_the_plot(board: Pico, serve: Callable[..., ChildEndpoint], tmp_path: Path) -> None:
    endpoint = serve()
    config = configured(endpoint, tmp_path)
    for command in ("provision", "deploy"):
        done = processes.run(tmp_path, command, "--port", board.port, "--board", "pico", "--config", str(config))
        assert done.returncode == 0, done.stdout + done.stderr
    with accounts.opened(endpoint.data) as store, Bridge(Path(board.port)) as bridge:
        (plot,) = store.plots()
        await_that(lambda: min(map(len, stored_traces(store, plot.id))) >= 2, lambda: (bridge.log, bridge.notes))
        assert [line for line in bridge.log if line.level in "WE"] == []
        for (stream, value), values in zip(EXPECTED.items(), stored_traces(store, plot.id), strict=True):
            assert set(values) == {value}, stream
