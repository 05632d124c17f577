"""An emulated ESP32.

with Esp32("esp32_c3") as board:
    board.control(fail={"call": "esp_wifi_connect", "value": 12295})
"""

from pathlib import Path
from typing import Any, Literal

from tests.emulated.board import Board
from tests.emulated.firmware import firmware
from tests.emulated.network import Network

Esp32Name = Literal["esp32", "esp32_s2", "esp32_s3", "esp32_c3", "esp32_c6"]
Console = Literal["uart", "usb"]
Files = Literal["littlefs", "fat"]


class Esp32(Board):
    """`console` is its serial port: a UART behind a chip that is always there, which the classic has, or the chip's own USB.

    `files` is what its file system is: littlefs as in MicroPython's images, or FAT, which a partition called ffat makes it.
    """

    def __init__(
        self,
        name: Esp32Name = "esp32",
        flash: Path | None = None,
        network: Network | None = None,
        *,
        console: Console | None = None,
        files: Files = "littlefs",
    ) -> None:
        self._files = files
        self._console = console or ("uart" if name == "esp32" else "usb")
        super().__init__(name, flash, network or Network(), comes_and_goes=self._console == "usb")

    def _firmware(self) -> Path:
        return firmware(self.name)

    def _settings(self, folder: Path) -> dict[str, Any]:
        return {"console": self._console, "files": self._files, "rtc": str(folder / "rtc")}
