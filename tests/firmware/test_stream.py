"""stream.py over real sockets on the loopback, on MicroPython and on CPython. Time is a number that the test moves."""

import errno
import select
import socket
import sys
import time

from plotpost import clock as clock_module
from plotpost import delivery as d
from plotpost import log, stream
from plotpost.clock import Clock
from plotpost.delivery import Delivery
from plotpost.spool import Spool
from plotpost.stream import Uplink

ID = "0123456789abcdef"


class Time:
    """What a Clock says: day, millisecond of the day, and whether that is UTC."""

    def __init__(self, day=0, ms=0, known=True):
        self.day = day
        self.ms = ms
        self.known = known


class Config:
    scheme = "http"
    host = "127.0.0.1"
    path = "/"
    authority = None

    def __init__(self, port):
        self.port = port


class Channel:
    decimals = 1

    def __init__(self, token):
        self.token = token


class Peer:
    """The other side: a listening socket and what the test tells it to do."""

    def __init__(self):
        self.listener = socket.socket()
        self.port = self.bind()
        self.listener.listen(1)
        self.sock = None

    def bind(self):
        """A free port: MicroPython's sockets cannot tell which one the system chose."""
        for port in range(20000 + time.time_ns() // 1000 % 10000, 32000):
            try:
                self.listener.bind(socket.getaddrinfo("127.0.0.1", port, socket.AF_INET, socket.SOCK_STREAM)[0][-1])
                return port
            except OSError:
                pass
        raise OSError("no free port")

    def accept(self):
        self.sock = self.listener.accept()[0]
        self.sock.setblocking(False)

    def read_some(self):
        """What has arrived, up to 4 KiB."""
        try:
            return self.sock.recv(4096)
        except OSError:
            return b""

    def read(self):
        """All that has arrived."""
        data = b""
        while True:
            part = self.read_some()
            if not part:
                return data
            data += part

    def answer(self, status, *headers):
        lines = ["HTTP/1.1 %s" % status, "Content-Length: 0"]
        lines.extend(headers)
        self.sock.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def close(self):
        if self.sock is not None:
            self.sock.close()
        self.listener.close()


class Bed:
    def __init__(self, tokens=("abcdefghij",), capacity=100, records=200):
        self.lines = []
        log.write = self.lines.append
        self.peer = Peer()
        self.spool = Spool(capacity * 12, ID, [Channel(t) for t in tokens])
        self.now = 0
        self.delivery = Delivery(self.spool, None, 10000, records, lambda ms: 0, 0)
        self.clock = Clock()
        self.clock.hear(1795507378719)
        self.uplink = Uplink(
            Config(self.peer.port), self.clock, self.delivery, lambda source: "board1; reconnects=%d" % self.reconnects()
        )

    def reconnects(self):
        return self.delivery.connects - 1

    def put(self, count, channel=0):
        for _ in range(count):
            n = self.spool.next
            self.spool.put(channel, n, Time(20781, n * 1000))

    def steps(self, count=6, after=0):
        self.now += after
        for _ in range(count):
            try:
                self.uplink.step(self.now)
            except (OSError, ValueError) as error:
                self.uplink.broken(error, self.now)

    def open(self):
        """Connected; returns the request head."""
        self.steps(1)
        self.peer.accept()
        for _ in range(100):
            self.steps(1)
            if self.delivery.state == d.OPEN:
                break
        self.steps()
        return self.peer.read()

    def open_proven(self):
        """Connected, and a first request was confirmed: from now on they are as long as they like."""
        self.open()
        self.put(1)
        self.steps(after=1500)
        self.steps(after=10000)
        self.peer.answer("200 OK", "plotpost-next: 1")
        self.steps()
        self.peer.read()

    def close(self):
        self.uplink.disconnect()
        self.peer.close()


def test_the_bytes_of_a_request_are_these():
    bed = Bed()
    head = bed.open()
    assert head == (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
        b"plotly-streamtoken: abcdefghij\r\nplotpost-records: 0123456789abcdef/0\r\n"
        b"plotpost-device: board1; reconnects=0\r\n\r\n" % bed.peer.port
    )
    bed.put(2)
    bed.steps(after=1500)
    assert bed.peer.read() == (
        b'0052\r\n{"x":"2026-11-24T00:00:00.000Z","y":0.0}\n{"x":"2026-11-24T00:00:01.000Z","y":0.1}\n\r\n'
    )
    bed.steps(after=10000)
    assert bed.peer.read() == b"0\r\n\r\n"
    bed.close()


def test_a_heartbeat_is_a_bare_line():
    bed = Bed()
    bed.open()
    bed.steps(after=20000)
    assert bed.peer.read() == b"1\r\n\n\r\n"
    bed.close()


def test_several_tokens_share_the_socket():
    bed = Bed(tokens=("abcdefghij", "klmnopqrst"))
    assert b"streamtoken" not in bed.open()
    bed.put(1, channel=1)
    bed.steps(after=1500)
    assert b'{"x":"2026-11-24T00:00:00.000Z","y":0.0,"streamtoken":"klmnopqrst"}\n' in bed.peer.read()
    bed.close()


def test_after_a_confirmed_answer_the_next_request_goes_on_on_the_same_connection():
    bed = Bed()
    bed.open()
    bed.put(3)
    bed.steps(after=1500)
    bed.steps(after=10000)
    assert bed.peer.read().endswith(b"\r\n0\r\n\r\n")
    bed.peer.answer("200 OK", "plotpost-next: 3")
    bed.steps()
    assert bed.spool.waiting() == 0
    assert b"plotpost-records: 0123456789abcdef/3\r\n" in bed.peer.read()
    bed.close()


def test_after_a_batch_there_is_no_turn_for_nothing():
    bed = Bed(capacity=400)
    bed.open_proven()
    bed.put(3 * bed.delivery.batch_records)
    assert bed.uplink.step(bed.now) == 0  # there is another batch
    assert bed.uplink.step(bed.now) == 250  # what is left waits for company
    assert 0 < bed.spool.next - bed.delivery.cursor < bed.delivery.batch_records
    bed.close()


def test_an_answer_that_is_owed_is_looked_for_at_once_and_then_ever_more_rarely():
    bed = Bed()
    bed.open()
    bed.put(1)
    bed.steps(after=1500)
    bed.steps(after=10000)
    assert bed.delivery.state == d.ENDING
    ended = bed.now
    assert [bed.uplink.step(ended + ms) for ms in (0, 1, 2, 8, 300)] == [0, 1, 2, 8, 20]
    bed.close()


def test_after_a_broken_connection_everything_unconfirmed_comes_again():
    bed = Bed()
    bed.open()
    bed.put(3)
    bed.steps(after=1500)
    bed.peer.sock.close()
    bed.steps()
    assert bed.delivery.state == d.OFFLINE
    bed.now += 1000
    head = bed.open()
    assert b"plotpost-records: 0123456789abcdef/0\r\n" in head
    assert b"reconnects=1" in head
    bed.steps(after=1500)
    assert bed.peer.read().count(b'{"x"') == 3
    bed.close()


def test_without_a_clock_an_empty_request_asks_for_the_time_and_then_the_readings_go_dated():
    bed = Bed()
    real = clock_module.SYSTEM_CLOCK
    clock_module.SYSTEM_CLOCK = False
    try:
        bed.clock = bed.uplink._clock = Clock()
        bed.put(1)
        bed.spool.put(0, 7, Time(0, 1500, False))
        assert bed.open().endswith(b"\r\n\r\n0\r\n\r\n")
        bed.peer.answer("200 OK", "plotpost-next: 0", "plotpost-time: 1795478400000")
        bed.steps(after=20)
        assert bed.clock.known
        bed.steps(after=1500)
        data = bed.peer.read()
        assert data.count(b'"y":') == 2
        assert b'{"x":"2026-11-24T00:00:01.' in data  # a second and a half after a boot just before midnight
    finally:
        clock_module.SYSTEM_CLOCK = real
        bed.close()


def test_an_early_refusal_is_seen_between_writes_and_its_reason_is_logged():
    bed = Bed()
    bed.open()
    bed.put(1)
    bed.peer.answer("404 Not Found")
    bed.steps()
    assert bed.delivery.state == d.OFFLINE
    assert "refused with 404" in bed.lines[-1]
    assert "abcdefghij" not in "".join(bed.lines)
    bed.close()


def stuffed():
    """A bed whose peer does not read, until the network takes no more; sent readings leave the ring as if they were confirmed."""
    bed = Bed(capacity=400, records=1000000)
    bed.open_proven()
    while bed.uplink._start == bed.uplink._end or bed.spool.next % 50:
        bed.put(1)
        if bed.spool.next % 50 == 0:
            bed.steps(2)
            bed.spool.settle(bed.delivery.cursor)
    return bed


def body_of(stream):
    """The data of a run of whole chunks."""
    body = b""
    at = 0
    while at < len(stream):
        size = int(stream[at : at + 4], 16)
        body += stream[at + 6 : at + 6 + size]
        assert stream[at + 6 + size : at + 8 + size] == b"\r\n"
        at += 8 + size
    return body


def test_a_full_network_keeps_the_rest_for_later_and_loses_no_byte():
    bed = stuffed()
    last = bed.spool.next - 1
    pending = b""
    n = 0  # the first one is confirmed
    while n < last or bed.uplink._start < bed.uplink._end:
        pending += bed.peer.read_some()
        bed.steps(1, after=1)
        while len(pending) >= 8 and len(pending) >= int(pending[:4], 16) + 8:
            size = int(pending[:4], 16) + 8
            for line in body_of(pending[:size]).split(b"\n")[:-1]:
                n += 1
                assert line.endswith(b'"y":%d.%d}' % (n // 10, n % 10)), line
            pending = pending[size:]
    assert (n, pending) == (last, b"")
    bed.close()


def test_a_network_that_stays_full_is_given_up():
    bed = stuffed()
    bed.steps(after=20001)
    assert bed.delivery.state == d.OFFLINE
    assert "takes no more data" in bed.lines[-1]
    bed.close()


def test_a_refused_connection_says_so_once():
    bed = Bed()
    bed.peer.listener.close()
    for _ in range(4):
        bed.steps(5, after=60000)
    assert len(bed.lines) == 1
    assert " W stream connection refused" in bed.lines[0]
    bed.close()


class Chip:
    """In place of socket, select and the port's send and receive: the real ones, but a call raises what `raises` says.

    `lwip`: poll calls a refused connection writable, no more, and whoever reads is told ECONNRESET, as on an ESP32.
    """

    AF_INET = socket.AF_INET
    SOCK_STREAM = socket.SOCK_STREAM
    POLLOUT = select.POLLOUT
    POLLERR = select.POLLERR
    POLLHUP = select.POLLHUP

    def __init__(self, raises=(), lwip=False):
        self.raises = dict(raises)
        self._lwip = lwip
        self._real = None
        self._poll = None

    def __enter__(self):
        self._kept = stream.select, stream.send, stream.receive
        stream.select, stream.send, stream.receive, sys.modules["socket"] = self, self.send, self.receive, self
        return self

    def __exit__(self, *_):
        stream.select, stream.send, stream.receive = self._kept
        sys.modules["socket"] = socket

    def _say(self, name):
        if name in self.raises:
            raise self.raises[name]

    def getaddrinfo(self, *arguments):
        self._say("getaddrinfo")
        return socket.getaddrinfo(*arguments)

    def socket(self, *arguments):
        self._say("socket")
        self._real = socket.socket(*arguments)
        return self

    def setblocking(self, on):
        self._real.setblocking(on)
        self._say("setblocking")

    def setsockopt(self, *arguments):
        self._say("setsockopt")

    def connect(self, address):
        self._say("connect")
        self._real.connect(address)

    def close(self):
        self._real.close()
        self._say("close")

    def poll(self, timeout=None):
        """What select and the object of its poll() have."""
        if timeout is None:
            self._poll = self._kept[0].poll()
            return self
        self._say("poll")
        events = self._poll.poll(timeout)
        return [(None, select.POLLOUT) for _ in events] if self._lwip else events

    def register(self, sock, events):
        self._poll.register(self._real, events)

    def send(self, sock, buf, start, end):
        self._say("send")
        return self._kept[1](self._real, buf, start, end)

    def receive(self, sock, buf):
        self._say("receive")
        try:
            return self._kept[2](self._real, buf)
        except OSError:
            raise OSError(errno.ECONNRESET if self._lwip else errno.ECONNREFUSED) from None


def test_a_refusal_that_poll_does_not_tell_is_no_connection_and_reads_refused():
    bed = Bed()
    bed.peer.listener.close()
    with Chip(lwip=True):
        for _ in range(4):
            bed.steps(5, after=60000)
    assert bed.delivery.connects == 0
    assert bed.uplink._address is None  # the endpoint may have moved
    (line,) = bed.lines
    assert " W stream connection refused" in line
    bed.close()


def test_whatever_any_call_to_the_network_raises_everything_is_delivered_when_that_is_over():
    numbers = (
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.ENOTCONN,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.ENOMEM,
        errno.ENOBUFS,
    )
    errors = [OSError(number) for number in numbers]
    errors += [
        OSError(-2),
        OSError(-203, "EAI_MEMORY"),
        OSError(-0x7200, "MBEDTLS_ERR"),
        OSError("Wifi Not Connected"),
        OSError(),
    ]
    for call in ("getaddrinfo", "socket", "setblocking", "setsockopt", "connect", "poll", "send", "receive", "close"):
        for error in errors:
            if (call, type(error)) not in (("getaddrinfo", ValueError), ("close", ValueError)):
                _survives(call, error)


def _survives(call, error):
    bed = Bed()
    bed.peer.listener.setblocking(False)
    bed.put(1)
    with Chip({call: error}) as chip:
        _await_line(bed, 5)
        chip.raises.clear()
        assert _await_line(bed, 50), (call, error)
    assert not any("certificate" in line for line in bed.lines)
    bed.close()


def _await_line(bed, turns):
    """Whether the reading comes on one of the connections that are made."""
    for _ in range(turns):
        bed.steps(3, after=1500)
        before = bed.peer.sock
        try:
            bed.peer.accept()
            if before is not None:
                before.close()
        except OSError:
            pass
        if bed.peer.sock is not None and b'"y":0.0' in bed.peer.read():
            return True
    return False


def test_whatever_tls_raises_when_it_begins_is_said_and_tried_again():
    for error, words in (
        (OSError(-0x7F00, "MBEDTLS_ERR_SSL_ALLOC_FAILED"), "the connection broke (MBEDTLS_ERR_SSL_ALLOC_FAILED)"),
        (OSError(errno.ENOMEM), "the connection broke (error %d)" % errno.ENOMEM),
        (ValueError("invalid cert"), "the endpoint's certificate is refused: invalid cert"),
    ):
        bed = Bed()
        bed.uplink._config.scheme = "https"
        bed.uplink._config.authority = b"a certificate"
        tries = []

        def secure(error=error, tries=tries):
            tries.append(0)
            raise error

        bed.uplink._secure = secure
        for _ in range(2):
            bed.steps(2, after=400000)
            for _ in range(50):
                bed.steps(1)
        assert len(tries) >= 2, words
        assert words in bed.lines[0], bed.lines
        assert bed.delivery.connects == 0
        bed.close()


def test_an_endpoint_that_has_moved_is_found_by_its_name_again():
    bed = Bed()
    asked = []
    resolve = stream.resolve
    stream.resolve = lambda *name: asked.append(name) or resolve(*name)
    bed.open()
    assert len(asked) == 1
    bed.uplink.disconnect()
    bed.delivery.lost("broken", bed.now)
    bed.steps(5, after=60000)
    assert len(asked) == 1  # a connection that broke: the address is kept
    bed.peer.listener.close()
    bed.uplink.disconnect()
    bed.delivery.lost("broken", bed.now)
    for _ in range(3):
        bed.steps(5, after=60000)
    assert len(asked) == 3  # none could be made
    stream.resolve = resolve
    bed.close()


class Tunnel:
    """A way out that is no socket."""

    def __init__(self):
        self.asked = []
        self.refusal = None
        self.there = True

    def up(self):
        return self.there

    def heard(self, now):
        pass

    def open(self, address):
        self.asked.append(address)

    def poll(self, timeout):
        return ((self, select.POLLERR),) if self.refusal else ()

    def readinto(self, buf):
        raise self.refusal

    recv_into = readinto  # what a socket of CPython has

    def close(self):
        pass


def through(tunnel):
    bed = Bed()
    bed.uplink._config.scheme = "https"
    bed.uplink._link = bed.uplink._tunnel = tunnel
    return bed


def test_a_tunnel_is_asked_for_the_endpoint_when_somebody_is_at_its_other_end():
    bed = through(Tunnel())
    bed.uplink._tunnel.there = False
    bed.steps()
    assert bed.delivery.state == d.OFFLINE
    bed.uplink._tunnel.there = True
    bed.steps()
    assert bed.delivery.state == d.CONNECTING
    assert bed.uplink._tunnel.asked == ["https://127.0.0.1:%d" % bed.peer.port]
    bed.close()


def test_what_a_tunnel_says_of_a_failure_is_logged():
    for refusal, words in (
        (OSError(errno.ECONNREFUSED, "x"), "connection refused: is the endpoint running there?"),
        (OSError(errno.EIO, "no TLS there"), "the connection broke (no TLS there)"),
        (ValueError("expired"), "the endpoint's certificate is refused: expired"),
    ):
        bed = through(Tunnel())
        bed.steps()
        bed.uplink._tunnel.refusal = refusal
        try:
            bed.uplink.step(bed.now)
        except (OSError, ValueError) as error:
            bed.uplink.broken(error, bed.now)
        assert bed.delivery.state == d.OFFLINE
        assert bed.lines[-1].endswith(" stream " + words), bed.lines
        bed.close()


def test_an_unknown_host_says_so():
    bed = Bed()
    Config.host = "no-such-host.invalid"
    try:
        bed.steps(1)
    finally:
        Config.host = "127.0.0.1"
    assert "no-such-host.invalid" in bed.lines[0]
    assert bed.delivery.state == d.OFFLINE
    bed.close()


def test_from_the_ring_to_the_socket_the_heap_is_not_touched_even_for_a_moment():
    try:
        from micropython import mem_total
    except ImportError:
        return  # CPython; the same file runs on MicroPython
    bed = Bed(tokens=("abcdefghij", "klmnopqrst"), capacity=400, records=1000000)
    bed.open_proven()
    uplink, spool, stamp = bed.uplink, bed.spool, Time(20781)

    def send_some(now):
        before = mem_total()
        for n in range(60):
            stamp.ms = n * 1000
            spool.put(n & 1, n, stamp)
            uplink.step(now)
            now += 20
        return mem_total() - before

    send_some(bed.now + 1500)
    assert send_some(bed.now + 4500) == 0
    assert bed.delivery.cursor > 80
    assert bed.peer.read()
    bed.close()
