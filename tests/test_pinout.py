"""The drawing of a header: every pin at its place, with what it can do, in 80 columns."""

import re

import pytest

from host_tools import boards, pinout
from host_tools.boards import Board

WITH_HEADER = [board.name for board in boards.load_all().values() if board.header]
ROW = re.compile(r"(?P<uses>.*?) +(?P<left>\w+)!? +(?P<here>\d+) \|o +o\| (?P<there>\d+) +(?P<right>\w+)!?(?P<right_uses>.*)")


def _drawn(board: Board) -> list[str]:
    return [line.plain for line in pinout.drawn(board)]


@pytest.mark.parametrize("name", WITH_HEADER)
def test_each_pin_stands_at_its_place(name: str) -> None:
    board = boards.load(name)
    assert board.header
    top, *rows, bottom = _drawn(board)
    assert ("USB" in top, "USB" in bottom) == (board.header.usb == "top", board.header.usb == "bottom")
    matches = [ROW.fullmatch(row) for row in rows]
    seen = [(match["left"], int(match["here"]), match["right"], int(match["there"])) for match in matches if match]
    assert seen == list(board.header.rows())


@pytest.mark.parametrize("name", WITH_HEADER)
def test_the_drawing_fits_a_terminal(name: str) -> None:
    lines = _drawn(boards.load(name))
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line != line.rstrip()] == []
    assert "".join(lines).isascii()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("pico", " SDA0 MISO0 TX0      GP0  1 |o      o| 40 VBUS"),
        ("pico", "   SCL0 CS0 RX1      GP5  7 |o      o| 34 GP28     ADC2 SDA0 MISO1 TX0"),
        ("pico2", " SDA1 SCK0 CTS0 TX0      GP2  4 |o      o| 37 3V3_EN"),  # a UART that the RP2040 has not
        ("esp32", "input only ADC0  GPIO36  3 |o      o| 3  GPIO22"),
        ("esp32", "     ADC* TOUCH GPIO12! 13 |o      o| 13 GPIO4   ADC* TOUCH"),  # beside WiFi neither can be read
        ("esp32", "          taken   GPIO9 16 |o      o| 16 GPIO15! ADC* TOUCH"),
        ("raspberry_pi", "          GPIO4  7 |o      o| 8  GPIO14 TX0"),
    ],
)
def test_a_row_says_what_its_pins_can_do(name: str, line: str) -> None:
    assert line in _drawn(boards.load(name))


def test_the_legend_explains_the_words_that_are_used() -> None:
    assert pinout.legend(boards.load("pico")) == (
        "SDA, SCL are I2C; SCK, MOSI, MISO, CS are SPI; TX, RX, CTS, RTS are UART; ADC is analog input"
    )
    assert "taken leads to a part of the board" in pinout.legend(boards.load("esp32"))
    assert "! has a say in how the chip starts" in pinout.legend(boards.load("esp32_c3"))
    assert "ADC*" not in pinout.legend(boards.load("esp32_c3"))
    assert "ADC* reads only while WiFi is off" in pinout.legend(boards.load("esp32_s3"))


def test_pins_that_are_led_out_elsewhere_alone_are_named() -> None:
    assert pinout.beside(boards.load("esp32")) == ["GPIO37", "GPIO38"]
    assert pinout.beside(boards.load("raspberry_pi")) == []


def test_a_board_without_a_known_header_is_not_drawn() -> None:
    assert _drawn(boards.load("linux")) == []
