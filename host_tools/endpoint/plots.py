"""The plots in memory: loaded from snapshot and journal, changed by committed lines only, compacted."""

import asyncio
import hmac
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from . import quota
from .attributes import MAX_DEPTH, too_deep
from .claims import WINDOW_S
from .commit import Committer
from .conceal import conceal, conceal_text
from .disk import Disk
from .errors import EndpointError, Refusal
from .figure import Figure
from .full import Full
from .grids import reader, resolve
from .hub import Hub, View
from .store import Changes, JournalRow, PlotRow, Route, Store, User
from .style import Style
from .trace import MAX_POINTS, Line, read_stream

logger = logging.getLogger(__name__)

T = TypeVar("T")

SHARING = ("public", "private", "secret")
FILEOPTS = ("new", "overwrite", "append", "extend")
LONGEST_NAME = 300

_POLL_S = 1.0
_UNLOAD_S = 60.0
_MOST_BYTES_HELD = 64 << 20  # as JSON, of figures that nobody views; in memory they take several times as much
_GRACE_S = 3.0  # a board ends its request every few seconds, and goes on with the next
_APPLIED_AT_ONCE = 64  # lines times the traces that they feed
_FIGHT = "streams with the same token end each other here: give every board and program a token of its own"
_COMPACT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlotInfo:
    """What lists and pages show of a plot."""

    id: int
    fid: int
    user: str
    filename: str
    sharing: str  # one of SHARING
    fed: bool  # a token feeds it: it is no static picture
    live: bool  # a stream feeds it now
    last: int | None  # when the last line came, ms since 1970
    points: int  # points given by REST since the plot was last made new, plus lines streamed into it
    share_key: str  # opens it to whoever has it while it is secret
    trouble: str | None  # why it takes no more readings for now, or loses some

    @property
    def path(self) -> str:
        """The address of its page; for a secret plot the link that opens it."""
        path = f"/~{self.user}/{self.fid}"
        return f"{path}?share_key={self.share_key}" if self.sharing == "secret" else path

    def visible_to(self, user: User | None, share_key: str = "") -> bool:
        """Whether that user, None for a stranger, may see it; a secret plot opens to everybody who has the key."""
        if self.sharing == "public" or (user is not None and user.name == self.user):
            return True
        return self.sharing == "secret" and hmac.compare_digest(share_key.encode(), self.share_key.encode())


class _Plot:
    """A plot in use. Without viewers only its size is kept; the figure is loaded when somebody asks for it."""

    __slots__ = ("figure", "journal_bytes", "last", "seq", "shown", "snapshot_bytes", "used", "version")

    def __init__(self, snapshot_bytes: int, journal_bytes: int, version: int, seq: int) -> None:
        self.figure: Figure | None = None
        self.shown: tuple[int, bytes] | None = None  # the figure as JSON for everybody, and the row it is of
        self.snapshot_bytes = snapshot_bytes
        self.journal_bytes = journal_bytes
        self.version = version
        self.seq = seq  # rows of the journal up to this one are in here
        self.last: int | None = None
        self.used = 0.0  # loop time


class Plots:
    """All plots of the store. Call it in the event loop. Store trouble is raised as StoreError, or Refusal(503) by coroutines."""

    def __init__(self, store: Store, committer: Committer, hub: Hub, grace: float = _GRACE_S) -> None:
        self._store = store
        self._committer = committer
        self._hub = hub
        self._grace = grace
        hub.look, hub.conceal = self._look, self._conceal
        self._plots: dict[int, _Plot] = {}
        self._streaming: Counter[str] = Counter()  # streams of each token, those included that ended a moment ago
        self._live: set[int] = set()  # plots that are fed
        self._fights: dict[int, float] = {}  # plots whose streams have ended each other, and when they last did, in loop time
        self._data_version: int | None = None
        self._poller: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.routes: dict[str, Route] = store.routes()  # of every token that may be used
        self.full = Full(store)
        self.disk = Disk(store.path.parent)

    async def start(self) -> None:
        """Watch for what other processes change, until close()."""
        await self.poll()
        self._poller = asyncio.create_task(self._poll_for_ever(), name="plots")

    async def close(self) -> None:
        tasks = [self._poller] if self._poller else []
        if self._poller:
            self._poller.cancel()
        await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)

    async def _poll_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            with suppress(Refusal, EndpointError):  # a disk in trouble is told to those who stream
                await self.poll()

    async def poll(self) -> None:
        """Take over what another process has changed, and let go of figures that nobody uses."""
        version = await self._committer.run(Store.data_version)
        if version != self._data_version:
            self._data_version = version
            self._take_over(await self._committer.run(Store.everything))
        self.disk.look()
        idle = asyncio.get_running_loop().time() - _UNLOAD_S
        for plot_id, plot in self._plots.items():
            if plot.used < idle and not self._hub.watched(plot_id):
                plot.figure = plot.shown = None

    def _take_over(self, changes: Changes) -> None:
        """Have the changed routes, and forget the plots that were saved or deleted meanwhile."""
        if changes.whole:
            self.routes = {}
        for token, route in changes.routes.items():
            if route is None:
                self.routes.pop(token, None)
            else:
                self.routes[token] = route
        for plot_id in [plot_id for plot_id, plot in self._plots.items() if not changes.leave(plot_id, plot.version)]:
            del self._plots[plot_id]
            self._hub.reload(plot_id)
        self.full.take_over(changes)
        self._tell_live()

    def learn(self, token: str) -> None:
        """Take over a token that another process has made or linked since the last poll: somebody uses it already."""
        route = self._store.route(token)
        if route is not None:
            self.routes[token] = route

    def _plot_of(self, token: str) -> int | None:
        route = self.routes.get(token)
        return route.plot_id if route else None

    # What REST and pages want

    async def save(
        self,
        user: User,
        data: list[dict[str, Any]],
        layout: dict[str, Any],
        *,
        filename: str = "",
        fileopt: str = "new",
        sharing: str = "public",
    ) -> tuple[PlotInfo, list[str]]:
        """Make or change a plot; gives it and warnings for the client. Raises Refusal.

        `fileopt` is "new", "overwrite" (the user's plot of that filename keeps its address), "append" (traces) or
        "extend" (points at the end of the traces that are there).
        """
        plot_id, warnings = await self.change(lambda store: save_plot(store, user, data, layout, filename, fileopt, sharing))
        row = self._store.plot(plot_id)
        if row is None:
            raise Refusal(404, "the plot was deleted meanwhile")
        return self._info(row), warnings

    async def change(self, work: Callable[[Store], T]) -> T:
        """Do what changes the store's plots in a transaction, then take the change over. Raises what `work` raises, Refusal(503)."""
        task = asyncio.create_task(self._change(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)  # what is stored is taken over, also if nobody waits for it any more

    async def _change(self, work: Callable[[Store], T]) -> T:
        result, changes = await self._committer.run(lambda store: store.noted(work))
        self._take_over(changes)
        return result

    async def restyle(self, plot_id: int, style: Style) -> None:
        """Change how a plot looks, for everybody who has it open. Raises Refusal."""
        await self.change(lambda store: restyle_plot(store, plot_id, style))

    async def copy(self, user: User, plot_id: int, style: Style) -> PlotInfo:
        """Make a static copy of a plot as it is now, restyled, which is the user's. Raises Refusal."""
        copied = await self.change(lambda store: copy_plot(store, user, plot_id, style))
        row = self._store.plot(copied)
        if row is None:
            raise Refusal(404, "the copy was deleted meanwhile")
        return self._info(row)

    def find(self, user_name: str, fid: int) -> PlotInfo | None:
        plot_id = self._store.plot_at(user_name, fid)
        row = self._store.plot(plot_id) if plot_id is not None else None
        return self._info(row) if row else None

    def list(self) -> list[PlotInfo]:
        """All plots: those that are fed now first, then the one that was fed or changed last."""
        return sorted(map(self._info, self._store.plots()), key=lambda info: not info.live)

    def _info(self, row: PlotRow) -> PlotInfo:
        live = row.id in self._live
        return PlotInfo(
            row.id,
            row.fid,
            row.user,
            row.filename,
            row.sharing,
            row.fed,
            live,
            row.last,
            row.points,
            row.share_key,
            self._trouble_of(row),
        )

    def figure(self, plot_id: int, tokens: bool = False) -> dict[str, Any]:
        """{"data": [...], "layout": {...}}; with the owner's stream tokens only if asked for. Raises Refusal(404)."""
        figure, _ = self._load(plot_id)
        return figure.as_dict(tokens=True) if tokens else conceal(figure.as_dict(), self.routes, figure.tokens)

    def figure_json(self, plot_id: int) -> bytes:
        """The same without tokens, as JSON: made once, however many ask, until something comes. Raises Refusal(404)."""
        figure, plot = self._load(plot_id)
        if plot.shown is None or plot.shown[0] != plot.seq:
            plot.shown = plot.seq, conceal_text(orjson.dumps(figure.as_dict()), self.routes, figure.tokens)
        return plot.shown[1]

    def _look(self, plot_id: int) -> View:
        _, plot = self._load(plot_id)
        return View(self.figure(plot_id), plot_id in self._live, plot.last, self._trouble(plot_id))

    def _trouble(self, plot_id: int) -> str | None:
        row = self._store.plot(plot_id) if self.full or self._fights else None
        return self._trouble_of(row) if row else None

    def _trouble_of(self, row: PlotRow) -> str | None:
        full = self.full.trouble(row.id, row.user_id)
        return f"no more readings are taken: {full}" if full else _FIGHT if self._is_contested(row.id) else None

    def _conceal(self, plot_id: int, told: dict[str, Any]) -> dict[str, Any]:
        """What viewers of the plot may read of that."""
        plot = self._plots.get(plot_id)
        return conceal(told, self.routes, plot.figure.tokens if plot and plot.figure else ())

    def _load(self, plot_id: int) -> tuple[Figure, _Plot]:
        plot = self._plots.get(plot_id)
        if plot is None or plot.figure is None:
            loaded = self._store.load_plot(plot_id)
            if loaded is None:
                raise Refusal(404, "there is no such plot; it may have been deleted")
            row, snapshot, journal = loaded
            plot = _Plot(len(snapshot), sum(len(each.lines) for each in journal), row.version, row.seq)
            plot.figure, plot.last = replay(snapshot, journal), row.last
            self._plots[plot_id] = plot
            self._make_room(plot_id)
        plot.used = asyncio.get_running_loop().time()
        assert plot.figure is not None
        return plot.figure, plot

    def _make_room(self, wanted: int) -> None:
        """Let go of figures that nobody views, the one used longest ago first, so that who looks at all plots fills no memory."""
        held = {plot_id: plot for plot_id, plot in self._plots.items() if plot.figure is not None}
        size = sum(plot.snapshot_bytes + plot.journal_bytes for plot in held.values())
        for plot_id, plot in sorted(held.items(), key=lambda item: item[1].used):
            if size <= _MOST_BYTES_HELD:
                return
            if plot_id != wanted and not self._hub.watched(plot_id):
                plot.figure = plot.shown = None
                size -= plot.snapshot_bytes + plot.journal_bytes

    # What streams do

    def stream_began(self, token: str) -> None:
        """The token streams now; viewers of its plot are told."""
        self._streaming[token] += 1
        plot_id = self._plot_of(token)
        if plot_id is not None and plot_id not in self._live:
            self._live.add(plot_id)
            self._tell_status(plot_id)

    def note_fight(self, token: str) -> None:
        """Streams with the token end each other: their plot's viewers are told, and the log, once."""
        plot_id = self._plot_of(token)
        if plot_id is None:
            return
        known = self._is_contested(plot_id)
        self._fights[plot_id] = asyncio.get_running_loop().time()
        row = None if known else self._store.plot(plot_id)
        if row is not None:
            logger.warning("/~%s/%d, token %s...: %s", row.user, row.fid, token[:2], _FIGHT)
            self._tell_status(plot_id)

    def _is_contested(self, plot_id: int) -> bool:
        """Whether streams of the plot have ended each other lately."""
        last = self._fights.get(plot_id)
        return last is not None and asyncio.get_running_loop().time() - last < WINDOW_S

    def is_fought_over(self, token: str) -> bool:
        """Whether that is so with the plot of the token."""
        plot_id = self._plot_of(token) if self._fights else None
        return plot_id is not None and self._is_contested(plot_id)

    def stream_ended(self, token: str) -> None:
        """Viewers are told when no other stream follows within the grace."""
        asyncio.get_running_loop().call_later(self._grace, self._quiet, token)

    def _quiet(self, token: str) -> None:
        self._streaming[token] -= 1
        if not self._streaming[token]:
            del self._streaming[token]
            self._tell_live()

    def _tell_live(self) -> None:
        """Find out which plots are fed, and tell viewers where that has changed."""
        before = self._live
        self._live = {plot_id for token in self._streaming if (plot_id := self._plot_of(token)) is not None}
        for plot_id in before ^ self._live:
            self._tell_status(plot_id)

    def _tell_status(self, plot_id: int) -> None:
        plot = self._plots.get(plot_id)
        last = plot.last if plot else None
        self._hub.status(plot_id, plot_id in self._live, last, self._trouble(plot_id))

    def apply(self, token: str, seq: int, time: int, lines: Sequence[Line], size: int) -> Iterator[None]:
        """Change the figure by lines that were committed as row `seq` of the journal, and tell viewers; pauses for others' turns.

        `size` is their number of bytes, `time` when they came. Rows must be applied in their order, one after another.
        """
        plot_id = self._plot_of(token)
        if plot_id is None:
            return  # unlinked while they were under way: the row was left out
        try:
            plot = self._plots.get(plot_id) or self._measure(plot_id)
            if plot is not None and seq > plot.seq:
                yield from self._apply(plot_id, plot, token, seq, time, lines, size)
        except (EndpointError, Refusal):  # the store cannot be read now; the lines are in it, and come with the next load
            self._plots.pop(plot_id, None)
            self._hub.reload(plot_id)

    def _apply(
        self, plot_id: int, plot: _Plot, token: str, seq: int, time: int, lines: Sequence[Line], size: int
    ) -> Iterator[None]:
        figure, gaps = plot.figure, 0
        if figure is not None:
            step = max(_APPLIED_AT_ONCE // max(figure.fed(token), 1), 1)
            for begin in range(0, len(lines), step):
                gaps += figure.apply(token, lines[begin : begin + step], self._hub.delta(plot_id))
                self._hub.publish(plot_id, time)
                yield
                if self._plots.get(plot_id) is not plot or plot.figure is not figure:
                    return  # what is there now was read from the store, which has all of the lines
        plot.seq, plot.last = seq, time
        plot.journal_bytes += size + gaps * len("null,")  # what a snapshot needs for them
        if plot.journal_bytes > min(max(_COMPACT_BYTES, plot.snapshot_bytes), quota.MOST_PLOT_BYTES // 8):
            self._compact(plot_id)

    def _measure(self, plot_id: int) -> _Plot | None:
        size = self._store.measure_plot(plot_id)
        if size is None:
            return None
        plot = self._plots[plot_id] = _Plot(size.snapshot, size.journal, size.version, size.seq)
        return plot

    def _compact(self, plot_id: int) -> None:
        """Put a snapshot in the place of the journal: each byte is written about twice, however long a stream runs."""
        figure, plot = self._load(plot_id)
        snapshot = figure.snapshot()
        plot.snapshot_bytes, plot.journal_bytes = len(snapshot), 0
        if quota.is_over(snapshot):
            self.full.add(plot_id, plot.version)
            self._tell_status(plot_id)
        task = asyncio.create_task(self._write_snapshot(plot_id, plot.version, snapshot, plot.seq))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_snapshot(self, plot_id: int, version: int, snapshot: bytes, upto: int) -> None:
        with suppress(Refusal):  # the disk is full: the journal stays, and the next megabyte tries again
            await self._change(lambda store: store.compact_plot(plot_id, version, snapshot, upto))


def replay(snapshot: bytes, journal: Iterable[JournalRow]) -> Figure:
    """The figure that a snapshot and the lines since lead to."""
    figure = Figure(**orjson.loads(snapshot))
    for row in journal:
        figure.apply(row.token, [orjson.loads(line) for line in row.lines.split(b"\n") if line])
    return figure


# What a save does


def save_plot(
    store: Store, user: User, data: list[dict[str, Any]], layout: dict[str, Any], filename: str, fileopt: str, sharing: str
) -> tuple[int, list[str]]:
    """What Plots.save does, in a transaction of the caller: for programs without an event loop too.

    Gives the plot's id and warnings. Raises Refusal, StoreError.
    """
    filename = filename.strip()
    if filename:
        check_name(filename)
    _check_words(fileopt, sharing)
    data, layout = checked(store, user, data, layout)
    plot_id = store.plot_named(user, filename) if filename and fileopt != "new" else None
    points = _count(data)
    if plot_id is None or fileopt == "overwrite":
        figure = Figure(data, layout)
    else:
        figure, row = stored(store, plot_id)
        points += row.points
        (figure.append if fileopt == "append" else figure.extend)(data, layout)
    plot_id = write_plot(store, user, plot_id, figure, filename, sharing, points)
    return plot_id, list(_warnings(data))


def checked(store: Store, user: User, data: Any, layout: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Data and layout as a plot keeps them: plain JSON, with the data that they refer to and the user's own tokens. Raises Refusal."""
    data, layout = _plain(data, layout)
    _check_tokens(data, user, store)
    return resolve(data, reader(store, user)), layout


def write_plot(
    store: Store, user: User, plot_id: int | None, figure: Figure, filename: str, sharing: str, points: int | None = None
) -> int:
    """Make a plot, or give one another figure; the figure's tokens feed it from now on. Gives the plot's id."""
    snapshot = figure.snapshot()
    points = sum(map(len, figure.traces)) if points is None else points
    if plot_id is None:
        plot_id = store.new_plot(user, filename, sharing, snapshot, points)
    else:
        store.save_plot(plot_id, snapshot, points, sharing)
    _move_links(store, plot_id, figure.tokens)
    return plot_id


def restyle_plot(store: Store, plot_id: int, style: Style) -> None:
    """What Plots.restyle does, in a transaction of the caller. Raises Refusal, StoreError."""
    figure, row = _found(store, plot_id)
    style.apply(figure)
    store.save_plot(plot_id, figure.snapshot(), row.points, row.sharing)


def copy_plot(store: Store, user: User, plot_id: int, style: Style) -> int:
    """What Plots.copy does, in a transaction of the caller; gives the copy's id. Raises Refusal, StoreError."""
    figure, row = _found(store, plot_id)
    style.apply(figure)
    figure.release(figure.tokens)
    snapshot = figure.snapshot()
    return store.new_plot(user, f"Copy of {row.filename}", row.sharing, snapshot, sum(map(len, figure.traces)))


def check_name(filename: str) -> None:
    """Whether a plot, grid or folder may be called that, with the folders that it is in. Raises Refusal(400)."""
    if len(filename) > LONGEST_NAME or not all(part.strip() for part in filename.split("/")):
        raise Refusal(400, f"a filename has 1 to {LONGEST_NAME} characters, and no empty part between slashes")
    if not all(character >= " " and character != "\x7f" for character in filename):
        raise Refusal(400, "a filename holds no line feed, and no other control character")
    try:
        filename.encode()
    except UnicodeEncodeError:
        raise Refusal(400, "the filename holds half a character, which is no text") from None


def _check_words(fileopt: str, sharing: str) -> None:
    for name, value, allowed in (("fileopt", fileopt, FILEOPTS), ("sharing", sharing, SHARING)):
        if value not in allowed:
            raise Refusal(400, f"{name} is {value[:40]!r}; it must be one of {', '.join(allowed)}")


def _plain(data: Any, layout: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The figure as JSON keeps it: NaN becomes null. Raises Refusal(400) when it is no figure."""
    if not isinstance(data, list) or not all(isinstance(trace, dict) for trace in data):
        raise Refusal(400, "the data of a plot must be a list of traces, and each trace an object")
    if not isinstance(layout, dict):
        raise Refusal(400, "the layout of a plot must be an object")
    if too_deep(data) or too_deep(layout):
        raise Refusal(400, f"the plot is nested more than {MAX_DEPTH} deep")
    try:
        plain_data, plain_layout = orjson.loads(orjson.dumps((data, layout)))
    except TypeError as error:
        raise Refusal(400, f"the plot holds what JSON cannot: {error}") from None
    return plain_data, plain_layout


def _check_tokens(data: list[dict[str, Any]], user: User, store: Store) -> None:
    for number, trace in enumerate(data, 1):
        each, _ = read_stream(trace.get("stream"))
        if each is not None:
            route = store.route(each)
            if route is None or route.user_id != user.id:
                raise Refusal(
                    404,
                    f"trace {number}: its stream token ({each[:2]}...) is not registered for {user.name};"
                    " make one with 'plotpost token new'",
                )


def _warnings(data: list[dict[str, Any]]) -> Iterable[str]:
    for number, trace in enumerate(data, 1):
        stream = trace.get("stream")
        maxpoints = stream.get("maxpoints") if isinstance(stream, dict) else None
        if maxpoints is not None and not (type(maxpoints) is int and 1 <= maxpoints <= MAX_POINTS):
            yield f"trace {number}: maxpoints must be a whole number from 1 to {MAX_POINTS}; the nearest is used"
        if trace.get("transforms"):
            yield f"trace {number}: transforms are not drawn, plotly.js no longer does them: transform the data before you send it"


def _count(data: list[dict[str, Any]]) -> int:
    return sum(len(trace) for trace in Figure(data, {}).traces)


def _found(store: Store, plot_id: int) -> tuple[Figure, PlotRow]:
    if store.plot(plot_id) is None:
        raise Refusal(404, "there is no such plot; it may have been deleted")
    return stored(store, plot_id)


def stored(store: Store, plot_id: int) -> tuple[Figure, PlotRow]:
    """A plot that is there, as it is at this moment of the caller's transaction."""
    loaded = store.load_plot(plot_id)
    assert loaded is not None, "read in the transaction that found it"
    row, snapshot, journal = loaded
    return replay(snapshot, journal), row


def _move_links(store: Store, plot_id: int, tokens: set[str]) -> None:
    """Let the tokens feed this plot. A plot that they fed before keeps its data as a static picture."""
    for token in store.links(plot_id) - tokens:
        store.unlink(token)
    routes = {token: route for token in tokens if (route := store.route(token))}  # the figure may still name one that was revoked
    for other in {route.plot_id for route in routes.values()} - {None, plot_id}:
        assert other is not None
        figure, row = stored(store, other)
        figure.release(routes)
        store.save_plot(other, figure.snapshot(), row.points, row.sharing)
    for token in routes:
        store.link(token, plot_id)
