"""Serial ports are looked at before they are opened, on every system."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mpremote.transport import TransportError

from host_tools import boards, device


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (
        device.trouble(str(tmp_path / "file"))
        == f"{tmp_path}/file is not a serial port; `plotpost ports` lists those that there are"
    )


@pytest.mark.parametrize("port", ["/dev/null", "/dev/zero"])
def test_a_device_that_is_no_serial_port_is_not_taken_for_one_in_use(port: str) -> None:
    with pytest.raises(device.PortError, match=rf"^{port} is not a serial port; `plotpost ports` lists those that there are$"):
        device.connect(port)


def test_a_board_that_is_not_known_is_what_the_user_says_or_must_be_named() -> None:
    facts = device.Facts((1, 28, 0), "rp2", 0, "BADGER", "Badger with RP2040", "", 200)
    assert device.recognised(facts, boards.load("pico_w")).name == "pico_w"
    with pytest.raises(device.DeviceError, match=r"^plotpost does not know Badger with RP2040: name one like it with --board$"):
        device.recognised(facts)
    pico = replace(facts, build="RPI_PICO")
    assert device.recognised(pico, boards.load("pico_w")).name == "pico"


def test_nothing_but_the_error_tells_of_a_board_that_answers_amiss(capsys: pytest.CaptureFixture[str]) -> None:
    def exec_raw(code: str, **options: object) -> None:
        print(b"what mpremote did not expect")
        raise TransportError("could not enter raw repl")

    transport: Any = SimpleNamespace(exec_raw=exec_raw)
    with pytest.raises(device.Lost, match=r"^the board at ttyACM0 went away \(could not enter raw repl\): check the cable"):
        device.Device("ttyACM0", transport).run("print()")
    assert capsys.readouterr().out == ""


def test_on_windows_a_port_is_known_by_its_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    monkeypatch.setattr(device, "comports", lambda: [SimpleNamespace(device="COM3")])
    assert device.trouble("COM3") is None
    assert str(device.trouble("COM4")).startswith("there is no port COM4: plug the board in")
