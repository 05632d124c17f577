"""A user's files, which are plots, grids and folders: made, changed, put into the trash. Each function works in a transaction of
the caller, for which see Plots.change. Raises Refusal.
"""

import hmac
from dataclasses import dataclass
from typing import Any

from .errors import Refusal
from .figure import Figure
from .grids import Grid, reader, resolve
from .plots import LONGEST_NAME, check_name, checked, stored, write_plot
from .store import FileRow, Store, User

KINDS = {"plot": "plot", "grid": "grid", "fold": "folder"}  # to people


@dataclass(frozen=True, slots=True)
class Description:
    """What a client says of a file beside its content. Nothing said of the sharing is None."""

    filename: str | None
    sharing: str | None


def find(store: Store, user: User | None, name: str, fid: int, share_key: str = "") -> FileRow:
    """A file that the user may see, also one in their own trash. What they may not see is as good as missing: Refusal(404)."""
    file = store.file(name, fid)
    if file is None or not _visible(file, user, share_key):
        raise Refusal(404, f"there is no file {name}:{fid} here")
    return file


def _visible(file: FileRow, user: User | None, share_key: str) -> bool:
    if user is not None and file.user_id == user.id:
        return True
    has_key = file.sharing == "secret" and hmac.compare_digest(share_key.encode(), file.share_key.encode())
    return (file.sharing == "public" or has_key) and file.trashed is None


def find_own(store: Store, user: User, name: str, fid: int) -> FileRow:
    """A file that the user may change. Refusal(403) for one of somebody else."""
    file = find(store, user, name, fid)
    if file.user_id != user.id:
        raise Refusal(403, f"the file {name}:{fid} belongs to {file.user}: only they can change it")
    return file


def lookup(store: Store, user: User, owner: str, path: str) -> FileRow:
    """A file by its path in the owner's folders, if the user may see it. Refusal(404)."""
    whose = store.user(owner)
    file = store.file_named(whose, path.strip("/")) if whose else None
    if file is None or not _visible(file, user, ""):
        raise Refusal(404, f"{owner} has no file {path[:LONGEST_NAME]!r}")
    return file


# Making and changing


def make_plot(store: Store, user: User, figure: Any, description: Description) -> FileRow:
    made = read_figure(store, user, figure)
    filename = _free_name(store, user, description.filename)
    plot_id = write_plot(store, user, None, made, filename, description.sharing or "public")
    row = store.plot(plot_id)
    assert row is not None
    return _again(store, user.name, row.fid)


def change_plot(store: Store, user: User, file: FileRow, figure: Any, description: Description) -> FileRow:
    """Give it another figure if there is one, another name or another audience. It keeps its address."""
    new = read_figure(store, user, figure) if figure is not None else None  # its faults are told before those of the name
    file = describe(store, user, file, description)
    if new is not None:
        write_plot(store, user, file.id, new, file.filename, file.sharing)
    return _again(store, file.user, file.fid)


def make_grid(store: Store, user: User, grid: Grid, description: Description) -> FileRow:
    content = grid.dump()
    filename = _free_name(store, user, description.filename)
    return _again(store, user.name, store.new_file(user, "grid", filename, description.sharing or "public", content))


def change_grid(store: Store, user: User, file: FileRow, grid: Grid) -> None:
    """Write a grid that was changed, and draw the user's plots again that refer to it."""
    _check_in_use(file)
    store.put_file_content(file, grid.dump())
    read = reader(store, user)
    for plot_id in store.plots_mentioning(user.id, f'"{file.user}:{file.fid}:'):
        if store.plot(plot_id) is not None:
            figure, row = stored(store, plot_id)
            _draw_again(store, plot_id, figure, read, row.sharing)


def _draw_again(store: Store, plot_id: int, figure: Figure, read: Any, sharing: str) -> None:
    """What a stream has brought stays: it is newer than the grid."""
    known = figure.as_dict(tokens=True)
    traces = [trace if "stream" in trace else resolve(trace, read) for trace in known["data"]]
    drawn = Figure(traces, known["layout"], resolve(figure.frames, read), figure.streamed)
    store.save_plot(plot_id, drawn.snapshot(), sum(map(len, drawn.traces)), sharing)


def make_folder(store: Store, user: User, path: str) -> tuple[FileRow, bool]:
    """Make a folder and those that it is in; gives it, and whether it is new."""
    path = path.strip("/")
    check_name(path)
    there = store.file_named(user, path)
    if there is not None and there.kind != "fold":
        raise Refusal(400, f"a {KINDS[there.kind]} named {path[:LONGEST_NAME]!r} already exists")
    return (there, False) if there else (_new_folder(store, user, path), True)


def _new_folder(store: Store, user: User, path: str) -> FileRow:
    if "/" in path:
        make_folder(store, user, path.rpartition("/")[0])
    return _again(store, user.name, store.new_file(user, "fold", path, "private"))


def describe(store: Store, user: User, file: FileRow, description: Description) -> FileRow:
    """Rename it, or let others see it."""
    _check_in_use(file)
    filename = description.filename or file.filename
    if filename != file.filename:
        if file.kind == "fold":
            raise Refusal(400, "a folder keeps its name: make another one, and move its files there")
        filename = _free_name(store, user, filename)
    store.describe_file(file, filename, description.sharing or file.sharing)
    return _again(store, file.user, file.fid)


def _check_in_use(file: FileRow) -> None:
    if file.trashed is not None:
        raise Refusal(409, f"the file {file.user}:{file.fid} is in the trash: restore it first")


def _free_name(store: Store, user: User, filename: str | None) -> str:
    """A name that no other file has. Refusal(409), whose words chart-studio looks for."""
    if not filename:
        return ""
    check_name(filename)
    there = store.file_named(user, filename)
    if there is not None:
        raise Refusal(409, f"a {KINDS[there.kind]} named {filename[:LONGEST_NAME]!r} already exists")
    if "/" in filename:
        make_folder(store, user, filename.rpartition("/")[0])
    return filename


def _again(store: Store, name: str, fid: int) -> FileRow:
    file = store.file(name, fid)
    assert file is not None, "written in this transaction"
    return file


def read_figure(store: Store, user: User, given: Any) -> Figure:
    """The figure of a request, as a plot keeps it."""
    if not isinstance(given, dict):
        raise Refusal(400, "figure must be an object with data and layout")
    data, layout = checked(store, user, given.get("data") or [], given.get("layout") or {})
    frames, _ = checked(store, user, given.get("frames") or [], {})
    return Figure(data, layout, frames)


# The trash


def trash(store: Store, file: FileRow) -> FileRow:
    """Put it, and what is in it, into the trash. Its streams end; a plot keeps its data for restore()."""
    for each in _with_content(store, file):
        store.trash_file(each)
    return _again(store, file.user, file.fid)


def restore(store: Store, user: User, file: FileRow) -> FileRow:
    """Take it out again; tokens that feed no other plot meanwhile feed it again."""
    for each in _with_content(store, file):
        there = store.file_named(user, each.filename) if each.filename else None
        if there is not None and there.fid != each.fid:
            raise Refusal(409, f"a {KINDS[there.kind]} named {each.filename!r} already exists: rename or delete it first")
        store.restore_file(each)
        if each.kind == "plot":
            _link_again(store, user, each.id)
    return _again(store, file.user, file.fid)


def _link_again(store: Store, user: User, plot_id: int) -> None:
    figure, row = stored(store, plot_id)
    routes = {token: store.route(token) for token in figure.tokens}
    taken = {token for token, route in routes.items() if route is None or route.plot_id is not None}
    figure.release(taken)
    write_plot(store, user, plot_id, figure, row.filename, row.sharing, row.points)


def delete(store: Store, file: FileRow) -> None:
    """For good, with what is in it."""
    for each in _with_content(store, file):
        store.delete_file(each)


def _with_content(store: Store, file: FileRow) -> list[FileRow]:
    """The file; with a folder what is in it, too. A folder in the trash has nothing to do with what its name holds now."""
    if file.kind != "fold":
        return [file]
    inside, gone = f"{file.filename}/", file.trashed is not None
    files = [each for each in store.files(file.user_id) if each.filename.startswith(inside)]
    return [file, *(each for each in files if (each.trashed is not None) == gone)]
