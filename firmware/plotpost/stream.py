"""The socket: one long chunked POST, non-blocking, done as `delivery` says.

Steady state allocates nothing: one send buffer, one receive buffer, whole batches of lines to a write. The only call that may block
is the name look-up before a connection, which MicroPython gives no other way to do; its answer is kept.
"""

import errno
import select

from plotpost import delivery as d
from plotpost import watchdog
from plotpost.answer import Answer
from plotpost.line import NO_DATE, Encoder
from plotpost.port import byte_stream, const, receive, send, sleep_ms, ticks_ms
from plotpost.spool import Unreadable

_SEND_BYTES = const(1600)  # two whole segments on rp2, whose TCP_MSS is 800
_RECEIVE_BYTES = const(128)
_CHUNK_HEAD = const(6)  # four hexadecimal digits, CR, LF (RFC 9112 section 7.1)
_CHUNK_TAIL = const(2)
_SOON_MS = const(20)
_CALM_MS = const(250)
_IPPROTO_TCP = const(6)
_LAST_CHUNK = b"0\r\n\r\n"
_HEX = b"0123456789abcdef"

_ERRORS = {
    errno.ECONNREFUSED: "connection refused: is the endpoint running there?",
    errno.ECONNRESET: "connection reset by the endpoint",
    errno.EHOSTUNREACH: "no route to the endpoint: is it switched on, and in this network?",
    errno.ETIMEDOUT: "no answer from the endpoint's address",
    errno.ECONNABORTED: "no answer from the endpoint's address",  # lwIP, when nobody has answered it for long
}


def resolve(host, port):
    """The address of a host, None when nobody knows one. It blocks: MicroPython gives no other way to ask."""
    import socket  # here, because chips without a network have none

    try:
        with watchdog.phase("dns"):
            return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]
    except OSError:
        return None


class Uplink:
    """Sends what `delivery.source` holds to `config.endpoint`.

    `device(source)` gives the text of the header `plotpost-device`: the chip's id and the counters. `link`: the WiFi link, None where the
    system has a network of its own. `tunnel`: what takes the place of sockets on a board without a network; it is its link too.
    """

    def __init__(self, config, clock, delivery, device, link=None, tunnel=None):
        self._config = config
        self._clock = clock
        self._delivery = delivery
        self._device = device
        self._link = link
        self._tunnel = tunnel
        self._channels = None  # whose lines are being written
        self._token = None  # goes into the request's head when all of them have the same
        self._lines = byte_stream(_SEND_BYTES)  # of one chunk, before they go to the send buffer
        self._encoder = None
        self._out = bytearray(_SEND_BYTES)
        self._full = 0  # where no other line fits the send buffer
        self._start = 0  # what of the send buffer still has to go
        self._end = 0
        self._in = bytearray(_RECEIVE_BYTES)
        self._answer = Answer()
        self._address = None
        self._sock = None
        self._poll = select.poll()

    async def run(self, progress):
        """Work until everything is delivered after `delivery.close()`; calls `progress()` at every turn."""
        while not self._delivery.finished():
            progress()
            now = ticks_ms()
            try:  # here and not below, because a handler makes a frame too large for the stack: see line.py
                pause = self.step(now)
            except (OSError, ValueError) as error:
                self.broken(error, now)
                pause = _CALM_MS
            except Unreadable:
                self._delivery.source.drop_oldest()
                pause = 0
            await sleep_ms(pause)
        self.disconnect()

    def step(self, now):
        """Do the next thing without waiting for it; returns how many milliseconds may pass before the next step.

        Raises OSError or ValueError when the connection broke: call `broken` then. Raises Unreadable.
        """
        delivery = self._delivery
        if self._sock is None:
            if self._link is not None and not self._link.up():
                return _CALM_MS  # a name look-up without a link may never come back (micropython issue 18797)
        elif delivery.state == d.CONNECTING:
            self._check_connected(now)
        else:
            self._receive(now)
        if self._start < self._end:
            return self._flush(now)
        delivery.dated = self._clock.known
        action = delivery.action(now)
        return self._pause(now) if action == d.WAIT else self._act(action, now)

    def broken(self, error, now):
        """The connection broke with an OSError, or with a ValueError: over https we have refused it, see secure.py."""
        if isinstance(error, ValueError) and self._config.scheme == "https":
            self._delivery.distrusted(" ".join(str(error).split()), now)
            self.disconnect()
            return
        number = error.args[0] if error.args else 0  # or a text, on an ESP32
        if isinstance(number, int) and -number in _ERRORS:
            number = -number  # over TLS an ESP32 hands on the socket's own, negated
        if number == errno.ECONNRESET and self._delivery.state == d.CONNECTING:
            number = errno.ECONNREFUSED  # in lwIP's words
        why = error.args[1] if len(error.args) > 1 else "error %s" % number
        self._lost(_ERRORS.get(number) or "the connection broke (%s)" % why, now)

    def disconnect(self):
        """Close the socket, if there is one."""
        sock, self._sock = self._sock, None
        self._start = self._end = 0
        self._answer.reset()
        if sock is not None:
            try:
                sock.close()
            except OSError:
                pass  # it was broken

    def _act(self, action, now):
        if action == d.SEND:
            return self._send_lines(now)
        if action == d.HEARTBEAT:
            self._queue(b"1\r\n\n\r\n")
            self._delivery.progress(now)
        elif action == d.END:
            self._end_request(now)
        elif action == d.BEGIN:
            self._delivery.began(now)
            self._speak_for(self._delivery.source.channels)
            self._queue(self._head())
        elif action == d.CONNECT:
            self._connect(now)
        else:
            self._give_up("no answer from the endpoint", now)
        return self._flush(now)

    def _send_lines(self, now):
        self._encode(now)
        following = self._delivery.action(now)
        if following == d.END and self._end <= _SEND_BYTES - len(_LAST_CHUNK):
            self._end_request(now)  # in the same packet
        pause = self._flush(now)
        return pause if pause or following != d.WAIT else _CALM_MS

    def _end_request(self, now):
        self._out[self._end : self._end + len(_LAST_CHUNK)] = _LAST_CHUNK
        self._end += len(_LAST_CHUNK)
        self._delivery.ended(now)

    def _pause(self, now):
        """How long nothing need be looked at. What the other side owes may come within a millisecond, or much later."""
        delivery = self._delivery
        if delivery.state == d.CONNECTING or delivery.state == d.ENDING:
            return min(delivery.waited(now), _SOON_MS)
        return _CALM_MS

    def _connect(self, now):
        config = self._config
        self._delivery.connecting(now)
        if self._tunnel is not None:
            self._sock = self._poll = self._tunnel
            self._tunnel.open("%s://%s:%d" % (config.scheme, config.host, config.port))
            return
        if self._address is None:
            self._address = resolve(self._config.host, self._config.port)
            if self._address is None:
                self._lost("no host is known as %s: check endpoint in config.json, and the network's DNS" % config.host, now)
                return
        self._dial(self._address)

    def _dial(self, address):
        import socket

        self._sock = sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLOUT)
        try:
            # batches are whole already; the option is 64 on rp2, where 1 is taken in silence and does nothing
            sock.setsockopt(_IPPROTO_TCP, getattr(socket, "TCP_NODELAY", 1), 1)
        except (OSError, ValueError, NotImplementedError):
            pass
        try:
            sock.connect(address)
        except OSError as error:
            if error.errno not in (errno.EINPROGRESS, errno.EAGAIN):
                raise

    def _check_connected(self, now):
        """A connection stands when it can be read: an ESP32's poll calls a refused one writable, and only who reads is told."""
        for event in self._poll.poll(0):
            come = receive(self._sock, self._in)  # raises what went wrong
            if event[1] & (select.POLLERR | select.POLLHUP):
                raise OSError(errno.ECONNREFUSED)
            if self._tunnel is None and self._config.authority is not None:
                self._secure()
            self._delivery.connected(now)
            self._hear(come, now)

    def _secure(self):
        from plotpost import secure

        self._sock = secure.wrap(self._sock, self._config.host, self._config.authority)

    def _speak_for(self, channels):
        if channels is self._channels:
            return
        tokens = {c.token for c in channels}
        self._channels = channels
        self._token = tokens.pop() if len(tokens) == 1 else None
        self._encoder = Encoder(self._lines, channels, self._token is None)
        self._full = _SEND_BYTES - _CHUNK_TAIL - self._encoder.longest
        self._delivery.batch_records = (self._full - _CHUNK_HEAD) // self._encoder.longest + 1

    def _head(self):
        delivery = self._delivery
        config = self._config
        token = "" if self._token is None else "plotly-streamtoken: %s\r\n" % self._token
        return (
            "POST %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n%s"
            "plotpost-records: %s/%d\r\nplotpost-device: %s\r\n\r\n"
            % (
                config.path,
                config.host,
                config.port,
                token,
                delivery.source.stream_id,
                delivery.begun,
                self._device(delivery.source),
            )
        ).encode()

    def _encode(self, now):
        """One chunk of lines, from the cursor on."""
        lines = self._lines
        source = self._delivery.source
        cursor = self._delivery.cursor
        stop = min(source.next, self._delivery.begun + self._delivery.room())
        lines.seek(_CHUNK_HEAD)
        while cursor < stop and lines.tell() <= self._full:
            source.load(cursor)
            if not source.clock_known:
                self._date(source)
            self._encoder.line(source)
            cursor += 1
        self._frame(lines.tell())
        self._delivery.sending(cursor, now)

    def _date(self, record):
        """Date a record that was taken before the clock was known, if its boot still runs."""
        if record is self._delivery.spool:
            self._clock.stamp(record.day, record.ms)
            record.day = self._clock.day
            record.ms = self._clock.ms
        else:
            record.day = NO_DATE

    def _frame(self, end):
        """Make a chunk of the lines, which end at `end`. Leading zeros are allowed in a chunk size."""
        out = self._out
        self._lines.seek(0)
        self._lines.readinto(out)
        size = end - _CHUNK_HEAD
        for i in range(3, -1, -1):
            out[i] = _HEX[size & 15]
            size >>= 4
        out[4] = out[end] = 13
        out[5] = out[end + 1] = 10
        self._start = 0
        self._end = end + _CHUNK_TAIL

    def _queue(self, data):
        n = len(data)
        self._out[:n] = data
        self._start = 0
        self._end = n

    def _flush(self, now):
        if self._start == self._end:
            return 0
        taken = send(self._sock, self._out, self._start, self._end)
        if taken:
            self._start += taken
            self._delivery.progress(now)
        elif self._delivery.stalled(now):
            self._give_up("the endpoint takes no more data", now)
        if self._start < self._end:
            return _SOON_MS
        self._start = self._end = 0
        return 0

    def _receive(self, now):
        self._hear(receive(self._sock, self._in), now)

    def _hear(self, n, now):
        """Take `n` bytes that have come, and what follows them; 0 at the end of the connection, None for nothing."""
        if n is None:
            return
        answer = self._answer
        while n:
            answer.feed(self._in, n)
            n = None if answer.done else receive(self._sock, self._in)
        if n == 0:
            answer.closed()
        if not answer.done:
            return
        if answer.status == 0:
            self._lost("the endpoint closed the connection", now)
            return
        self._clock.hear(answer.time)
        if self._link is not None:
            self._link.heard(now)
        self._delivery.answered(answer, now)
        if self._delivery.state == d.IDLE:
            answer.reset()
        else:
            self.disconnect()

    def _give_up(self, reason, now):
        if self._delivery.state == d.CONNECTING:
            self._lost(reason, now)
            return
        self._delivery.stuck(reason, now)
        self.disconnect()

    def _lost(self, reason, now):
        if self._delivery.state == d.CONNECTING:
            self._address = None  # the endpoint may have moved: ask for its name again
        self._delivery.lost(reason, now)
        self.disconnect()
