"""An emulated ESP32 behaves as a real one does: its radio's answers, its sockets, resets and sleep, both kinds of serial port."""

import errno
import os
import select
import socket
import time
from collections.abc import Iterator

import pytest

from tests.emulated.board import Board
from tests.emulated.errors import BoardError
from tests.emulated.esp32 import Esp32, Esp32Name

pytestmark = pytest.mark.emulated

AWAIT_S = 60
PRINTED_BY_THE_ROM = b"rst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)"

JOIN = """
import network, select, socket, time
wlan = network.WLAN()
wlan.active(True)
wlan.config(reconnects=0)
def join(key='emulated-key', ssid='lab'):
    wlan.connect(ssid, key)
    while wlan.status() == network.STAT_CONNECTING:
        time.sleep_ms(10)
    return wlan.status()
"""
CAUSE = "import machine; print(machine.reset_cause(), machine.RTC().memory())"
POWER_ON, HARD, WATCHDOG, DEEP_SLEEP = 1, 2, 3, 4  # modmachine.c
NO_MEMORY = 0x101  # ESP_ERR_NO_MEM
WIFI_STATE = 0x3006  # ESP_ERR_WIFI_STATE


@pytest.fixture(scope="module", params=["esp32", "esp32_c3"])
def board(emulator: None, request: pytest.FixtureRequest) -> Iterator[Board]:
    name: Esp32Name = request.param
    with Esp32(name) as board:
        board.run("pass")  # it makes its file system at its first start, and is not to be reset in the middle of that
        yield board


def life(board: Board) -> tuple[int, str]:
    """Why it began, for the program; and what the RTC memory holds."""
    cause, memory = board.run(CAUSE, fresh=False).split(maxsplit=1)
    return int(cause), memory.strip()


def end_life(board: Board, code: str, resets: int = 1) -> None:
    """Runs a program that ends in so many resets, and waits until the board is there again."""
    before = board.stats()["resets"]
    board.mpremote("exec", "--no-follow", f"import machine; machine.RTC().memory(b'kept'); {code}")
    board.await_usb(before + resets)


@pytest.mark.parametrize(
    ("reason", "status"),
    [(2, 2), (15, 15), (202, 202), (204, 204), (205, 202), (210, 210), (211, 211), (212, 212)],
)
def test_every_reason_for_which_a_key_is_refused_reaches_the_program(board: Board, reason: int, status: int) -> None:
    board.control(reason=reason, power="reset")  # without that, the reason before is told until there is another
    board.await_usb()
    assert board.run(JOIN + "print(join('wrong-password'))") == f"{status}\n"


def test_a_network_that_is_not_there_is_another_reason(board: Board) -> None:
    board.reset()
    assert board.run(JOIN + "print(join(ssid='nowhere') == network.STAT_NO_AP_FOUND)") == "True\n"


def test_a_scan_shows_the_network_unless_it_hides_and_a_hidden_one_is_joined(board: Board) -> None:
    board.control(hidden=True, rssi=-71, power="reset")
    board.await_usb()
    scan = "print([(ap[0], ap[3]) for ap in wlan.scan()], join() == network.STAT_GOT_IP, wlan.status('rssi'))"
    assert board.run(JOIN + scan) == "[(b'', -71)] True -71\n"
    board.control(hidden=False)


def test_names_are_resolved_by_dns_and_local_ones_by_themselves(board: Board) -> None:
    board.control(hosts={"host.test": ["10.0.2.2"], "desk.local": "10.0.2.7", "gone.test": None})
    ask = "join()\nprint([socket.getaddrinfo(name, 80)[0][-1][0] for name in ('host.test', 'desk.local')])"
    assert board.run(JOIN + ask) == "['10.0.2.2', '10.0.2.7']\n"
    with pytest.raises(BoardError, match="OSError: -202"):
        board.run(JOIN + "join(); socket.getaddrinfo('gone.test', 80)")


def test_a_refused_connection_looks_open_to_poll_and_is_broken_for_the_first_write(board: Board) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    code = (
        f"join()\ns = socket.socket(); s.setblocking(False)\ntry: s.connect(('10.0.2.2', {port}))\nexcept OSError: pass\n"
        "poll = select.poll(); poll.register(s, select.POLLOUT)\nprint(poll.poll(5000)[0][1] == select.POLLOUT)\n"
        "try: s.write(b'x')\nexcept OSError as error: print(error.errno)"
    )
    assert board.run(JOIN + code) == f"True\n{errno.ECONNRESET}\n"


def test_a_reset_by_its_pin_or_a_power_cut_takes_the_rtc_memory_with_it(board: Board) -> None:
    for power in ("reset", "cut"):
        board.run("import machine; machine.RTC().memory(b'gone')")
        board.control(power=power)
        board.power_on()
        assert life(board) == (POWER_ON, "b''")


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("machine.reset()", HARD),
        ("machine.WDT(timeout=500); import time; time.sleep(60)", WATCHDOG),
    ],
)
def test_other_resets_leave_the_rtc_memory_and_say_why(board: Board, code: str, cause: int) -> None:
    end_life(board, code)
    assert life(board) == (cause, "b'kept'")


def test_a_panic_looks_like_a_reset_by_the_program(board: Board) -> None:
    before = board.stats()["panics"]
    board.control(fail={"call": "esp_wifi_start", "value": "panic"})
    end_life(board, "import network; network.WLAN().active(True)")
    assert board.stats()["panics"] == before + 1
    assert life(board) == (HARD, "b'kept'")


def test_a_chip_that_always_panics_does_so_in_each_life_until_it_is_lifted(board: Board) -> None:
    board.run("with open('main.py', 'w') as main: main.write('import network; network.WLAN().active(True)')")
    before = board.stats()["panics"]
    board.control(fail={"call": "esp_wifi_start", "value": "panic", "times": None}, power="reset")
    deadline = time.monotonic() + AWAIT_S
    while board.stats()["panics"] < before + 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    board.control(fail={"call": "esp_wifi_start", "value": 0, "times": 0}, power="reset")
    board.await_usb()
    board.mpremote("fs", "rm", ":main.py")


def test_a_call_that_never_returns_is_ended_by_the_watchdog(board: Board) -> None:
    board.control(fail={"call": "esp_wifi_connect", "value": "hang"})
    end_life(board, "import network; w = network.WLAN(); w.active(True); machine.WDT(timeout=500); w.connect('lab', 'password')")
    assert life(board)[0] == WATCHDOG


def test_a_call_fails_as_often_as_it_is_told_to(board: Board) -> None:
    board.control(fail={"call": "esp_wifi_connect", "value": WIFI_STATE, "times": 2})
    code = "for _ in range(3):\n try: print(join())\n except (OSError, RuntimeError) as error: print(error)"
    said = board.run(JOIN + code).splitlines()
    assert said[0] == said[1] != said[2]
    assert "Wifi" in said[0]


def test_deep_sleep_keeps_the_rtc_memory_and_ends_by_itself_or_when_woken(board: Board) -> None:
    sleeps = board.stats()["sleeps"]
    board.mpremote("exec", "--no-follow", "import machine; machine.RTC().memory(b'kept'); machine.deepsleep(300)")
    board.await_status(sleeps=sleeps + 1, asleep=False, cause="deepsleep", usb=True)
    assert life(board) == (DEEP_SLEEP, "b'kept'")
    resets = board.stats()["resets"]
    board.mpremote("exec", "--no-follow", "import machine; machine.deepsleep(3600000)")
    board.await_status(asleep=True, usb=False)
    board.control(wake=True)
    board.await_usb()
    assert life(board) == (DEEP_SLEEP, "b'kept'")
    assert board.stats()["resets"] == resets


def test_files_outlast_a_power_cut_in_the_middle_of_a_write(board: Board) -> None:
    board.run("with open('torn.txt', 'w') as file: file.write('old' * 500)")
    board.control(cut_after=3)
    board.mpremote("exec", "--no-follow", "while True:\n with open('torn.txt', 'w') as file: file.write('new' * 500)")
    board.await_status(powered=False)
    board.power_on()
    assert board.mpremote("fs", "cat", ":torn.txt") in ("old" * 500, "new" * 500)


def test_pins_show_what_hangs_on_them(board: Board) -> None:
    converter = 32 if board.name == "esp32" else 3
    board.control(sensors={str(converter): {"millivolts": 1650}, "4": {"dht": [[1, 200, 0, 213, 158]]}, "5": {"level": 1}})
    code = (
        "from machine import ADC, Pin, dht_readinto\n"
        f"print(ADC(Pin({converter}), atten=ADC.ATTN_11DB).read_uv() // 1000, Pin(5, Pin.IN).value())\n"
        "frame = bytearray(5); dht_readinto(Pin(4, Pin.OPEN_DRAIN), frame); print(list(frame))"
    )
    assert board.run(code) == "1650 1\n[1, 200, 0, 213, 158]\n"
    with pytest.raises(BoardError, match="millivolts, level, dht"):
        board.control(sensors={"4": {"probes": []}})


def test_a_uart_stays_over_a_reset_and_shows_the_roms_words(emulator: None) -> None:
    with Esp32("esp32") as board:
        port = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
        board.mpremote("exec", "--no-follow", "import machine; machine.reset()")
        board.await_usb(1)
        assert PRINTED_BY_THE_ROM in _until(port, b">>> ")
        os.write(port, b"print(6 * 7)\r")
        assert b"42" in _until(port, b"42\r\n>>> ")
        os.close(port)


def test_usb_goes_and_comes_with_each_life(emulator: None) -> None:
    with Esp32("esp32_c3") as board:
        assert os.path.exists(board.port)
        board.mpremote("exec", "--no-follow", "import machine; machine.deepsleep()")
        board.await_status(asleep=True)
        assert not os.path.exists(board.port)
        board.control(wake=True)
        board.await_usb()
        assert os.path.exists(board.port)
        board.power_cut()
        assert not os.path.exists(board.port)


def _until(port: int, ending: bytes) -> bytes:
    """What comes until this does."""
    said = b""
    deadline = time.monotonic() + AWAIT_S
    while ending not in said:
        ready, _, _ = select.select([port], [], [], max(0, deadline - time.monotonic()))
        assert ready, said
        said += os.read(port, 4096)
    return said
