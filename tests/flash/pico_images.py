"""Firmware for Picos: a UF2 that names its MicroPython and its build, and does not run."""

from pathlib import Path

from tests.emulated.firmware import uf2

NAME = "RPI_PICO-20260406-v1.28.0.uf2"


def firmware(build: str = "RPI_PICO", version: str = "1.28.0", family: int = uf2.RP2040, size: int = 100_000) -> bytes:
    said = f"\0{build}\0003.4.0; MicroPython v{version} on 2026-04-06\0".encode()
    return uf2.make(said.rjust(size, b"\x55"), family)


def saved(folder: Path, name: str = NAME, **told: str) -> Path:
    path = folder / name
    path.write_bytes(firmware(**told))  # type: ignore[arg-type]
    return path
