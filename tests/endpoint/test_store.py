import contextlib
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.endpoint import store as module
from host_tools.endpoint.store import (
    DEVICE_LIFETIME_MS,
    FILENAME,
    SCHEMA_VERSION,
    SESSION_LIFETIME_MS,
    DeviceRow,
    Store,
    StoreError,
    User,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def ann(store: Store) -> User:
    store.create_user("ann")
    (user,) = store.users()
    return user


def linked_token(store: Store, user: User) -> tuple[str, int]:
    token = store.new_token(user)
    with store.transaction():
        plot_id = store.new_plot(user, "name", "public", b'{"data":[],"layout":{}}', 0)
        store.link(token, plot_id)
    return token, plot_id


def append(store: Store, *rows: tuple[str, int, int, str], device: DeviceRow | None = None) -> int:
    with store.transaction():
        return store.append(rows, [device] if device else [])


def test_only_the_owner_of_the_folder_may_read_the_file(tmp_path: Path, store: Store) -> None:
    for path in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / FILENAME).touch(0o644)
    Store.open(tmp_path).close()
    assert stat.S_IMODE((tmp_path / FILENAME).stat().st_mode) == 0o600


def test_what_was_written_is_there_after_opening_again(tmp_path: Path, store: Store, ann: User) -> None:
    token = store.new_token(ann, "greenhouse")
    again = Store.open(tmp_path / "data")
    assert [(each.token, each.user, each.name) for each in again.tokens()] == [(token, "ann", "greenhouse")]
    again.close()


def test_commits_reach_the_disk_before_they_return(store: Store) -> None:
    assert store._rows("PRAGMA synchronous") == [(2,)]
    assert store._rows("PRAGMA journal_mode") == [("wal",)]
    assert store._rows("PRAGMA foreign_keys") == [(1,)]


def test_the_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILENAME)
    other.execute("CREATE TABLE things (x)")
    other.close()
    before = (tmp_path / FILENAME).read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Store.open(tmp_path)
    assert (tmp_path / FILENAME).read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILENAME).write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="damaged"):
        Store.open(tmp_path)


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILENAME).mkdir()
    with pytest.raises(StoreError, match="cannot open"):
        Store.open(tmp_path)


def test_the_file_of_a_newer_plotpost_is_refused(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    newer = sqlite3.connect(tmp_path / FILENAME)
    newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    newer.close()
    with pytest.raises(StoreError, match="newer plotpost"):
        Store.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot open .*--data") as caught:
        Store.open(tmp_path / "file" / "data")
    assert "\n" not in str(caught.value)


def test_an_api_key_opens_its_user_and_no_other(store: Store) -> None:
    keys = {name: store.create_user(name) for name in ("ann", "bob")}
    for _ in range(2):  # the second time from memory
        user = store.check_key("ann", keys["ann"])
        assert user is not None
        assert user.name == "ann"
    assert store.check_key("ann", keys["bob"]) is None
    assert store.check_key("eve", keys["ann"]) is None
    assert store.check_key("ann", "") is None


def test_api_keys_are_not_in_the_file(tmp_path: Path, store: Store) -> None:
    key = store.create_user("ann")
    assert all(key.encode() not in path.read_bytes() for path in (tmp_path / "data").iterdir())


def test_keys_and_tokens_have_the_ten_characters_that_arduino_counts(store: Store) -> None:
    key = store.create_user("ann")
    tokens = [store.new_token(store.users()[0]) for _ in range(50)]
    assert len(set(tokens)) == 50
    assert all(
        len(secret) == 10 and secret.isascii() and secret.isalnum() and secret == secret.lower() for secret in [key, *tokens]
    )


@pytest.mark.parametrize("name", ["", "a b", "a/b", "~ann", ".ann", "x" * 65, "ann\n", "änn"])
def test_a_user_name_that_does_not_fit_into_an_address_is_refused(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="user name"):
        store.create_user(name)


def test_a_user_name_is_given_once(store: Store, ann: User) -> None:
    with pytest.raises(StoreError, match="already"):
        store.create_user("ann")


def test_a_rotated_key_opens_nothing_any_more_and_logs_out(store: Store) -> None:
    old = store.create_user("ann")
    ann = store.check_key("ann", old)
    assert ann is not None
    session = store.new_session(ann)
    new = store.rotate_key(ann)
    assert new != old
    assert store.check_key("ann", old) is None
    assert store.check_key("ann", new) == ann
    assert store.session_user(session) is None


def test_a_session_is_its_users_until_it_ends(store: Store, ann: User) -> None:
    session, other = store.new_session(ann), store.new_session(ann)
    assert store.session_user(session) == ann
    store.end_session(session)
    assert store.session_user(session) is None
    assert store.session_user(other) == ann
    assert store.session_user("") is None


def test_a_session_ends_by_itself_30_days_after_the_login(store: Store, ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    session = store.new_session(ann)
    later = module.now_ms() + SESSION_LIFETIME_MS + 1
    monkeypatch.setattr(module, "now_ms", lambda: later)
    assert store.session_user(session) is None


def test_sessions_are_not_in_the_file(tmp_path: Path, store: Store, ann: User) -> None:
    session = store.new_session(ann)
    assert all(session.encode() not in path.read_bytes() for path in (tmp_path / "data").iterdir())


def test_the_first_user_is_the_one_that_was_made_first(store: Store) -> None:
    assert store.first_user() is None
    for name in ("zoe", "ann"):
        store.create_user(name)
    first = store.first_user()
    assert first is not None
    assert first.name == "zoe"


def test_a_file_of_version_1_goes_on_with_its_plots(tmp_path: Path, store: Store, ann: User) -> None:
    _, plot_id = linked_token(store, ann)
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / FILENAME)) as old:
        old.executescript("DROP TABLE sessions; ALTER TABLE plots DROP COLUMN share_key; PRAGMA user_version = 1")
    for _ in range(2):
        with contextlib.closing(Store.open(tmp_path / "data")) as opened:
            plot = opened.plot(plot_id)
            assert plot is not None
            assert len(plot.share_key) == 20
            opened.new_session(ann)


def test_a_revoked_token_has_no_route(store: Store, ann: User) -> None:
    token = store.new_token(ann)
    assert store.routes()[token].user_id == ann.id
    assert store.revoke_token(token)
    assert token not in store.routes()
    assert [each.revoked for each in store.tokens(ann)] == [True]
    assert not store.revoke_token(token)
    assert not store.revoke_token("nosuchtokn")


def test_plots_of_a_user_are_numbered_and_no_number_is_used_twice(store: Store, ann: User) -> None:
    for fid in (1, 2, 3):
        with store.transaction():
            plot_id = store.new_plot(ann, "name", "public", b"{}", 0)
        row = store.plot(plot_id)
        assert row is not None
        assert row.fid == fid
        assert store.plot_at("ann", fid) == plot_id
        file = store.file("ann", fid)
        assert file is not None
        store.delete_file(file)
        assert store.plot(plot_id) is None


def test_a_row_goes_to_the_plot_that_its_token_feeds(store: Store, ann: User) -> None:
    (one, plot_one), (two, plot_two) = linked_token(store, ann), linked_token(store, ann)
    first = append(store, (one, 5, 1, '{"x":1}\n'), (two, 6, 2, '{"x":2}\n{"x":3}\n'))
    for plot_id, seq, token, lines in ((plot_one, first, one, b'{"x":1}\n'), (plot_two, first + 1, two, b'{"x":2}\n{"x":3}\n')):
        loaded = store.load_plot(plot_id)
        assert loaded is not None
        assert [(row.seq, row.token, row.lines) for row in loaded[2]] == [(seq, token, lines)]


def test_lines_are_stored_byte_for_byte(store: Store, ann: User) -> None:
    token, plot_id = linked_token(store, ann)
    text = '{"x":"\\u0000\\"\\\\ é 日 \U0001f321\x7f"}\n'
    append(store, (token, 5, 1, text))
    loaded = store.load_plot(plot_id)
    assert loaded is not None
    assert loaded[2][0].lines == text.encode()


def test_a_row_of_an_unlinked_token_is_left_out(store: Store, ann: User) -> None:
    token, plot_id = linked_token(store, ann)
    store.unlink(token)
    append(store, (token, 5, 1, "{}\n"))
    loaded = store.load_plot(plot_id)
    assert loaded is not None
    assert loaded[2] == []


def test_no_seq_is_used_twice_after_a_compaction(store: Store, ann: User) -> None:
    token, plot_id = linked_token(store, ann)
    first = append(store, (token, 5, 1, "{}\n"))
    with store.transaction():
        assert store.compact_plot(plot_id, 0, b"{}", first)
    assert append(store, (token, 5, 1, "{}\n")) == first + 1


def test_a_compaction_keeps_rows_that_came_later_and_the_count_of_points(store: Store, ann: User) -> None:
    token, plot_id = linked_token(store, ann)
    first = append(store, (token, 5, 3, "a"), (token, 9, 4, "b"))
    with store.transaction():
        store.compact_plot(plot_id, 0, b"new", first)
    loaded = store.load_plot(plot_id)
    assert loaded is not None
    row, snapshot, journal = loaded
    assert (row.points, row.last, snapshot, [each.lines for each in journal]) == (7, 9, b"new", [b"b"])


def test_a_compaction_from_before_a_save_is_void(store: Store, ann: User) -> None:
    token, plot_id = linked_token(store, ann)
    first = append(store, (token, 5, 1, "a"))
    with store.transaction():
        store.save_plot(plot_id, b"saved", 0, "public")
        assert not store.compact_plot(plot_id, 0, b"stale", first)
    loaded = store.load_plot(plot_id)
    assert loaded is not None
    assert loaded[1] == b"saved"


def test_device_numbers_move_with_the_rows_or_not_at_all(store: Store, ann: User) -> None:
    token, _ = linked_token(store, ann)
    append(store, (token, 5, 1, "a"), device=DeviceRow(ann.id, "ab" * 8, 7, 2, 1, "pico; dropped=0"))
    with contextlib.suppress(ZeroDivisionError), store.transaction():
        store.append([(token, 5, 1, "b")], [DeviceRow(ann.id, "ab" * 8, 8, 2, 1, None)])
        raise ZeroDivisionError
    assert store.device(ann.id, "ab" * 8) == DeviceRow(ann.id, "ab" * 8, 7, 2, 1, "pico; dropped=0")
    assert store.plots()[0].points == 1


def test_a_device_is_forgotten_400_days_after_its_last_use(store: Store, ann: User) -> None:
    device = DeviceRow(ann.id, "ab" * 8, 7, 0, 0, None)
    append(store, device=device)
    assert store.forget_old_devices() == 0
    assert store.devices(ann) == [device]
    store._write("UPDATE devices SET last_used = last_used - ?", DEVICE_LIFETIME_MS + 1000)
    assert store.forget_old_devices() == 1
    assert store.devices(ann) == []


def test_another_connection_sees_that_the_file_has_changed(store: Store, ann: User) -> None:
    other = store.clone()
    before = other.data_version()
    assert other.data_version() == before
    store.new_token(ann)
    assert other.data_version() != before
    other.close()


def test_a_full_disk_is_told_with_a_remedy_and_rolled_back(store: Store, ann: User) -> None:
    token, plot_id = linked_token(store, ann)
    (pages,) = store._rows("PRAGMA page_count")[0]
    store._rows(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError, match="disk is full: make room"):
        append(store, (token, 5, 1, "x" * 100_000))
    store._rows("PRAGMA max_page_count = 1000000")
    append(store, (token, 5, 1, "y"))
    loaded = store.load_plot(plot_id)
    assert loaded is not None
    assert [row.lines for row in loaded[2]] == [b"y"]


def test_a_folder_has_one_endpoint_at_a_time(tmp_path: Path, store: Store) -> None:
    store.claim()
    second = Store.open(tmp_path / "data")
    with pytest.raises(StoreError, match=r"another endpoint uses .*stop it first"):
        second.claim()
    assert second.users() == []  # commands go on working
    store.close()
    second.claim()
    second.close()


def test_a_second_connection_in_the_same_process_keeps_sqlites_locks(tmp_path: Path, store: Store) -> None:
    """Without them another program that closes the file last, as it believes, deletes the log that this process still writes."""
    store.clone().close()
    command = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM users').fetchall(); db.close()"
    subprocess.run([sys.executable, "-c", command, str(tmp_path / "data" / FILENAME)], check=True)
    store.create_user("ann")
    other = store.clone()
    assert [user.name for user in other.users()] == ["ann"]
    other.close()
    assert (tmp_path / "data" / f"{FILENAME}-wal").exists()
