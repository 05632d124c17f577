"""The rules of a stream: tokens, dialects, numbers, limits, the newest wins."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from time import perf_counter

import orjson

from .boardclock import BoardClock
from .claims import GRACE_S, Claimant, Claims
from .commit import Committer, Lane
from .errors import Refusal
from .head import Head
from .jsonline import BadLine, parse_line
from .piecework import TURN_S, Piecework
from .plots import Plots
from .store import DeviceRow, JournalInput, Route, Store, StoreError, now_ms
from .trace import Line

MOST_STREAMS = 20_000
MOST_STREAMS_OF_A_USER = 15_000

_TRIAL_LINES = 16  # of the multiplexed dialect, until one must have a token that may be used
_WITHOUT_TOKEN = b"{}"  # stands for a line whose token may not be used: it is refused and counted as that was
_CONGESTED_BYTES = 1024 * 1024
_DEVICE_TEXT = 500
_AT_ONCE = 32  # lines between two looks at the clock
_ARDUINO = ("Arduino", "Python")  # how Plotly's library for it calls itself; other programs add a version
_UNDATED = "arrival"  # our agent's x for a reading whose boot ended before the clock was known

Evict = Callable[[Refusal | None], None]
Done = Callable[[Refusal | None], None]


def _token(line: Line) -> str | None:
    token = line.get("streamtoken")
    return token if isinstance(token, str) else None


def _utc(ms: int) -> str:
    """Milliseconds since 1970 as our agent writes dates."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unusable(token_is_registered: bool) -> Refusal:
    if token_is_registered:
        return Refusal(403, "the stream token feeds no plot: create a plot that has the token in a trace, then stream")
    return Refusal(404, "the stream token is not registered here: make one with 'plotpost token new', and give it to the board")


def _refuse_line(index: int, bad: BadLine) -> Refusal:
    return Refusal(422, f"line {index + 1} of the stream cannot be used: {bad}")


class _Group:
    """Lines of one token that become one row of the journal."""

    __slots__ = ("lines", "size", "texts", "token")

    def __init__(self, token: str) -> None:
        self.token = token
        self.lines: list[Line] = []
        self.texts: list[bytes] = []
        self.size = 0  # bytes of the row


class _Batch:
    """Lines of a session that came together and are written together: a job of the committer."""

    __slots__ = ("_current", "_session", "arrival", "end", "groups", "lane", "refused", "rows", "size", "usable")

    def __init__(self, session: "Session", lane: Lane) -> None:
        self.lane = lane
        self.arrival = now_ms()
        self.groups: list[_Group] = []
        self.refused = 0  # lines whose token may not be used
        self.usable: dict[str | None, bool] = {}  # what is known of their tokens
        self.end = 0  # number after the last line
        self.rows: list[JournalInput] = []
        self.size = 0
        self._session = session
        self._current: dict[str, _Group] = {}

    def add(self, token: str, line: Line, text: bytes) -> None:
        if "layout" in line and len(self._current) > 1:
            self._current.clear()  # what several tokens say of the layout must keep its order
        group = self._current.get(token)
        if group is None:
            group = self._current[token] = _Group(token)
            self.groups.append(group)
        group.lines.append(line)
        group.texts.append(text)

    def seal(self) -> None:
        """No more lines come: make the rows."""
        for group in self.groups:
            text = b"\n".join(group.texts) + b"\n"
            group.size = len(text)
            self.size += len(text)
            self.rows.append((group.token, self.arrival, len(group.lines), text.decode()))

    def written(self, seq: int) -> None:
        self._session.written(self, seq)

    def failed(self, refusal: Refusal) -> None:
        self._session.failed(self, refusal)


class _Device(Lane):
    """What an owner's stream id has delivered. Its jobs stand or fall together, so that no number is left out."""

    __slots__ = ("_row", "committed", "missing", "next", "refused", "session", "text", "uses")

    def __init__(self, row: DeviceRow) -> None:
        super().__init__()
        self._row = row
        self.committed = row.next
        self.next = row.next  # runs ahead of what is committed
        self.missing = row.missing
        self.refused = row.refused
        self.text = row.device
        self.session: Session | None = None
        self.uses = 0  # sessions and jobs

    @property
    def key(self) -> tuple[int, str]:
        return self._row.user_id, self._row.stream_id

    def take(self, first: int, batch: _Batch) -> bool:
        """Move on to the end of a batch that begins with number `first`; False if it holds nothing new."""
        if batch.end <= self.next:
            return False
        self.missing += max(first - self.next, 0)
        self.refused += batch.refused
        self.next = batch.end
        return True

    def row(self) -> DeviceRow:
        return DeviceRow(*self.key, self.next, self.missing, self.refused, self.text)


class Session:
    """One stream request. Call it in the event loop; end it with finish() or abort().

    Thousands of them are idle at a time: it keeps no more than it needs.
    """

    __slots__ = (
        "_arduino", "_backlog", "_bytes", "_clock", "_device", "_device_text", "_done", "_evict", "_first", "_jobs", "_lane",
        "_next", "_open", "_over", "_records", "_refused", "_registered", "_settled", "_streams", "_tried", "on_drained",
        "on_known", "silent", "token", "tokens", "user_id", "whole",
    )  # fmt: skip

    def __init__(self, streams: "Streams", head: Head, evict: Evict) -> None:
        self.token = head.token  # None in the multiplexed dialect
        self.silent = False  # no answer at the end
        self.whole = head.content_length is not None and not head.chunked  # its end is known: it does not stay open
        self.on_drained: Callable[[], None] | None = None
        self.on_known: Callable[[], None] | None = None  # the owner of the tokens
        self.user_id: int | None = None  # the owner of the tokens, once one of them is known
        self.tokens: set[str] = set()
        self._streams = streams
        self._records = head.records
        self._arduino = head.records is None and head.headers.get("user-agent") in _ARDUINO
        self._device_text = head.device[:_DEVICE_TEXT] if head.device else None
        self._evict = evict
        self._clock = BoardClock(head.convert_timestamp) if head.convert_timestamp else None
        self._first = head.records.first if head.records else 0  # number of the first line that is not blank
        self._next = self._first
        self._settled = self._first  # as long as the owner is not known
        self._tried = 0  # multiplexed dialect: lines before the first token that may be used
        self._registered = False  # one of their tokens is, but feeds no plot
        self._lane = Lane()
        self._device: _Device | None = None
        self._jobs = 0
        self._bytes = 0  # of those jobs
        self._backlog: Sequence[bytes] = ()  # lines for which there was no time yet
        self._refused = 0  # lines whose token may not be used
        self._open = True
        self._over: Refusal | None = None  # why no more lines are taken
        self._done: Done | None = None

    @property
    def settled(self) -> int | None:
        """All records below are stored, or never will be; None if the client did not ask for numbers."""
        if self._records is None:
            return None
        return self._device.committed if self._device is not None else self._settled

    @property
    def has_lines(self) -> bool:
        return self._next > self._first

    @property
    def congested(self) -> bool:
        """Too much is taken and not yet committed; `on_drained` is called when that has changed."""
        return self._bytes > _CONGESTED_BYTES or bool(self._backlog)

    @property
    def outcome(self) -> str:
        """What an answer of success says."""
        if not self.has_lines:
            return "nothing was in it to store"
        if self._refused:
            lines = f"{self._refused} line{'' if self._refused == 1 else 's'}"
            return f"stored, but for {lines} whose stream token is not registered here, or feeds no plot"
        if any(map(self._streams.plots.is_fought_over, self.tokens)):
            return "all of it is stored, but another stream uses the same token: give every board and program one of its own"
        return "all of it is stored"

    # What the front calls

    def lines(self, block: bytes) -> None:
        """Take whole lines, each ended by a line feed; blank ones are heartbeats. Raises Refusal; what came before is kept."""
        if self._over is not None:
            raise self._over
        lines = [line for line in block.split(b"\n") if line and not line.isspace()]
        if self._backlog:
            self._backlog = [*self._backlog, *lines]
        else:
            self._work_off(lines)

    def finish(self, done: Done) -> None:
        """The request has ended: `done` is called when all is committed, at once if it is, with None or why it was not."""
        self._done = done
        if not self._backlog:
            self._finish()

    def _finish(self) -> None:
        if self._tried and self.user_id is None and self._over is None:
            self._over = _unusable(self._registered)
        self._leave()
        if self._jobs:
            self._streams.committer.hurry()
        self._tell_done()

    def abort(self) -> None:
        """The connection broke. What was taken is still committed."""
        self._done = lambda _: None
        self.on_drained = None
        if not self._backlog:
            self._leave()

    # In turns, because others wait while the lines of one are taken

    def _work_off(self, lines: Sequence[bytes]) -> None:
        """Take lines as long as the turn lasts. Raises Refusal."""
        try:
            if self.user_id is None:
                lines = self._try_tokens(lines)
            self._backlog = self._take(lines) if lines else ()
        except Refusal as refusal:
            self._over = refusal
            raise
        if self._backlog:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        lines, self._backlog = self._backlog, ()
        try:
            if lines and self._over is None:
                self._work_off(lines)
        except Refusal as refusal:
            if self._done is None:
                self._evict(refusal)
        if self._backlog:
            return
        if self._done is not None and self._open:
            self._finish()
        self._drained()

    def _drained(self) -> None:
        if self.on_drained is not None and not self.congested:
            self.on_drained()

    # Whose lines they are

    def join(self, user_id: int) -> None:
        """The owner is known: take a slot of theirs, and the device's numbers. Raises Refusal."""
        self._streams.count_in(self, user_id)
        if self.on_known is not None:
            self.on_known()
        if self._records is None:
            return
        device = self._streams.device(user_id, self._records.stream_id)
        device.uses += 1
        if device.session is not None:
            device.session.displace(None)
        device.session = self
        device.text = self._device_text or device.text
        self._lane = self._device = device

    def same_device(self, other: Claimant) -> bool:
        return isinstance(other, Session) and self._device is not None and self._device is other._device

    def displace(self, refusal: Refusal | None) -> None:
        """Another stream has taken over: end this one. What it had is still committed."""
        self._over = refusal or Refusal(308, "the same board has connected again")
        self._backlog = ()
        self._leave()
        self._evict(refusal)

    def _leave(self) -> None:
        if not self._open:
            return
        self._open = False
        self._streams.count_out(self)
        if self._device is not None:
            if self._device.session is self:
                self._device.session = None
            self._streams.release(self._device)

    def _try_tokens(self, lines: Sequence[bytes]) -> Sequence[bytes]:
        """Multiplexed dialect: skip lines until one tells whose they are; then give all from the first. Raises Refusal."""
        for index, raw in enumerate(lines[: _TRIAL_LINES - self._tried]):
            token = self._look(raw)
            if token is not None and self._streams.knows(token):
                self.join(self._streams.routes[token].user_id)
                return [*[_WITHOUT_TOKEN] * self._tried, *lines[index:]]
            self._tried += 1
            self._registered = self._registered or token in self._streams.routes
        if self._tried >= _TRIAL_LINES:
            raise _unusable(self._registered)
        return []

    def _look(self, raw: bytes) -> str | None:
        try:
            token = _token(parse_line(raw)[0])
        except BadLine as bad:
            self._settled += self._tried
            raise _refuse_line(self._tried, bad) from None
        if token is None and not self._tried:
            raise Refusal(406, "the header plotly-streamtoken is missing, and the first line holds no streamtoken either")
        self.silent = self._arduino  # its library, whose dialect this is, never reads an answer
        return token

    # Taking lines

    def _take(self, lines: Sequence[bytes]) -> Sequence[bytes]:
        """Keep the lines that are new, up to the first bad one; gives those for which there was no time. Raises Refusal."""
        self._streams.claims.wrote(self)
        if self._over is not None:
            raise self._over
        end = perf_counter() + TURN_S
        first, batch = self._next, _Batch(self, self._lane)
        skip = 0 if self._device is None else min(max(self._device.next - first, 0), len(lines))
        batch.end = first + skip
        refusal = None
        try:
            for begin in range(skip, len(lines), _AT_ONCE):
                if begin > skip and perf_counter() >= end:
                    break
                for raw in lines[begin : begin + _AT_ONCE]:
                    self._take_line(raw, batch)
                    batch.end += 1
        except BadLine as bad:
            refusal = _refuse_line(batch.end - self._first, bad)
        except Refusal as lost_token:
            refusal = lost_token
        self._next = batch.end
        self._submit(first, batch)
        if refusal is not None:
            raise refusal
        return lines[batch.end - first :] or ()

    def _take_line(self, raw: bytes, batch: _Batch) -> None:
        line, text = parse_line(raw)
        token = self.token or _token(line)
        if token not in batch.usable:
            batch.usable[token] = self._usable(token) is not None
        rewrite = self._clock is not None
        if "streamtoken" in line:
            del line["streamtoken"]
            rewrite = True
        if token is None or not batch.usable[token]:
            batch.refused += 1
            self._refused += 1
            return
        if self._clock is not None:
            self._clock.convert(line)
        if line.get("x") == _UNDATED and self._records is not None:
            line["x"] = _utc(batch.arrival)
            rewrite = True
        batch.add(token, line, orjson.dumps(line) if rewrite else text)

    def _usable(self, token: str | None) -> str | None:
        """The token, claimed for this stream, or None. Raises Refusal if it is the only one."""
        route = self._streams.routes.get(token) if token is not None else None
        if token is None or route is None or route.plot_id is None or route.user_id != self.user_id:
            if self.token is not None:
                raise _unusable(route is not None)
            return None
        full = self._streams.plots.full
        if full and (refusal := full.refusal(route)):
            raise refusal
        if token not in self.tokens:
            self._streams.claim(token, self)
        return token

    def _submit(self, first: int, batch: _Batch) -> None:
        device = self._device
        if not (device.take(first, batch) if device is not None else batch.groups):
            return
        if device is not None:
            device.uses += 1
        batch.seal()
        self._jobs += 1
        self._bytes += batch.size
        self._streams.committer.submit(batch)

    # What the committer calls

    def written(self, batch: _Batch, seq: int) -> None:
        """The batch is on disk, and may be seen."""
        self._streams.showing.add(self._show(batch, seq))

    def _show(self, batch: _Batch, seq: int) -> Iterator[None]:
        for index, group in enumerate(batch.groups, seq):
            yield from self._streams.plots.apply(group.token, index, batch.arrival, group.lines, group.size)
        if self._device is not None:
            self._device.committed = batch.end
        self._end_job(batch)

    def failed(self, batch: _Batch, refusal: Refusal) -> None:
        """The batch could not be written."""
        self._over = refusal
        self._backlog = ()
        if self._device is not None:
            self._streams.forget(self._device)  # its numbers ran ahead of what is stored
        if self._open:
            self._leave()
            self._evict(refusal)
        self._end_job(batch)

    def _end_job(self, batch: _Batch) -> None:
        self._jobs -= 1
        self._bytes -= batch.size
        if self._device is not None:
            self._streams.release(self._device)
        self._drained()
        self._tell_done()

    def _tell_done(self) -> None:
        if self._done is not None and not self._jobs and not self._backlog:
            done, self._done = self._done, None
            done(self._over)


class Streams:
    """All streams. Call it in the event loop."""

    def __init__(
        self,
        store: Store,
        committer: Committer,
        plots: Plots,
        most: int = MOST_STREAMS,
        most_of_a_user: int = MOST_STREAMS_OF_A_USER,
        grace: float = GRACE_S,
    ) -> None:
        self.committer = committer
        self.plots = plots
        self.showing = Piecework()
        self._store = store
        self._most = most
        self._most_of_a_user = most_of_a_user
        self._sessions: set[Session] = set()
        self._by_user: Counter[int | None] = Counter()
        self.claims = Claims(plots.note_fight, grace)
        self._devices: dict[tuple[int, str], _Device] = {}

    @property
    def routes(self) -> Mapping[str, Route]:
        return self.plots.routes

    def feeds(self, token: str) -> bool:
        route = self.routes.get(token)
        return route is not None and route.plot_id is not None

    def knows(self, token: str) -> bool:
        """Whether a token may begin a stream, also one that another process made a moment ago."""
        if not self.feeds(token):
            self.plots.learn(token)
        return self.feeds(token)

    def open(self, head: Head, evict: Evict) -> Session:
        """Begin a stream. Raises Refusal: 404, 403, 400, 423, 503.

        `evict(Refusal)` ends it later with an answer, `evict(None)` silently, because the same board came again.
        """
        if head.token is not None and not self.knows(head.token):
            raise _unusable(head.token in self.routes)
        session = Session(self, head, evict)
        if len(self._sessions) >= self._most and head.token not in self.claims:
            raise Refusal(423, f"all {self._most} streams of this endpoint are in use: end one, or try again later")
        self._sessions.add(session)
        if head.token is not None:
            self._begin(session, head.token)
        return session

    def _begin(self, session: Session, token: str) -> None:
        try:
            session.join(self.routes[token].user_id)
        except Refusal:
            session.abort()
            raise
        self.claim(token, session)

    def claim(self, token: str, session: Session) -> None:
        """The token streams here from now on."""
        if not session.whole:
            self.claims.add(token, session)
        session.tokens.add(token)
        self.plots.stream_began(token)

    def count_in(self, session: Session, user_id: int) -> None:
        """Take one of the owner's slots. Raises Refusal(423)."""
        replaces = session.token in self.claims
        if self._by_user[user_id] - replaces >= self._most_of_a_user:
            raise Refusal(423, f"all {self._most_of_a_user} streams of this user are in use: end one, or try again later")
        session.user_id = user_id
        self._by_user[user_id] += 1

    def count_out(self, session: Session) -> None:
        """Give back what the session holds."""
        self._sessions.discard(session)
        if session.user_id is not None:
            self._by_user[session.user_id] -= 1
        for token in session.tokens:
            self.claims.remove(token, session)
            self.plots.stream_ended(token)

    def device(self, user_id: int, stream_id: str) -> _Device:
        """The numbers of an owner's stream id. Raises Refusal(503)."""
        device = self._devices.get((user_id, stream_id))
        if device is None:
            try:
                row = self._store.device(user_id, stream_id)
            except StoreError as error:
                raise Refusal(503, str(error)) from None
            device = _Device(row or DeviceRow(user_id, stream_id, 0, 0, 0, None))
            self._devices[device.key] = device
        return device

    def release(self, device: _Device) -> None:
        """One session or job less needs the device."""
        device.uses -= 1
        if not device.uses:
            self.forget(device)

    def forget(self, device: _Device) -> None:
        """Read it from the store again when it is needed next."""
        if self._devices.get(device.key) is device:
            del self._devices[device.key]
