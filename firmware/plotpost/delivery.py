"""The state machine of one connection and the requests on it: when to connect, send, end, give up and come back.

No socket in it and no clock: the caller passes `now` in ticks (milliseconds, wrapping) and does what `action()` says.
What each status means for a board is the table of docs/delivery.md.
"""

from plotpost import log
from plotpost.port import const, ticks_add, ticks_diff

# States
OFFLINE = const(0)  # no connection; the next attempt is at `retry_at`
CONNECTING = const(1)
OPEN = const(2)  # a request is under way
ENDING = const(3)  # its last chunk is sent, the answer is owed
IDLE = const(4)  # connected, between two requests

# Actions
WAIT = const(0)
CONNECT = const(1)
BEGIN = const(2)  # send a request head
SEND = const(3)  # send records from `cursor` on
HEARTBEAT = const(4)
END = const(5)  # send the last chunk
CLOSE = const(6)  # drop the connection: it is stuck

_CONNECT_MS = const(10000)
_ANSWER_MS = const(15000)
_STALL_MS = const(20000)
_HEARTBEAT_MS = const(20000)  # the service ends a stream after 60 s without data
_BATCH_MS = const(1500)  # since the last packet; readings wait that long for company
_ASK_MS = const(1000)  # between two questions for the time, growing
_TRIAL_MS = const(1000)  # after a failure: on a link that breaks often, long requests would never be confirmed
_LINGER_MS = const(12000)  # MICROPY_PY_LWIP_TCP_CLOSE_TIMEOUT_MS is 10 s
_BACKOFF_MS = const(1000)
_BACKOFF_MAX_MS = const(60000)
_SLOW_MS = const(300000)  # what does not heal by itself: 308, 400, 403, 404, 405, 406
_LIMIT_MS = const(60000)  # 423
_STRETCHED_MS = const(600000)  # a server that closes each time and confirms nothing often blanks plots at each opening

_REASONS = {
    308: "another board streams with this token: give each board its own",
    400: "the endpoint could not read the request",
    403: "the token belongs to no plot: create the plot",
    404: "the token is not registered: check secrets.json",
    405: "this address takes no POST: check endpoint in config.json",
    406: "the endpoint wants a token: check secrets.json",
}


class Delivery:
    """Policy for `spool`, and before it for what earlier boots left in `backlog` (a Flash, or None).

    A request carries records of one `source`; it ends `checkpoint_ms` after its first one, or after `checkpoint_records`.
    `cursor` is the number of the next record to send, `begun` that of the request's first. `jitter(ms)` gives a random number of
    milliseconds below `ms`, so that a thousand boards do not come back at once.
    """

    def __init__(self, spool, backlog, checkpoint_ms, checkpoint_records, jitter, now):
        self.state = OFFLINE
        self.cursor = 0
        self.begun = 0
        self.retry_at = now
        self.closing = False
        self.dated = True  # the clock is known; the socket's side says so
        self.batch_records = 1  # how many records fill the send buffer; the socket's side sets it
        self.connects = 0
        self.skipped = 0
        self.source = spool
        self.spool = spool
        self._backlog = backlog
        self._checkpoint_ms = checkpoint_ms
        self._checkpoint_records = checkpoint_records
        self._jitter = jitter
        self._since = now  # the last progress in this state
        self._first_sent = now
        self.failures = 0  # in a row
        self.refused = 0  # the status of a refusal that is still in force
        self._probing = False  # a line was refused and the server did not say which: one record a request
        self._proven = False  # the last request that carried readings was confirmed
        self._stretched = False
        self._ask_ms = 0

    def action(self, now):
        """What to do now: WAIT, CONNECT, BEGIN, SEND, HEARTBEAT, END or CLOSE."""
        state = self.state
        if state == OPEN:
            return self._open_action(now)
        if state == IDLE:
            return WAIT if self.finished() else BEGIN
        if state == OFFLINE:
            return CONNECT if ticks_diff(now, self.retry_at) >= 0 and not self.finished() else WAIT
        patience = _CONNECT_MS if state == CONNECTING else _ANSWER_MS
        return CLOSE if self.waited(now) > patience else WAIT

    def _open_action(self, now):
        source = self.source
        sent = self.cursor - self.begun
        if self.cursor < source.first or (sent and self._checkpoint_due(sent, now)):
            return END  # a request never spans a gap
        waited = self.waited(now)
        if not self.dated and source is self.spool:
            return END if waited >= self._ask_ms else WAIT  # an empty request: its answer tells the time
        unsent = source.next - self.cursor
        if unsent and (unsent >= self.batch_records or waited >= _BATCH_MS or self.closing):
            return SEND
        if self.closing:
            return END
        return HEARTBEAT if waited >= _HEARTBEAT_MS else WAIT

    def _checkpoint_due(self, sent, now):
        source = self.source
        after = _STRETCHED_MS if self._stretched else self._checkpoint_ms
        if self.failures:
            after = _TRIAL_MS
        return (
            sent >= self.room()
            or ticks_diff(now, self._first_sent) >= after
            or (self.cursor == source.next and source.waiting() * 2 >= source.capacity)
        )

    def room(self):
        """How many records one request may carry.

        At first, and after a failure, one batch: a peer that takes nothing must not fill a Pico's network memory, or its write blocks.
        """
        if self._probing:
            return 1
        return self._checkpoint_records if self._proven else min(self.batch_records, self._checkpoint_records)

    def waited(self, now):
        """The milliseconds since the last progress."""
        return ticks_diff(now, self._since)

    def stalled(self, now):
        """True when the network has taken no byte for so long that the connection is given up."""
        return self.waited(now) > _STALL_MS

    def finished(self):
        """True when no more readings come and the last one is settled, or refused: that does not heal in a moment."""
        return self.closing and (self.spool.waiting() == 0 or self.refused != 0)

    # What happened

    def connecting(self, now):
        """A connection was begun."""
        self.state = CONNECTING
        self._since = now

    def connected(self, now):
        """The connection stands."""
        self.state = IDLE
        self._since = now
        self.connects += 1

    def began(self, now):
        """A request begins, with the oldest record held."""
        self.source = (self._backlog and self._backlog.oldest()) or self.spool
        self.source.give_up_evicted()
        self.begun = self.cursor = self.source.first
        self.state = OPEN
        self._since = now

    def sending(self, cursor, now):
        """All below `cursor` is in the send buffer."""
        if self.cursor == self.begun:
            self._first_sent = now
        self.cursor = cursor
        self._since = now

    def progress(self, now):
        """The network took some bytes."""
        self._since = now

    def ended(self, now):
        """The last chunk is in the send buffer."""
        self.state = ENDING
        self._since = now

    def close(self, now):
        """No more readings come: send and confirm what is left, beginning with a connection of its own."""
        self.closing = True
        if self.state > CONNECTING:
            self.connects -= 1  # this one replaces a connection that had not failed
        self.state = OFFLINE
        self.retry_at = now
        self.failures = 0
        self.refused = 0

    def lost(self, reason, now):
        """The connection failed or broke. `reason` is for the log."""
        self._complain(reason)
        self._come_back(self._backoff(), now)

    def stuck(self, reason, now):
        """The connection was given up although it stands.

        On a Pico its unsent data keeps the network's memory until 10 s after the close, and a write on the next connection would block
        for as long: beyond what the watchdog allows.
        """
        self._complain(reason)
        self._come_back(max(self._backoff(), _LINGER_MS), now)

    def distrusted(self, reason, now):
        """The endpoint's certificate was not accepted. That does not heal by itself, and there is no way around it."""
        log.error("stream", "the endpoint's certificate is refused: {}", reason)
        self.failures += 1
        self._come_back(_SLOW_MS + self._jitter(_SLOW_MS // 8), now)

    def answered(self, answer, now):
        """A whole answer came, or as much of one as will ever come."""
        early = self.state != ENDING
        status = answer.status
        if not self.dated:
            self._ask_ms = min(self._ask_ms * 2 + _ASK_MS, _BACKOFF_MAX_MS)
        if answer.next is not None:
            self.source.settle(answer.next)
        if answer.html or (early and status == 200):
            self.lost(
                "this answer is not from a streaming endpoint: check endpoint in config.json, or sign in to the network", now
            )
        elif status == 200:
            self._accepted(answer, now)
        elif status == 422:
            self._refused_line(answer, now)
        elif status == 408 and not self.failures:
            self._come_back(0, now)
        elif status == 423:
            self._refused(answer, _LIMIT_MS, now)
        elif status == 308 or (400 <= status < 500 and status not in (408, 449)):
            self._refused(answer, _SLOW_MS, now)
        else:
            self.lost("the endpoint answered %d %s" % (status, answer.text), now)

    def _accepted(self, answer, now):
        confirmed = answer.next is not None
        if not confirmed:
            self.source.settle(self.cursor)
        carried = self.cursor > self.begun
        if self.failures:
            log.info("stream", "streaming again")
        elif carried and not self._proven:
            log.info("stream", "streaming: the first readings are confirmed")
        self.failures = 0
        self.refused = 0
        self._proven = self._proven or carried
        self._probing = False
        self._stretched = not confirmed and not answer.reusable
        if answer.reusable:
            self.state = IDLE
            self._since = now
        else:
            self._come_back(0, now)

    def _refused_line(self, answer, now):
        source = self.source
        if answer.next is None and self.cursor - self.begun != 1:
            self._probing = True
            self.lost("the endpoint refused a line: %s" % answer.text, now)
            return
        bad = self.begun if answer.next is None else answer.next
        if bad == source.first and source.waiting():
            source.settle(bad + 1)
            self.skipped += 1
        log.warning("stream", "reading %d skipped, the endpoint refused it: %s" % (bad, answer.text))
        self._come_back(0, now)

    def _refused(self, answer, delay, now):
        reason = _REASONS.get(answer.status, answer.text)
        log.error("stream", "refused with %d: %s" % (answer.status, reason))
        self.failures += 1
        self.refused = answer.status
        self._come_back(delay + self._jitter(delay // 8), now)

    def _complain(self, reason):
        write = log.debug if self.failures else log.warning
        write("stream", reason)
        self.failures += 1
        self._proven = False

    def _backoff(self):
        delay = _BACKOFF_MS
        for _ in range(min(self.failures, 9) - 1):
            delay = min(delay * 9 // 5, _BACKOFF_MAX_MS)
        return delay * 3 // 4 + self._jitter(delay // 2)

    def _come_back(self, delay, now):
        self.state = OFFLINE
        self.retry_at = ticks_add(now, delay)
        self._since = now
