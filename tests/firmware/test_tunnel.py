"""frames.py and tunnel.py over a real socket in place of the cable, on MicroPython and on CPython; the bridge's end is played by hand.

The frames here are made and read by a few lines of their own, after docs/bridge.md.
"""

import errno
import select
import socket
import time

from plotpost import delivery, log, status, tunnel
from plotpost.tunnel import Tunnel

HELLO, OPEN, OPENED, REFUSED, DATA, CREDIT, CLOSE, LOG, PING, BYE = range(0x81, 0x8B)
START, END, ESCAPE = b"\xfe", b"\xff", 0xFD
ADDRESS = "http://192.168.1.10:8050"


def digits(value, count):
    return bytes([0x80 | value >> 6 * i & 63 for i in range(count - 1, -1, -1)])


def number(some):
    value = 0
    for digit in some:
        value = value << 6 | digit & 63
    return value


def crc(data):
    """CRC-16/IBM-3740, a bit at a time."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def frame(kind, count, payload=b""):
    body = digits(len(payload), 2) + bytes([kind]) + digits(count, 1) + payload
    stuffed = b""
    for byte in body + digits(crc(body), 3):
        stuffed += bytes([ESCAPE, byte ^ 64]) if byte < 32 or byte >= ESCAPE else bytes([byte])
    return START + stuffed + END


def frames(data):
    """(kind, number, payload) of each frame; all of them must be whole, with nothing between."""
    found = []
    while data:
        assert data[:1] == START, data
        end = data.index(END)
        body = b""
        i = 1
        while i < end:
            i += data[i] == ESCAPE
            body += bytes([data[i] ^ 64]) if data[i - 1] == ESCAPE else data[i : i + 1]
            i += 1
        assert number(body[-3:]) == crc(body[:-3])
        assert number(body[:2]) == len(body) - 7
        found.append((body[2], body[3] & 63, body[4:-3]))
        data = data[end + 1 :]
    return found


class Cable:
    """Two connected sockets."""

    def __init__(self):
        listener = socket.socket()
        for port in range(20000 + time.time_ns() // 1000 % 10000, 32000):
            try:
                address = socket.getaddrinfo("127.0.0.1", port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]
                listener.bind(address)
                break
            except OSError:
                pass
        listener.listen(1)
        self.board = socket.socket()
        self.board.connect(address)
        self.host = listener.accept()[0]
        listener.close()
        for end in (self.board, self.host):
            end.setsockopt(6, 1, 1)  # TCP_NODELAY: a cable does not wait for more either
        self.board.setblocking(False)
        self.host.setblocking(False)

    def close(self):
        self.board.close()
        self.host.close()


class Bed:
    """A board with a tunnel, and what the bridge sends and gets. Time is a number that the test moves."""

    def __init__(self):
        self.cable = Cable()
        self.now = 0
        self.plain = []
        self._saved = log.write, log.uptime, tunnel.ticks_ms
        log.write = self.plain.append
        log.uptime = lambda: (2, 0)  # lines of one length, however long the tests run
        tunnel.ticks_ms = lambda: self.now
        self.tunnel = Tunnel(self.cable.board, self.cable.board)
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        log.write, log.uptime, tunnel.ticks_ms = self._saved
        self.cable.close()

    def put(self, data):
        """Bytes from the bridge, all of which have arrived when this returns."""
        self.cable.host.send(data)
        poll = select.poll()
        poll.register(self.cable.board, select.POLLIN)
        assert poll.poll(5000)

    def say(self, kind, payload=b""):
        """A frame from the bridge, and what the board makes of it."""
        self.put(frame(kind, self.count, payload))
        self.count = (self.count + 1) % 64
        self.tunnel.up()

    def hello(self, nonce=b"\x81\x82", window=2048, version=1):
        self.put(frame(HELLO, 0, digits(version, 1) + nonce + digits(window, 2)))
        self.count = 0
        return self.tunnel.up()

    def got_bytes(self):
        """What the bridge has got."""
        data = b""
        while True:
            try:
                part = self.cable.host.recv(4096)
            except OSError:
                return data
            if not part:
                return data
            data += part

    def got(self):
        return frames(self.got_bytes())

    def up(self, window=2048):
        """In a session."""
        assert self.hello(window=window)
        self.got()
        return self

    def standing(self, window=2048):
        """With a connection."""
        self.up(window)
        self.tunnel.open(ADDRESS)
        ((_, count, _),) = self.got()
        self.say(OPENED, digits(count, 1))
        assert self.events() == select.POLLOUT
        return self

    def events(self):
        for event in self.tunnel.poll(0):
            return event[1]
        return 0

    def write(self, data):
        return self.tunnel.write(data, 0, len(data))

    def read(self, size=128):
        buf = bytearray(size)
        n = self.tunnel.readinto(buf)
        return n if n is None else bytes(buf[:n])


def raised(function):
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_the_led_tells_that_the_bridge_is_missing():
    class Delivery:
        refused = failures = connects = 0
        state = delivery.OFFLINE

    with Bed() as bed:
        assert status.pattern(bed.tunnel, Delivery) == b"#-" * 10
        bed.up()
        assert status.pattern(bed.tunnel, Delivery) == b"#" * 20


def test_a_hello_is_answered_and_begins_a_session():
    with Bed() as bed:
        assert not bed.tunnel.up()
        assert bed.got_bytes() == b""
        assert bed.hello(nonce=b"\x85\xbf")
        hello, line = bed.got()
        assert hello == (HELLO, 0, b"\x81\x85\xbf\x82\x80")
        assert line[:2] == (LOG, 0)
        assert line[2].endswith(b" I bridge plotpost bridge is here")


def test_these_are_the_bytes_of_a_frame():
    with Bed() as bed:
        bed.standing()
        bed.write(b"1\r\n\n\r\n")
        assert (
            bed.got_bytes()
            == b"\xfe\x80\x86\x85\x821\xfdM\xfdJ\xfdJ\xfdM\xfdJ" + digits(crc(b"\x80\x86\x85\x821\r\n\n\r\n"), 3) + b"\xff"
        )


def test_another_version_is_told_ours_and_gets_no_session():
    with Bed() as bed:
        assert not bed.hello(version=2)
        assert bed.got() == [(HELLO, 0, b"\x81\x81\x82\x82\x80")]


def test_the_log_is_plain_text_without_a_session_and_frames_within():
    with Bed() as bed:
        log.info("agent", "one")
        bed.up()
        log.info("agent", "two")
        ((kind, _, payload),) = bed.got()
        assert kind == LOG
        assert payload[:1] == b"\x80"
        assert payload.endswith(b" I agent two")
        bed.say(BYE, b"plotpost bridge has ended")
        log.info("agent", "three")
        assert [line.split(" ", 2)[2] for line in bed.plain] == [
            "bridge this board has no network: waiting for plotpost bridge at the USB port",
            "agent one",
            "bridge plotpost bridge has ended: readings wait on the board",
            "agent three",
        ]
        assert bed.got_bytes() == b""


def test_a_connection_is_asked_for_stands_and_carries_every_byte_both_ways():
    everything = bytes(range(256))
    with Bed() as bed:
        bed.up()
        bed.tunnel.open(ADDRESS)
        assert bed.events() == 0
        assert bed.got() == [(OPEN, 1, ADDRESS.encode())]
        bed.say(OPENED, b"\x81")
        assert bed.events() == select.POLLOUT
        assert bed.read() is None
        assert bed.write(everything) == 192
        assert bed.tunnel.write(everything, 192, 64) == 64
        wire = bed.got_bytes()
        assert b"\x03" not in wire
        assert not any(byte < 32 for byte in wire)
        assert [payload for _, _, payload in frames(wire)] == [everything[:192], everything[192:]]
        bed.say(DATA, everything[:128])
        assert bed.read(100) == everything[:100]
        assert bed.read(100) == everything[100:128]
        bed.say(DATA, everything[128:])
        assert bed.read() == everything[128:]
        assert bed.read() is None


def test_what_was_read_is_granted_again():
    with Bed() as bed:
        bed.standing()
        bed.say(DATA, b"x" * 128)
        assert bed.got() == []
        bed.read()
        bed.tunnel.up()
        assert bed.got() == [(CREDIT, 2, b"\x82\x80")]


def test_no_more_is_sent_than_the_bridge_has_room_for():
    with Bed() as bed:
        line = len("2.000 I bridge plotpost bridge is here") + 1
        bed.standing(window=512 + 300 + line)
        assert [bed.write(b"x" * 200) for _ in range(3)] == [192, 108, None]
        bed.say(CREDIT, digits(20, 2))
        assert [bed.write(b"x" * 200) for _ in range(2)] == [20, None]


def test_the_log_gets_through_when_the_endpoint_takes_nothing():
    with Bed() as bed:
        bed.standing()
        while bed.write(b"x" * 192):
            pass
        bed.got()
        log.warning("stream", "the endpoint takes no more data")
        ((kind, _, payload),) = bed.got()
        assert (kind, payload[:1]) == (LOG, b"\x80")


def test_log_lines_for_which_there_is_no_room_are_counted():
    with Bed() as bed:
        bed.up(window=40)
        for _ in range(3):
            log.info("agent", "x")
        bed.say(CREDIT, digits(100, 2))
        log.info("agent", "y")
        assert bed.got()[-1][2][:1] == b"\x83"


def test_a_cable_that_takes_nothing_blocks_nobody_and_loses_nothing():
    with Bed() as bed:
        bed.standing(window=4095)
        sent = 0
        while bed.tunnel.write(b"%08d" % sent * 24, 0, 192):  # until the sockets are full
            sent += 1
            bed.tunnel._credit = 4095  # as if the bridge had room for all of it
        rest = b""
        got = 0
        while got < sent:
            rest += bed.cable.host.recv(4096)
            end = rest.rfind(END) + 1
            for _, _, payload in frames(rest[:end]):
                assert payload == b"%08d" % got * 24
                got += 1
            rest = rest[end:]
            bed.tunnel.up()
        assert rest == b""


def test_a_refusal_is_raised_with_its_number_and_reason():
    with Bed() as bed:
        bed.up()
        bed.tunnel.open(ADDRESS)
        bed.say(REFUSED, b"\x81" + digits(111, 2) + b"connection refused")
        assert bed.events() == select.POLLERR
        error = raised(bed.read)
        assert error.args == (111, "connection refused")
        assert isinstance(error, OSError)


def test_linux_numbers_on_the_cable_become_those_of_the_port():
    kept, tunnel._ERRNO = tunnel._ERRNO, {113: 118}
    try:
        with Bed() as bed:
            bed.up()
            bed.tunnel.open(ADDRESS)
            bed.say(REFUSED, b"\x81" + digits(113, 2) + b"no route")
            assert raised(bed.read).args == (118, "no route")
    finally:
        tunnel._ERRNO = kept
    assert kept[113] == errno.EHOSTUNREACH


def test_a_certificate_that_the_bridge_does_not_trust_is_a_value_error():
    with Bed() as bed:
        bed.up()
        bed.tunnel.open("https://plots.example:443")
        bed.say(REFUSED, b"\x81" + digits(0, 2) + b"self-signed certificate")
        error = raised(bed.read)
        assert isinstance(error, ValueError)
        assert str(error) == "self-signed certificate"


def test_the_answer_to_an_earlier_question_is_not_taken_for_one_to_this():
    with Bed() as bed:
        bed.up()
        bed.tunnel.open(ADDRESS)
        bed.tunnel.close()
        bed.tunnel.open(ADDRESS)
        bed.say(OPENED, b"\x81")
        assert bed.events() == 0
        bed.say(OPENED, b"\x82")
        assert bed.events() == select.POLLOUT
        assert [kind for kind, _, _ in bed.got()] == [OPEN, OPEN]


def test_data_of_a_connection_that_is_given_up_is_dropped_and_granted_again():
    with Bed() as bed:
        bed.standing()
        bed.say(DATA, b"unread")
        bed.tunnel.close()
        bed.say(DATA, b"late")
        bed.tunnel.up()
        assert bed.read() is None
        assert bed.got() == [(CLOSE, 2, b""), (CREDIT, 3, digits(10, 2))]


def test_the_end_comes_after_what_was_sent_before_it():
    with Bed() as bed:
        bed.standing()
        bed.say(DATA, b"HTTP/1.1 200 OK")
        bed.say(CLOSE)
        assert bed.read() == b"HTTP/1.1 200 OK"
        assert bed.read() == b""


def test_a_ping_is_answered():
    with Bed() as bed:
        bed.up().say(PING)
        assert bed.got() == [(PING, 1, b"")]


def test_a_bridge_that_falls_silent_is_gone_and_its_connection_too():
    with Bed() as bed:
        bed.standing()
        bed.now += 5000
        assert bed.tunnel.up()
        bed.now += 1
        assert not bed.tunnel.up()
        error = raised(bed.read)
        assert error.args[0] == errno.ENODEV
        assert bed.write(b"x") is None
        assert "plotpost bridge is gone: readings wait on the board" in bed.plain[-1]


def test_a_bridge_that_comes_again_begins_anew():
    with Bed() as bed:
        bed.standing()
        bed.write(b"x")
        bed.got()
        assert bed.hello(nonce=b"\x90\x90")
        assert raised(bed.read).args[0] == errno.ENODEV
        hello, _ = bed.got()
        assert hello == (HELLO, 0, b"\x81\x90\x90\x82\x80")
        bed.tunnel.open(ADDRESS)
        assert bed.got() == [(OPEN, 1, ADDRESS.encode())]


def test_the_same_hello_again_is_answered_and_changes_nothing():
    with Bed() as bed:
        bed.standing()
        count = bed.count
        bed.hello()
        bed.count = count
        assert bed.got() == [(HELLO, 0, b"\x81\x81\x82\x82\x80")]
        bed.say(DATA, b"goes on")
        assert bed.read() == b"goes on"


def test_noise_and_text_between_frames_are_passed_over():
    noise = b"\r\nTraceback (most recent call last):\r\n" + bytes([0, 1, 2, 3, 9, 0x1B, 0x7F, 0x80, 0xC3, 0xBC, 0xFD, 0xFF])
    with Bed() as bed:
        bed.put(noise)
        bed.standing()
        bed.put(noise)
        bed.say(DATA, b"clean")
        assert bed.read() == b"clean"


def test_a_frame_that_is_cut_is_passed_over_and_ends_the_session_at_the_next():
    with Bed() as bed:
        bed.standing()
        whole = frame(DATA, bed.count, b"lost in the middle")
        for end in range(len(whole)):
            bed.put(whole[: end or 1])
            bed.tunnel.up()
            assert bed.read() is None
        bed.count += 1
        bed.say(DATA, b"x")
        assert not bed.tunnel.up()
        assert bed.got()[-1] == (BYE, 0, b"a frame was lost on the cable")
        assert "a frame was lost on the cable" in bed.plain[-1]


def test_a_frame_with_any_byte_changed_is_not_taken():
    with Bed() as bed:
        bed.standing()
        whole = frame(DATA, bed.count, b"wrong\x03")
        for place in range(1, len(whole) - 1):
            for change in (1, 0x20):
                broken = bytearray(whole)
                broken[place] ^= change
                bed.put(bytes(broken) + END)
                bed.tunnel.up()
                assert bed.read() is None, (place, change)
        assert bed.tunnel.up()


def test_noise_without_an_end_does_not_hold_up_the_loop():
    with Bed() as bed:
        bed.standing()
        bed.put(b"\x55" * 2000)
        seen = []
        has_byte = bed.tunnel._frames._has_byte
        bed.tunnel._frames._has_byte = lambda: seen.append(1) or has_byte()
        bed.tunnel.up()
        assert len(seen) == 512
        for _ in range(3):
            bed.tunnel.up()
        bed.say(DATA, b"clean")
        assert bed.read() == b"clean"


def test_a_frame_longer_than_the_window_is_not_taken():
    with Bed() as bed:
        bed.standing()
        bed.put(frame(DATA, bed.count, b"x" * 129))
        bed.tunnel.up()
        assert bed.read() is None
        bed.say(DATA, b"x" * 128)
        assert bed.read() == b"x" * 128


def test_frames_are_counted_round_and_round():
    with Bed() as bed:
        bed.standing()
        for n in range(200):
            bed.say(DATA, b"%d" % n)
            assert bed.read() == b"%d" % n
        bed.tunnel.up()
        assert [count for _, count, _ in bed.got()] == [n % 64 for n in range(2, 202)]


def test_an_agent_that_ends_says_so():
    with Bed() as bed:
        bed.standing()
        bed.tunnel.leave()
        assert bed.got() == [(BYE, 0, b"the agent has ended")]
        log.info("agent", "plain again")
        assert bed.plain[-1].endswith("plain again")


def test_frames_are_sent_and_taken_without_touching_the_heap():
    try:
        from micropython import mem_total
    except ImportError:
        return  # CPython; the same file runs on MicroPython
    with Bed() as bed:
        bed.standing(window=4095)
        tunnel.ticks_ms = time.ticks_ms  # a lambda's frame is its own affair
        line = bytearray(b'{"x":"2026-11-24T00:00:00.000Z","y":21.3}\n' * 8)
        buf = bytearray(128)
        size = len(line)
        for n in range(4):
            bed.put(frame(DATA, bed.count + n, b"\r\n" * 10))
            bed.put(frame(CREDIT, bed.count + n + 1, digits(100, 2)) + frame(PING, bed.count + n + 2))
            bed.count += 2
            before = mem_total()
            assert bed.tunnel.readinto(buf) == 20
            assert bed.tunnel.readinto(buf) is None
            sent = bed.tunnel.write(line, 0, size)
            assert bed.tunnel.readinto(buf) is None
            after = mem_total()
            assert sent == 192
            if n:
                assert after - before == 0
        assert [kind for kind, _, _ in bed.got()] == [CREDIT, PING, DATA] * 4
