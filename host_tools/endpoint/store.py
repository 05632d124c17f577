"""The SQLite file: users, sessions, tokens, plots, grids, folders, journal, devices. Every statement of SQL stands here."""

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import sqlite3
import string
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson

from . import quota
from .errors import EndpointError

FIRST_USER = "me"  # of a new data folder
FILENAME = "plotpost.sqlite3"
LOCK_FILENAME = "plotpost.lock"  # a file of its own: closing SQLite's would drop SQLite's locks (sqlite.org/howtocorrupt.html)
SCHEMA_VERSION = 4
DEVICE_LIFETIME_MS = 400 * 24 * 3600 * 1000
SESSION_LIFETIME_MS = 30 * 24 * 3600 * 1000  # since the last login

_LONGEST_ADDRESS = 1000
_APPLICATION_ID = 0x706C6F74  # "plot": tells our files from other programs' (sqlite.org/pragma.html#pragma_application_id)
_BUSY_TIMEOUT_MS = 5000
_WAL_BYTES = 64 * 1024 * 1024  # what the write-ahead log may keep on disk after it was needed
_SECRET_LENGTH = 10  # Plotly's Arduino library counts lengths by hand and is right for exactly ten characters only
_SECRET_ALPHABET = string.ascii_lowercase + string.digits
_USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

# Blobs come last: SQLite reads the columns before them without touching their overflow pages.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, key_hash BLOB NOT NULL, salt BLOB NOT NULL,
    created INTEGER NOT NULL, last_fid INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS sessions (
    hash BLOB PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, name TEXT,
    created INTEGER NOT NULL, revoked INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tokens_by_user ON tokens (user_id, name);
CREATE TABLE IF NOT EXISTS plots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, fid INTEGER NOT NULL,
    filename TEXT NOT NULL, sharing TEXT NOT NULL, share_key TEXT NOT NULL DEFAULT '', points INTEGER NOT NULL, last INTEGER,
    created INTEGER NOT NULL, changed INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 0, snapshot BLOB NOT NULL,
    UNIQUE (user_id, fid));
CREATE INDEX IF NOT EXISTS plots_by_size ON plots (user_id, length(snapshot));
CREATE TABLE IF NOT EXISTS links (
    token TEXT PRIMARY KEY REFERENCES tokens ON DELETE CASCADE, plot_id INTEGER NOT NULL REFERENCES plots ON DELETE CASCADE
    ) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_by_plot ON links (plot_id);
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, fid INTEGER NOT NULL,
    kind TEXT NOT NULL, filename TEXT NOT NULL, sharing TEXT NOT NULL, share_key TEXT NOT NULL,
    created INTEGER NOT NULL, changed INTEGER NOT NULL, content BLOB NOT NULL, UNIQUE (user_id, fid));
CREATE INDEX IF NOT EXISTS files_by_size ON files (user_id, length(content));
CREATE TABLE IF NOT EXISTS trash (
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, fid INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (user_id, fid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, plot_id INTEGER NOT NULL REFERENCES plots ON DELETE CASCADE,
    token TEXT NOT NULL, time INTEGER NOT NULL, count INTEGER NOT NULL, lines BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS journal_by_plot ON journal (plot_id, time, count);
CREATE TABLE IF NOT EXISTS devices (
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, stream_id TEXT NOT NULL, next INTEGER NOT NULL,
    missing INTEGER NOT NULL, refused INTEGER NOT NULL, device TEXT, last_used INTEGER NOT NULL,
    PRIMARY KEY (user_id, stream_id)) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""

# What version 1 lacked, beside whole tables.
_FROM_1 = """
ALTER TABLE plots ADD COLUMN share_key TEXT NOT NULL DEFAULT '';
UPDATE plots SET share_key = lower(hex(randomblob(10)));
"""

# One statement a batch, not one a row: each step of SQLite gives the interpreter's lock away, and a thread that competes
# with a busy event loop waits up to 5 ms to get it back (sys.getswitchinterval).
# The link is looked up here, so a line lands in the plot that its token feeds at this very moment.
_APPEND = """
INSERT INTO journal (seq, plot_id, token, time, count, lines)
SELECT ?2 + row.key, links.plot_id, links.token, json_extract(row.value, '$[1]'), json_extract(row.value, '$[2]'),
    CAST(json_extract(row.value, '$[3]') AS BLOB)
FROM json_each(?1) AS row JOIN links ON links.token = json_extract(row.value, '$[0]')
"""
_MOVE_DEVICES = """
INSERT INTO devices (user_id, stream_id, next, missing, refused, device, last_used)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), ?2
FROM json_each(?1) WHERE true
ON CONFLICT DO UPDATE SET next = excluded.next, missing = excluded.missing, refused = excluded.refused,
    device = coalesce(excluded.device, device), last_used = excluded.last_used
"""
_PLOTS = """
SELECT plots.id, plots.user_id, users.name, plots.fid, plots.filename, plots.sharing,
    plots.points + coalesce(sum(journal.count), 0), coalesce(max(journal.time), plots.last),
    plots.created, plots.changed, plots.version, plots.share_key,
    EXISTS (SELECT 1 FROM links WHERE links.plot_id = plots.id), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0)
FROM plots JOIN users ON users.id = plots.user_id LEFT JOIN journal ON journal.plot_id = plots.id
WHERE (plots.user_id, plots.fid) NOT IN (SELECT user_id, fid FROM trash)
"""
_FILES = """
SELECT file.id, file.user_id, users.name, file.fid, kind, filename, sharing, share_key, file.created, changed, since
FROM (SELECT id, user_id, fid, 'plot' AS kind, filename, sharing, share_key, created, changed FROM plots
    UNION ALL SELECT id, user_id, fid, kind, filename, sharing, share_key, created, changed FROM files) AS file
JOIN users ON users.id = file.user_id LEFT JOIN trash ON (trash.user_id, trash.fid) = (file.user_id, file.fid)
"""

# What a piece of work changes is noted by the database itself, so that no statement is forgotten, nor what goes along with it.
_NOTES = "CREATE TEMP TABLE changed (what TEXT, id, PRIMARY KEY (what, id)) WITHOUT ROWID;" + "".join(
    f"CREATE TEMP TRIGGER {table}_{what}_{event} AFTER {event} ON main.{table}"
    f" BEGIN INSERT OR IGNORE INTO changed VALUES ('{what}', {row}.{column}); END;"
    for table, what, column in (
        ("tokens", "token", "token"),
        ("links", "token", "token"),
        ("plots", "plot", "id"),
        ("plots", "user", "user_id"),
        ("files", "user", "user_id"),
    )
    for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
)

T = TypeVar("T")
JournalInput = tuple[str, int, int, str]  # token, time, count, lines


class StoreError(EndpointError):
    """The store cannot be opened, read or written. The message is one line for a person and holds no secret."""


@dataclass(frozen=True, slots=True)
class User:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Token:
    token: str
    user: str
    name: str | None
    created: int  # ms since 1970, like every time in the store
    revoked: bool
    plot_id: int | None


@dataclass(frozen=True, slots=True)
class Route:
    """Whose a token is, and which plot it feeds."""

    user_id: int
    plot_id: int | None


@dataclass(frozen=True, slots=True)
class PlotRow:
    id: int
    user_id: int
    user: str
    fid: int
    filename: str
    sharing: str  # "public", "private", "secret"
    points: int  # points given by REST since the plot was last made new, plus lines streamed into it
    last: int | None  # when the last line came
    created: int
    changed: int
    version: int  # counts the saves; a compaction that was computed before a save is void
    share_key: str  # opens the plot to whoever has it while it is secret
    fed: bool  # a token feeds it: it is no static picture
    seq: int  # no row of any plot's journal that was written until then has a higher one


@dataclass(frozen=True, slots=True)
class FileRow:
    """What plots, grids and folders have in common. A user's are numbered together."""

    id: int
    user_id: int
    user: str
    fid: int
    kind: str  # "plot", "grid", "fold"
    filename: str  # with the folders that it is in: "rooms/kitchen"
    sharing: str
    share_key: str
    created: int
    changed: int
    trashed: int | None  # when it was put into the trash


@dataclass(frozen=True, slots=True)
class JournalRow:
    """Lines of one token, each a JSON object ended by a line feed, without the token."""

    seq: int
    token: str
    time: int
    count: int
    lines: bytes


@dataclass(frozen=True, slots=True)
class PlotSize:
    snapshot: int  # bytes
    journal: int  # bytes
    version: int
    seq: int  # as in PlotRow


class PlotState(NamedTuple):
    """What decides whether a plot in memory is still the one in the store, and whether it may grow."""

    version: int
    is_over: bool  # larger than a plot may be


@dataclass(frozen=True, slots=True)
class Changes:
    """How things are now that were changed: None for what is there no more. `whole` where nothing else is there."""

    routes: dict[str, Route | None]
    plots: dict[int, PlotState | None]
    usage: dict[int, quota.Usage]  # by user
    whole: bool = False

    def leave(self, plot_id: int, version: int) -> bool:
        """Whether the plot is still there in that version."""
        state = self.plots.get(plot_id)
        return state.version == version if state is not None else not self.whole and plot_id not in self.plots


class DeviceRow(NamedTuple):
    """What one owner's stream id has delivered: all records below `next` are settled."""

    user_id: int
    stream_id: str
    next: int
    missing: int  # numbers that never came
    refused: int  # records that came with a token that may not be used
    device: str | None  # text of the header plotpost-device


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _secret() -> str:
    return "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(_SECRET_LENGTH))


def _key_hash(key: str, salt: bytes) -> bytes:
    """Slow on purpose (about 50 ms): a key has 51 bits only."""
    return hashlib.scrypt(key.encode(), salt=salt, n=2**14, r=8, p=1)


def _seen(name: str, key: str) -> tuple[str, bytes]:
    """What is remembered of a key that was right."""
    return name, hashlib.sha256(key.encode("utf-8", "replace")).digest()


def _session_hash(session: str) -> bytes:
    return hashlib.sha256(session.encode("utf-8", "replace")).digest()


def _explain(error: sqlite3.Error) -> str:
    """What went wrong and what to do about it, in one line."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return "the endpoint's disk is full: make room on it; streams go on by themselves"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "the endpoint's store is locked by another program for too long: end that program"
    if name.startswith("SQLITE_READONLY"):
        return "the endpoint may not write its store: check owner and permissions of the data folder"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "the endpoint's store is damaged: stop it and restore the data folder from a backup"
    return f"the endpoint cannot use its store ({name or type(error).__name__}): check the disk of the data folder"


class Store:
    """One connection to the file. Several processes and threads may each have their own."""

    def __init__(self, path: Path, connection: sqlite3.Connection, is_new: bool = False) -> None:
        self.path = path
        self.is_new = is_new  # nothing was there
        self._db = connection
        self._claim: int | None = None  # file descriptor of the lock
        self._verified: dict[tuple[str, bytes], bytes] = {}

    @classmethod
    def open(cls, folder: Path) -> "Store":
        """Open `plotpost.sqlite3` in the data folder; both are made when missing. Raises StoreError."""
        path = folder / FILENAME
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(path)
        except OSError as error:
            raise StoreError(f"cannot open {path}: {error.strerror}; choose another folder with --data") from None
        try:
            connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False)
            try:
                is_new = _prepare(connection, path)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise StoreError(f"cannot open {path}: {_explain(error)}") from None
        return cls(path, connection, is_new)

    def close(self) -> None:
        self._db.close()
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None

    def claim(self) -> None:
        """Be the only endpoint of this folder until close(), or until the process ends. Raises StoreError if there is one."""
        claim = os.open(self.path.with_name(LOCK_FILENAME), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(claim)
            raise StoreError(
                f"another endpoint uses {self.path.parent}: stop it first, or choose another folder with --data"
            ) from None
        self._claim = claim

    def tell_address(self, url: str) -> None:
        """Let commands on this machine find the endpoint that has claimed the folder."""
        assert self._claim is not None, "claim() comes first"
        os.ftruncate(self._claim, 0)
        os.pwrite(self._claim, url.encode(), 0)

    def address(self) -> str | None:
        """The URL of the endpoint that runs with this folder, None where none does."""
        try:
            claim = os.open(self.path.with_name(LOCK_FILENAME), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(claim, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.read(claim, _LONGEST_ADDRESS).decode() or None
        finally:
            os.close(claim)
        return None

    def clone(self) -> "Store":
        """A second connection to the same file."""
        return Store.open(self.path.parent)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk at the end of the block. Raises StoreError when SQLite cannot."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise StoreError(_explain(error)) from error
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # SQLite rolls back by itself after some errors
            self._db.execute("ROLLBACK")

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(_explain(error)) from error

    def _row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        return next(iter(self._rows(sql, *values)), None)

    def _write(self, sql: str, *values: Any) -> int:
        """Run one statement, in the caller's transaction if there is one; gives the number of rows it changed."""
        try:
            return self._db.execute(sql, values).rowcount
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise StoreError(_explain(error)) from error

    def data_version(self) -> int:
        """Another number whenever another connection has changed the file."""
        row = self._row("PRAGMA data_version")
        assert row is not None
        return int(row[0])

    # Users

    def create_user(self, name: str) -> str:
        """Make a user and give back the API key, which is kept as a hash only. Raises StoreError."""
        if not _USER_NAME.fullmatch(name):
            raise StoreError(f"not a user name: {name[:64]!r}; use up to 64 letters, digits, '.', '-' and '_'")
        key, salt = _secret(), secrets.token_bytes(16)
        try:
            self._write(
                "INSERT INTO users (name, key_hash, salt, created) VALUES (?, ?, ?, ?)",
                name, _key_hash(key, salt), salt, now_ms(),
            )  # fmt: skip
        except sqlite3.IntegrityError:
            raise StoreError(f"there is a user {name!r} already; choose another name") from None
        return key

    def rotate_key(self, user: User) -> str:
        """Give the user another API key. The old one opens nothing any more, and whoever is logged in with it is logged out."""
        key, salt = _secret(), secrets.token_bytes(16)
        with self.transaction():
            self._write("UPDATE users SET key_hash = ?, salt = ? WHERE id = ?", _key_hash(key, salt), salt, user.id)
            self._write("DELETE FROM sessions WHERE user_id = ?", user.id)
        return key

    def user(self, name: str) -> User | None:
        row = self._row("SELECT id, name FROM users WHERE name = ?", name)
        return User(*row) if row else None

    def first_user(self) -> User | None:
        """The one that was made first: theirs is what names nobody."""
        row = self._row("SELECT id, name FROM users ORDER BY id LIMIT 1")
        return User(*row) if row else None

    def users(self) -> list[User]:
        return [User(*row) for row in self._rows("SELECT id, name FROM users ORDER BY name")]

    def check_key(self, name: str, key: str) -> User | None:
        """The user whose API key this is. The first check of a key takes about 50 ms, further ones are remembered."""
        row = self._row("SELECT id, name, key_hash, salt FROM users WHERE name = ?", name)
        user_id, user_name, expected, salt = row or (0, "", b"", b"\0" * 16)
        seen = _seen(name, key)
        actual = self._verified.get(seen) or _key_hash(key, salt)
        if not hmac.compare_digest(actual, expected):
            return None
        self._verified[seen] = actual
        return User(user_id, user_name)

    def known_key(self, name: str, key: str) -> User | None:
        """The user whose API key this is, if it was found right before and still is. Takes no time."""
        return self.check_key(name, key) if _seen(name, key) in self._verified else None

    # Logins

    def new_session(self, user: User) -> str:
        """Log the user in; gives what their browser must show from now on. Only its hash is kept."""
        session, now = secrets.token_urlsafe(24), now_ms()
        self._write("DELETE FROM sessions WHERE expires < ?", now)
        self._write("INSERT INTO sessions VALUES (?, ?, ?)", _session_hash(session), user.id, now + SESSION_LIFETIME_MS)
        return session

    def session_user(self, session: str) -> User | None:
        row = self._row(
            "SELECT users.id, users.name FROM sessions JOIN users ON users.id = user_id WHERE hash = ? AND expires >= ?",
            _session_hash(session), now_ms(),
        )  # fmt: skip
        return User(*row) if row else None

    def end_session(self, session: str) -> None:
        self._write("DELETE FROM sessions WHERE hash = ?", _session_hash(session))

    # Tokens

    def new_token(self, user: User, name: str | None = None) -> str:
        token = _secret()
        self._write("INSERT INTO tokens (token, user_id, name, created) VALUES (?, ?, ?, ?)", token, user.id, name, now_ms())
        return token

    def tokens(self, user: User | None = None) -> list[Token]:
        """All tokens, or those of one user, the oldest first."""
        rows = self._rows(
            "SELECT tokens.token, users.name, tokens.name, tokens.created, tokens.revoked IS NOT NULL, links.plot_id"
            " FROM tokens JOIN users ON users.id = tokens.user_id LEFT JOIN links ON links.token = tokens.token"
            " WHERE ?1 IS NULL OR users.id = ?1 ORDER BY tokens.created, tokens.token",
            user.id if user else None,
        )
        return [Token(token, owner, name, created, bool(gone), plot) for token, owner, name, created, gone, plot in rows]

    def revoke_token(self, token: str) -> bool:
        """False when there is no such token, or it was revoked before."""
        return bool(self._write("UPDATE tokens SET revoked = ? WHERE token = ? AND revoked IS NULL", now_ms(), token))

    def routes(self) -> dict[str, Route]:
        """Every token that is registered and not revoked."""
        rows = self._rows(
            "SELECT tokens.token, user_id, plot_id FROM tokens LEFT JOIN links ON links.token = tokens.token"
            " WHERE revoked IS NULL"
        )
        return {token: Route(user_id, plot_id) for token, user_id, plot_id in rows}

    def route(self, token: str) -> Route | None:
        """A token's, if it is registered and not revoked."""
        row = self._row(
            "SELECT user_id, plot_id FROM tokens LEFT JOIN links ON links.token = tokens.token"
            " WHERE tokens.token = ? AND revoked IS NULL",
            token,
        )
        return Route(*row) if row else None

    def count_tokens(self, user: User) -> int:
        """The user's tokens that may be used."""
        row = self._row("SELECT count(*) FROM tokens WHERE user_id = ? AND revoked IS NULL", user.id)
        assert row is not None
        return int(row[0])

    def tokens_named(self, user: User, names: Sequence[str]) -> dict[str, str]:
        """The user's tokens of these names that may be used, the newest where there are several."""
        rows = self._rows(
            "SELECT name, token FROM tokens WHERE user_id = ? AND name IN (SELECT value FROM json_each(?)) AND revoked IS NULL"
            " ORDER BY created, token",
            user.id, orjson.dumps(names).decode(),
        )  # fmt: skip
        return dict(rows)

    # Plots

    def plots(self) -> list[PlotRow]:
        """All plots, the one that was fed or changed last first."""
        newest = "max(plots.changed, coalesce(max(journal.time), plots.last, 0)) DESC, plots.id DESC"
        return [PlotRow(*row) for row in self._rows(f"{_PLOTS} GROUP BY plots.id ORDER BY {newest}")]

    def plot(self, plot_id: int) -> PlotRow | None:
        row = self._row(f"{_PLOTS} AND plots.id = ? GROUP BY plots.id", plot_id)
        return PlotRow(*row) if row else None

    def plot_named(self, user: User, filename: str) -> int | None:
        """The user's plot of that name; the newest, if there are several."""
        row = self._row(
            "SELECT max(id) FROM plots WHERE user_id = ? AND filename = ?"
            " AND (user_id, fid) NOT IN (SELECT user_id, fid FROM trash)",
            user.id, filename,
        )  # fmt: skip
        return row[0] if row else None

    def plot_at(self, user_name: str, fid: int) -> int | None:
        row = self._row("SELECT plots.id FROM plots JOIN users ON users.id = user_id WHERE name = ? AND fid = ?", user_name, fid)
        return row[0] if row else None

    def new_plot(self, user: User, filename: str, sharing: str, snapshot: bytes, points: int) -> int:
        """One without a filename is called by its number. Call it in a transaction. Raises Refusal where the quota ends."""
        usage = self.usage(user.id)
        quota.check_files(usage)
        quota.check_plot(snapshot)
        quota.check_growth(usage, len(snapshot))
        fid, now = self._next_fid(user), now_ms()
        self._write(
            "INSERT INTO plots (user_id, fid, filename, sharing, share_key, points, created, changed, snapshot)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            user.id, fid, filename or f"plot {fid}", sharing, secrets.token_hex(10), points, now, now, snapshot,
        )  # fmt: skip
        row = self._row("SELECT last_insert_rowid()")
        assert row is not None
        return int(row[0])

    def _next_fid(self, user: User) -> int:
        """A user's plots, grids and folders are numbered from 1, and no number is used twice."""
        self._write("UPDATE users SET last_fid = last_fid + 1 WHERE id = ?", user.id)
        row = self._row("SELECT last_fid FROM users WHERE id = ?", user.id)
        assert row is not None
        return int(row[0])

    def save_plot(self, plot_id: int, snapshot: bytes, points: int, sharing: str) -> None:
        """Replace the plot's snapshot and journal. Call it in a transaction. Raises Refusal where the quota ends."""
        user_id, before = self._rows("SELECT user_id, snapshot FROM plots WHERE id = ?", plot_id)[0]
        quota.check_plot(snapshot, before)
        quota.check_growth(self.usage(user_id), len(snapshot) - len(before))
        self._write(
            "UPDATE plots SET snapshot = ?, points = ?, sharing = ?, changed = ?, version = version + 1,"
            " last = coalesce((SELECT max(time) FROM journal WHERE plot_id = plots.id), last) WHERE id = ?",
            snapshot, points, sharing, now_ms(), plot_id,
        )  # fmt: skip
        self._write("DELETE FROM journal WHERE plot_id = ?", plot_id)

    def compact_plot(self, plot_id: int, version: int, snapshot: bytes, upto: int) -> bool:
        """Put a snapshot in the place of the journal up to row `upto`. Call it in a transaction.

        False when the plot was saved since its `version`: then the snapshot is void.
        """
        gone = "FROM journal WHERE plot_id = plots.id AND seq <= ?4"
        changed = self._write(
            f"UPDATE plots SET snapshot = ?3, points = points + (SELECT coalesce(sum(count), 0) {gone}),"
            f" last = coalesce((SELECT max(time) {gone}), last) WHERE id = ?1 AND version = ?2",
            plot_id, version, snapshot, upto,
        )  # fmt: skip
        if changed:
            self._write("DELETE FROM journal WHERE plot_id = ? AND seq <= ?", plot_id, upto)
        return bool(changed)

    def load_plot(self, plot_id: int) -> tuple[PlotRow, bytes, list[JournalRow]] | None:
        """A plot, its snapshot (the figure with its tokens, as JSON) and the journal since, as they are at one moment."""
        with self._reading():
            row = self.plot(plot_id)
            snapshot = self._row("SELECT snapshot FROM plots WHERE id = ?", plot_id)
            journal = self._rows("SELECT seq, token, time, count, lines FROM journal WHERE plot_id = ? ORDER BY seq", plot_id)
        if row is None or snapshot is None:
            return None
        return row, snapshot[0], [JournalRow(*entry) for entry in journal]

    def measure_plot(self, plot_id: int) -> PlotSize | None:
        """How large a plot is, without reading its data."""
        with self._reading():
            row = self._row(
                "SELECT length(snapshot), (SELECT coalesce(sum(length(lines)), 0) FROM journal WHERE plot_id = plots.id), version"
                " FROM plots WHERE id = ?",
                plot_id,
            )
            seq = self._last_seq()
        if row is None:
            return None
        snapshot, journal, version = row
        return PlotSize(snapshot, journal, version, seq)

    # What others keep of it in memory

    def noted(self, work: Callable[["Store"], T]) -> tuple[T, Changes]:
        """Do `work` in the caller's transaction; gives also what that has changed."""
        self._write("DELETE FROM changed")
        result = work(self)
        noted = self._rows("SELECT what, id FROM changed")
        routes = {each: self.route(each) for what, each in noted if what == "token"}
        plots = {each: self._plot_state(each) for what, each in noted if what == "plot"}
        return result, Changes(routes, plots, {each: self.usage(each) for what, each in noted if what == "user"})

    def everything(self) -> Changes:
        """The same of all that there is; of a plot's size only the bytes are looked at."""
        sizes = self._rows("SELECT id, version, length(snapshot) FROM plots")
        plots = {plot_id: PlotState(version, size > quota.MOST_PLOT_BYTES) for plot_id, version, size in sizes}
        users = {row[0]: self.usage(row[0]) for row in self._rows("SELECT id FROM users")}
        return Changes(dict(self.routes()), dict(plots), users, whole=True)

    def _plot_state(self, plot_id: int) -> PlotState | None:
        row = self._row("SELECT version, snapshot FROM plots WHERE id = ?", plot_id)
        return PlotState(row[0], quota.is_over(row[1])) if row else None

    def usage(self, user_id: int) -> quota.Usage:
        """What an account holds. Lines in the journal count when they become part of a snapshot."""
        row = self._row(
            "SELECT count(*), coalesce(sum(size), 0) FROM (SELECT length(snapshot) AS size FROM plots WHERE user_id = ?1"
            " UNION ALL SELECT length(content) FROM files WHERE user_id = ?1)",
            user_id,
        )
        assert row is not None
        return quota.Usage(*row)

    def _last_seq(self) -> int:
        row = self._row("SELECT seq FROM sqlite_sequence WHERE name = 'journal'")
        return int(row[0]) if row else 0

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """All that is read in the block is of one moment."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    def links(self, plot_id: int) -> set[str]:
        return {row[0] for row in self._rows("SELECT token FROM links WHERE plot_id = ?", plot_id)}

    def link(self, token: str, plot_id: int) -> None:
        self._write("INSERT INTO links VALUES (?, ?) ON CONFLICT DO UPDATE SET plot_id = excluded.plot_id", token, plot_id)

    def unlink(self, token: str) -> None:
        self._write("DELETE FROM links WHERE token = ?", token)

    # Files: plots, grids and folders alike. Call what changes them in a transaction.

    def file(self, user_name: str, fid: int) -> FileRow | None:
        """A file by its number, also one in the trash."""
        return self._file("users.name = ? AND file.fid = ?", user_name, fid)

    def file_named(self, user: User, filename: str) -> FileRow | None:
        """The user's file of that name that is not in the trash; the newest, if there are several."""
        where = "file.user_id = ? AND filename = ? AND since IS NULL ORDER BY file.fid DESC LIMIT 1"
        return self._file(where, user.id, filename)

    def _file(self, where: str, *values: Any) -> FileRow | None:
        row = self._row(f"{_FILES} WHERE {where}", *values)
        return FileRow(*row) if row else None

    def files(self, user_id: int) -> list[FileRow]:
        """All of a user's files, the trash included, the newest first."""
        return [FileRow(*row) for row in self._rows(f"{_FILES} WHERE file.user_id = ? ORDER BY file.fid DESC", user_id)]

    def new_file(self, user: User, kind: str, filename: str, sharing: str, content: bytes = b"") -> int:
        """Make a grid or a folder, called by its number without a filename; gives its fid. Raises Refusal where the quota ends."""
        usage = self.usage(user.id)
        quota.check_files(usage)
        quota.check_growth(usage, len(content))
        fid, now = self._next_fid(user), now_ms()
        self._write(
            "INSERT INTO files (user_id, fid, kind, filename, sharing, share_key, created, changed, content)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            user.id, fid, kind, filename or f"{kind} {fid}", sharing, secrets.token_hex(10), now, now, content,
        )  # fmt: skip
        return fid

    def file_content(self, file: FileRow) -> bytes:
        """What a grid holds."""
        row = self._row("SELECT content FROM files WHERE id = ?", file.id)
        return row[0] if row else b""

    def put_file_content(self, file: FileRow, content: bytes) -> None:
        """Raises Refusal where the quota ends."""
        quota.check_growth(self.usage(file.user_id), len(content) - len(self.file_content(file)))
        self._write("UPDATE files SET content = ?, changed = ? WHERE id = ?", content, now_ms(), file.id)

    def describe_file(self, file: FileRow, filename: str, sharing: str) -> None:
        """Rename a file, and say who may see it."""
        what = "filename = ?, sharing = ?, changed = ?"
        if file.kind == "plot":
            what += ", version = version + 1"  # viewers who may not see it any more must go
        self._write(f"UPDATE {_table(file)} SET {what} WHERE id = ?", filename, sharing, now_ms(), file.id)

    def trash_file(self, file: FileRow) -> None:
        """As good as gone, until restore_file(). No token feeds a plot in the trash."""
        self._write("INSERT INTO trash VALUES (?, ?, ?) ON CONFLICT DO NOTHING", file.user_id, file.fid, now_ms())
        if file.kind == "plot":
            self._write("DELETE FROM links WHERE plot_id = ?", file.id)
            self._write("UPDATE plots SET version = version + 1 WHERE id = ?", file.id)

    def restore_file(self, file: FileRow) -> None:
        """Take it out of the trash. A plot's tokens are linked by the caller."""
        self._write("DELETE FROM trash WHERE user_id = ? AND fid = ?", file.user_id, file.fid)

    def delete_file(self, file: FileRow) -> None:
        """The file goes with its data; the tokens of a plot stay registered."""
        self._write(f"DELETE FROM {_table(file)} WHERE id = ?", file.id)
        self.restore_file(file)

    def plots_mentioning(self, user_id: int, text: str) -> list[int]:
        """The user's plots whose snapshot holds the text."""
        rows = self._rows("SELECT id FROM plots WHERE user_id = ? AND instr(snapshot, ?)", user_id, text.encode())
        return [row[0] for row in rows]

    # What streams write

    def append(self, rows: Sequence[JournalInput], devices: Sequence[DeviceRow]) -> int:
        """Write a batch and give the `seq` of its first row; row i has seq + i. Call it in a transaction.

        Rows whose token is linked to no plot any more are left out.
        """
        first = self._last_seq() + 1
        self._write(_APPEND, orjson.dumps(rows).decode(), first)
        if devices:
            self._write(_MOVE_DEVICES, orjson.dumps([tuple(device) for device in devices]).decode(), now_ms())
        return first

    def device(self, user_id: int, stream_id: str) -> DeviceRow | None:
        row = self._row(
            "SELECT user_id, stream_id, next, missing, refused, device FROM devices WHERE user_id = ? AND stream_id = ?",
            user_id, stream_id,
        )  # fmt: skip
        return DeviceRow(*row) if row else None

    def devices(self, user: User) -> list[DeviceRow]:
        """A user's devices, the one seen last first."""
        rows = self._rows(
            "SELECT user_id, stream_id, next, missing, refused, device FROM devices WHERE user_id = ? ORDER BY last_used DESC",
            user.id,
        )
        return [DeviceRow(*row) for row in rows]

    def forget_old_devices(self) -> int:
        """Drop the numbers of devices that were not seen for 400 days; gives how many."""
        return self._write("DELETE FROM devices WHERE last_used < ?", now_ms() - DEVICE_LIFETIME_MS)


def _table(file: FileRow) -> str:
    return "plots" if file.kind == "plot" else "files"


def _create(path: Path) -> None:
    """Make the file, readable by its owner alone. One that is there must not be opened and closed: that would drop the locks which
    SQLite holds on it in this process (fcntl(2), POSIX advisory locks), and another process would then delete the journal under it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    path.chmod(0o600)


def _prepare(connection: sqlite3.Connection, path: Path) -> bool:
    """Refuse files that are not ours, before anything in them is changed; then make the tables. Gives whether there were none."""
    application, version, tables = connection.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),"
        " (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if tables and application != _APPLICATION_ID:
        raise StoreError(f"{path} belongs to another program; choose another folder with --data")
    if version > SCHEMA_VERSION:
        raise StoreError(f"{path} was written by a newer plotpost (schema {version}, not {SCHEMA_VERSION}); update plotpost")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    if not tables or version < SCHEMA_VERSION:
        connection.executescript(_SCHEMA.replace("COMMIT;", f"{_FROM_1 if version == 1 else ''}COMMIT;"))
    connection.executescript(_NOTES)
    return not tables
