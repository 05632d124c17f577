"""The boot loader in the ROM of an ESP32, and esptool's stub after it, on a pseudo terminal: as much as esptool needs to write flash.

with RomLoader(ESP32, tmp_path / "ttyUSB0") as chip:
    ...                                       # esptool --port PORT write-flash 0x1000 image.bin
    assert chip.flash[0x1000:].startswith(image)

Protocol: "Serial Protocol" in esptool's documentation. The flash behaves as one: erased to ones by the sector, programming clears bits.
A pseudo terminal has no DTR and RTS, so the chip starts as if somebody had held BOOT; it cannot run what is written.
"""

import contextlib
import hashlib
import os
import pty
import select
import struct
import termios
import threading
import tty
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

FLASH_BYTES = 4 << 20
SECTOR = 4096

_END, _ESCAPE = b"\xc0", b"\xdb"
_MAGIC_REGISTER = 0x40001000
_CHECKSUM_SEED = 0xEF
_ROM_SYNC_VALUE = 0x20120707  # anything but the 0 of the stub
_FLASH_ID = 0x0040EF  # Winbond: manufacturer, type, capacity as a power of two, from the lowest byte
_SFDP = 0x50444653
_SPI_USR = 1 << 18
_OK, _UNKNOWN, _BAD_CHECKSUM = (0, 0), (1, 5), (1, 7)
_POLL_S = 0.2
_OUTPUT_SPEED = 5  # its place in what tcgetattr gives

Noise = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Chip:
    """How the loader of one kind of chip differs: `magic` is read where it gives no `security_id`; registers as esptool knows them."""

    name: str
    magic: int | None
    security_id: int | None
    spi: int
    spi_usr2: int
    spi_w0: int
    registers: dict[int, int] = field(default_factory=dict)


ESP32_C3_REVISION = 0x60008850  # EFUSE_RD_MAC_SPI_SYS_3: bits 18 to 20 are the minor one

# The clock divider of the UART, from which esptool takes the crystal's frequency: 40 MHz at 115200 baud.
ESP32 = Chip("ESP32", 0x00F01D83, None, 0x3FF42000, 0x24, 0x80, {0x3FF40014: 40_000_000 // 115_200})
ESP32_S2 = Chip("ESP32-S2", 0x000007C6, None, 0x3F402000, 0x20, 0x58)
ESP32_S3 = Chip("ESP32-S3", None, 9, 0x60002000, 0x20, 0x58)
ESP32_C3 = Chip("ESP32-C3", None, 5, 0x60002000, 0x20, 0x58, {ESP32_C3_REVISION: 4 << 18})  # v0.4
ESP32_C6 = Chip("ESP32-C6", None, 13, 0x60003000, 0x20, 0x58)


class RomLoader:
    """One board with this chip, plugged in within `with`; `port` is a link that is there while the cable is.

    `stuck`: {address: bits of its byte that stay 1}. `noise` changes what the chip hears; `noise_when_fast`: at more than 115200
    baud only. `cable_lost_after`: blocks of data, then the cable is pulled; with `comes_back` it is in again at once. `deaf`: the chip
    is not in its loader.
    """

    def __init__(self, chip: Chip, port: Path) -> None:
        self.chip = chip
        self.port = port
        self.flash = bytearray(b"\xff" * FLASH_BYTES)
        self.registers = {_MAGIC_REGISTER: chip.magic or 0, **chip.registers}
        self.capacity = FLASH_BYTES.bit_length() - 1
        self.stuck: dict[int, int] = {}
        self.noise: Noise | None = None
        self.noise_when_fast = False
        self.cable_lost_after: int | None = None
        self.comes_back = False
        self.deaf = False
        self.whole_erases = 0
        self.refused_blocks = 0
        self.bauds: list[int] = []
        self.written_at: list[int] = []
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.pull_out()

    def plug_in(self) -> None:
        """With BOOT held: the chip is in its loader."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self._is_stub = False
        self._plugged = True
        self.port.symlink_to(os.ttyname(self._slave))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def pull_out(self) -> None:
        if self._thread is not None:
            self._plugged = False
            self._thread.join()
            self._thread = None

    def _listen(self) -> None:
        heard = b""
        while self._plugged:
            if not select.select([self._master], [], [], _POLL_S)[0]:
                continue
            data = os.read(self._master, 4096)
            heard += self.noise(data) if self.noise and self._is_noisy() else data
            *packets, heard = heard.split(_END)
            for packet in packets:
                if packet and self._plugged and not self.deaf:
                    self._obey(packet.replace(b"\xdb\xdc", _END).replace(b"\xdb\xdd", _ESCAPE))
        self.port.unlink()
        os.close(self._slave)
        os.close(self._master)
        if self.comes_back:
            self.comes_back = False
            self.plug_in()

    def _is_noisy(self) -> bool:
        return not self.noise_when_fast or termios.tcgetattr(self._slave)[_OUTPUT_SPEED] > termios.B115200

    def _obey(self, packet: bytes) -> None:
        if len(packet) < 8 or packet[0] != 0:
            return
        _, code, length, checksum = struct.unpack("<BBHI", packet[:8])
        data = packet[8:]
        command = _COMMANDS.get(code)
        if len(data) != length:
            return
        if command is None or (code >= _FIRST_OF_STUB and not self._is_stub):
            self._refuse()
        elif code in _WITH_CHECKSUM and _checksum(data[16:]) != checksum:
            self.refused_blocks += 1
            self._answer(code, status=_BAD_CHECKSUM)
        else:
            command(self, code, data)

    def _answer(self, code: int, value: int = 0, data: bytes = b"", status: tuple[int, int] = _OK) -> None:
        reserved = b"" if self._is_stub else b"\0\0"
        body = data + bytes(status) + reserved
        self._send(struct.pack("<BBHI", 1, code, len(body), value) + body)

    def _refuse(self) -> None:
        """What the ROM says to a command that it does not know."""
        for _ in range(8):
            self._answer(0, status=_UNKNOWN)

    def _send(self, packet: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._master, _END + packet.replace(_ESCAPE, b"\xdb\xdd").replace(_END, b"\xdb\xdc") + _END)

    def _done(self, code: int, data: bytes) -> None:
        self._answer(code)

    def _sync(self, code: int, data: bytes) -> None:
        for _ in range(8):
            self._answer(code, 0 if self._is_stub else _ROM_SYNC_VALUE)

    def _security_info(self, code: int, data: bytes) -> None:
        if self.chip.security_id is None:
            self._refuse()
        else:
            self._answer(code, data=struct.pack("<I8BII", 0, *[0] * 8, self.chip.security_id, 0))

    def _read_register(self, code: int, data: bytes) -> None:
        self._answer(code, self.registers.get(struct.unpack("<I", data)[0], 0))

    def _write_register(self, code: int, data: bytes) -> None:
        for start in range(0, len(data), 16):
            address, value, mask, _ = struct.unpack("<IIII", data[start : start + 16])
            self.registers[address] = (self.registers.get(address, 0) & ~mask) | (value & mask)
            if address == self.chip.spi and value & _SPI_USR:
                self._spi_command()
        self._answer(code)

    def _spi_command(self) -> None:
        """The flash chip's own commands: its id (0x9F), its parameters (0x5A)."""
        spi = self.chip.spi
        command = self.registers.get(spi + self.chip.spi_usr2, 0) & 0xFF
        self.registers[spi + self.chip.spi_w0] = {0x9F: _FLASH_ID | self.capacity << 16, 0x5A: _SFDP}.get(command, 0)
        self.registers[spi] = 0

    def _run_from_ram(self, code: int, data: bytes) -> None:
        """esptool has uploaded its stub, which greets."""
        self._answer(code)
        self._is_stub = True
        self._send(b"OHAI")

    def _change_baud(self, code: int, data: bytes) -> None:
        self.bauds.append(struct.unpack("<II", data)[0])
        self._answer(code)

    def _end(self, code: int, data: bytes) -> None:
        """With a 0 the stub hands back to the ROM."""
        self._answer(code)
        self._is_stub = self._is_stub and data[:4] != bytes(4)

    def _begin(self, code: int, data: bytes) -> None:
        size, _, _, self._position = struct.unpack("<IIII", data[:16])
        if size:
            self.written_at.append(self._position)
        self._erase(self._position, size)
        self._inflate = zlib.decompressobj()
        self._answer(code)

    def _flash_data(self, code: int, data: bytes) -> None:
        self._program(data[16:])
        self._answer(code)

    def _deflated_data(self, code: int, data: bytes) -> None:
        self._program(self._inflate.decompress(data[16:]))
        self._count_block()
        if self._plugged:
            self._answer(code)

    def _count_block(self) -> None:
        if self.cable_lost_after is not None:
            self.cable_lost_after -= 1
            self._plugged = self.cable_lost_after > 0
            self.cable_lost_after = self.cable_lost_after or None

    def _md5(self, code: int, data: bytes) -> None:
        address, size, _, _ = struct.unpack("<IIII", data)
        digest = hashlib.md5(self.flash[address : address + size])
        self._answer(code, data=digest.digest() if self._is_stub else digest.hexdigest().encode())

    def _erase_all(self, code: int, data: bytes) -> None:
        self.whole_erases += 1
        self._erase(0, FLASH_BYTES)
        self._answer(code)

    def _erase(self, start: int, size: int) -> None:
        start -= start % SECTOR
        size += -size % SECTOR
        self.flash[start : start + size] = b"\xff" * size

    def _program(self, content: bytes) -> None:
        start, end = self._position, self._position + len(content)
        self.flash[start:end] = bytes(old & new for old, new in zip(self.flash[start:end], content, strict=True))
        self._position = end
        for address, bits in self.stuck.items():
            self.flash[address] |= bits


def _checksum(data: bytes) -> int:
    total = _CHECKSUM_SEED
    for byte in data:
        total ^= byte
    return total


_FIRST_OF_STUB = 0xD0
_WITH_CHECKSUM = (0x03, 0x07, 0x11)
_COMMANDS: dict[int, Callable[[RomLoader, int, bytes], None]] = {
    0x02: RomLoader._begin,
    0x03: RomLoader._flash_data,
    0x04: RomLoader._end,
    0x05: RomLoader._done,
    0x06: RomLoader._run_from_ram,
    0x07: RomLoader._done,
    0x08: RomLoader._sync,
    0x09: RomLoader._write_register,
    0x0A: RomLoader._read_register,
    0x0B: RomLoader._done,
    0x0D: RomLoader._done,
    0x0F: RomLoader._change_baud,
    0x10: RomLoader._begin,
    0x11: RomLoader._deflated_data,
    0x12: RomLoader._done,
    0x13: RomLoader._md5,
    0x14: RomLoader._security_info,
    0xD0: RomLoader._erase_all,
}
