"""What plots and accounts may hold: the same on every way in, and no reading is thrown away for it."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint import files, quota
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.files import Description
from host_tools.endpoint.grids import Column, Grid
from host_tools.endpoint.quota import MOST_PLOT_BYTES
from host_tools.endpoint.rest.tokens import register
from host_tools.endpoint.store import Store
from host_tools.endpoint.style import Style
from tests.endpoint.core import STREAM_ID, Core, block, finish, in_core, next_message, trace
from tests.endpoint.rest.conftest import basic
from tests.plotly_client import PlotlyClient


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log") as endpoint:
        yield PlotlyClient(endpoint)


def stored_bytes(core: Core) -> int:
    return core.store.usage(core.user.id).bytes


def list_line(name: str, size: int = 1 << 20) -> bytes:
    """A line that sets an attribute of that many bytes."""
    return b'{"%s":["%s"]}\n' % (name.encode(), b"." * (size - 20))


# A plot


def test_a_stream_fills_a_plot_to_its_limit_and_is_told_423_with_its_number_unmoved(client: PlotlyClient) -> None:
    token = client.token()
    path = client.new_plot({"stream": {"token": token}}, filename="large")
    lines = [list_line(f"a{number}") for number in range(2 * MOST_PLOT_BYTES >> 20)]

    def post(first: int, body: bytes) -> tuple[int, int, str]:
        headers = {"plotly-streamtoken": token, "plotpost-records": f"{STREAM_ID}/{first}"}
        response, text = client.request("POST", "/", body, headers)
        return response.status, int(response.headers["plotpost-next"]), text.decode()

    settled = 0
    while settled < len(lines):
        status, settled, text = post(settled, b"".join(lines[settled : settled + 8]))
        if status != 200:
            break
    assert status == 423
    assert "holds more than 32 MiB" in text
    assert 30 <= settled <= 50
    assert len(client.get(f"{path}.json")[1]) < 50 << 20
    assert post(settled, b'{"y":1}\n')[:2] == (423, settled)
    assert "takes no more readings: the plot holds more than 32 MiB" in (client.endpoint.data.parent / "log").read_text()

    client.new_plot({"y": [1], "stream": {"token": token}}, filename="large")  # the owner makes room
    assert post(settled, b'{"y":2}\n')[:2] == (200, settled + 1)
    assert client.figure(path)["data"][0]["y"] == [1, 2]


def test_a_line_into_a_full_plot_holds_up_the_numbers_of_all_plots_of_the_board(tmp_path: Path) -> None:
    @in_core
    async def test(core: Core) -> None:
        full, _ = await core.streamed_plot(filename="full")
        full_token = core.store.tokens(core.user)[0].token
        other, other_token = await core.streamed_plot(filename="other")
        core.plots.full.add(full.id, 0)
        session = core.open(None, (STREAM_ID, 0))
        with pytest.raises(Refusal) as refused:
            session.lines(block([1, 2], other_token) + block([3], full_token) + block([4], other_token))
        assert refused.value.status == 423
        await finish(session)
        assert session.settled == 2
        assert core.stored_x(other) == [1, 2]

    test(tmp_path)


def test_values_count_too_because_they_cost_memory_however_short_they_are(client: PlotlyClient) -> None:
    token = client.token()
    path = client.new_plot({"stream": {"token": token}}, filename="many values")
    line = b'{"a%d":[' + b",".join([b"[]"] * 330_000) + b"]}\n"
    before = resident(client.endpoint)
    for first in range(0, 30, 2):
        body = b"".join(line % number for number in (first, first + 1))
        response, _ = client.request("POST", "/", body, {"plotly-streamtoken": token})
        if response.status != 200:
            break
    assert response.status == 423
    assert first <= 16
    assert len(client.get(f"{path}.json")[1]) < 20 << 20
    assert resident(client.endpoint) - before < 700 << 20


def resident(endpoint: ChildEndpoint) -> int:
    pages = Path(f"/proc/{endpoint.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


LARGE = {"text": ["." * MOST_PLOT_BYTES]}


async def save(core: Core) -> None:
    await core.plot(LARGE)


async def overwrite(core: Core) -> None:
    await core.plot({"x": [1]}, filename="name")
    await core.plot(LARGE, filename="name", fileopt="overwrite")


async def extend(core: Core) -> None:
    half = {"text": ["." * (MOST_PLOT_BYTES // 2)]}
    await core.plot(half, filename="name")
    await core.plot(half, filename="name", fileopt="extend")


async def make_by_v2(core: Core) -> None:
    figure = {"data": [LARGE], "layout": {}}
    await core.plots.change(lambda store: files.make_plot(store, core.user, figure, Description("name", "public")))


async def draw_on_a_grid(core: Core) -> None:
    """Two traces on one column are its data twice."""
    column = Column("a", ["." * (MOST_PLOT_BYTES // 2)])
    grid = Grid([column])
    file = await core.plots.change(lambda store: files.make_grid(store, core.user, grid, Description("grid", "public")))
    source = f"{file.user}:{file.fid}:{column.uid}"
    await core.plot({"textsrc": source}, {"textsrc": source})


async def restyle(core: Core) -> None:
    info = await core.plot({"text": ["." * (MOST_PLOT_BYTES - 1000)]})
    await core.plots.restyle(info.id, Style({"title.text": "." * 2000}, {}))


async def copy(core: Core) -> None:
    info = await core.plot({"text": ["." * (MOST_PLOT_BYTES - 1000)]})
    await core.plots.copy(core.user, info.id, Style({"title.text": "." * 2000}, {}))


@pytest.mark.parametrize(
    "way", [save, overwrite, extend, make_by_v2, draw_on_a_grid, restyle, copy], ids=lambda way: way.__name__
)
def test_no_way_makes_a_plot_larger_than_its_limit(way: Callable[[Core], Any], tmp_path: Path) -> None:
    @in_core
    async def test(core: Core) -> None:
        with pytest.raises(Refusal) as refused:
            await way(core)
        assert refused.value.status == 413
        assert "larger than 32 MiB or 3,000,000 values" in refused.value.message
        assert all(size <= MOST_PLOT_BYTES for (size,) in core.store._rows("SELECT length(snapshot) FROM plots"))

    test(tmp_path)


@pytest.mark.parametrize("data", [["." * MOST_PLOT_BYTES], [[]] * 1_600_000], ids=["bytes", "values"])
def test_a_grid_is_no_larger_than_a_plot(data: list[Any]) -> None:
    with pytest.raises(Refusal, match="grid is larger than 32 MiB or 3,000,000 values") as refused:
        Grid([Column("a", data)]).dump()
    assert refused.value.status == 413


def test_a_plot_that_is_too_large_may_shrink_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @in_core
    async def test(core: Core) -> None:
        info = await core.plot({"text": ["." * 3000], "hovertext": ["." * 3000]})
        monkeypatch.setattr(quota, "MOST_PLOT_BYTES", 1000)
        await core.plots.restyle(info.id, Style({}, {0: {"hovertext": None}}))
        with pytest.raises(Refusal):
            await core.plots.restyle(info.id, Style({"title.text": "x"}, {}))

    test(tmp_path)


def test_v1_and_v2_tell_413(client: PlotlyClient) -> None:
    """Each request is within what a request may have."""
    body = b'{"figure":{"data":[{"y":[%b]}]}}' % b",".join([b"[]"] * 1_600_000)
    response, text = client.request("POST", "/v2/plots", body, basic(client.user.name, client.key))
    assert response.status == 413
    assert "larger than 32 MiB or 3,000,000 values" in json.loads(text)["errors"][0]["message"]
    half = [{"text": ["." * (20 << 20)]}]
    assert client.plot(half, filename="half")["error"] == ""
    answer = client.plot(half, filename="half", fileopt="append")
    assert "larger than 32 MiB or 3,000,000 values" in answer["error"]


def test_viewers_are_told_why_a_plot_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @in_core
    async def test(core: Core) -> None:
        info, token = await core.streamed_plot()
        viewer = core.hub.subscribe(info.id)
        assert "trouble" not in await next_message(viewer)
        monkeypatch.setattr(quota, "MOST_PLOT_BYTES", 1000)
        session = core.open(token)
        session.lines(b'{"text":["%b"]}\n' % (b"." * 2000))
        assert await finish(session) is None
        while "trouble" not in (message := await next_message(viewer)):
            pass
        assert message["type"] == "status"
        assert "lower its points to keep" in message["trouble"]
        assert core.plots.find(info.user, info.fid).trouble == message["trouble"]  # type: ignore[union-attr]
        viewer.close()
        later = core.hub.subscribe(info.id)
        assert (await next_message(later))["trouble"] == message["trouble"]
        later.close()

    test(tmp_path)


# An account


@pytest.fixture
def small_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "MOST_ACCOUNT_BYTES", 10_000)


async def save_more(core: Core) -> None:
    await core.plot({"text": ["." * 3000]})


async def overwrite_with_more(core: Core) -> None:
    await core.plot({"text": ["." * 9000]}, filename="first", fileopt="overwrite")


async def copy_more(core: Core) -> None:
    await core.plots.copy(core.user, core.plots.list()[0].id, Style({}, {}))


async def make_plot_more(core: Core) -> None:
    figure = {"data": [{"text": ["." * 3000]}]}
    await core.plots.change(lambda store: files.make_plot(store, core.user, figure, Description(None, "public")))


async def make_grid_more(core: Core) -> None:
    grid = Grid([Column("a", ["." * 3000])])
    await core.plots.change(lambda store: files.make_grid(store, core.user, grid, Description(None, "public")))


async def change_grid_more(core: Core) -> None:
    grid = Grid([Column("a", [])])
    file = await core.plots.change(lambda store: files.make_grid(store, core.user, grid, Description(None, "public")))
    grid.append_rows([["." * 3000]])
    await core.plots.change(lambda store: files.change_grid(store, core.user, file, grid))


WAYS = [save_more, overwrite_with_more, copy_more, make_plot_more, make_grid_more, change_grid_more]


@pytest.mark.usefixtures("small_account")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_way_brings_more_bytes_into_an_account_than_it_may_hold(way: Callable[[Core], Any], tmp_path: Path) -> None:
    @in_core
    async def test(core: Core) -> None:
        await core.plot({"text": ["." * 3000]}, filename="first")
        await core.plot({"text": ["." * 4500]}, filename="second")
        before = stored_bytes(core)
        with pytest.raises(Refusal) as refused:
            await way(core)
        assert refused.value.status == 413
        assert "delete plots or grids for good" in refused.value.message
        assert stored_bytes(core) < before + 200

    test(tmp_path)


@pytest.mark.parametrize("way", [save_more, copy_more, make_plot_more, make_grid_more], ids=lambda way: way.__name__)
def test_no_way_brings_more_files_into_an_account_than_it_may_hold(
    way: Callable[[Core], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "MOST_FILES", 2)

    @in_core
    async def test(core: Core) -> None:
        for name in ("first", "second"):
            await core.plot({"text": ["." * 10]}, filename=name)
        with pytest.raises(Refusal) as refused:
            await way(core)
        assert refused.value.status == 403
        assert "holds 2 files already" in refused.value.message

    test(tmp_path)


@in_core
async def test_an_account_gets_no_more_tokens_than_it_may_have_and_finds_those_it_has(core: Core) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quota, "MOST_TOKENS", 2)
        first = register(core.store, core.user, ["a", "b"])
        with pytest.raises(Refusal) as refused:
            register(core.store, core.user, ["b", "c"])
        assert refused.value.status == 403
        assert register(core.store, core.user, ["a", "b", "a"]) == [*first, first[0]]
        core.store.revoke_token(first[0]["token"])
        assert register(core.store, core.user, ["c"])[0]["name"] == "c"


def test_a_stream_into_a_full_account_waits_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @in_core
    async def test(core: Core) -> None:
        info, token = await core.streamed_plot()
        other = await core.plot({"text": ["." * 20_000]})
        monkeypatch.setattr(quota, "MOST_ACCOUNT_BYTES", 10_000)
        await core.plots.change(lambda store: store.describe_file(files.find(store, core.user, "ann", other.fid), "b", "public"))
        session = core.open(token, (STREAM_ID, 0))
        with pytest.raises(Refusal) as refused:
            session.lines(block([1]))
        assert refused.value.status == 423
        await finish(session)
        assert session.settled == 0
        await core.delete(other)
        session = core.open(token, (STREAM_ID, 0))
        session.lines(block([1]))
        assert await finish(session) is None
        assert session.settled == 1
        assert core.stored_x(info) == [1]

    test(tmp_path)


def test_what_is_full_is_known_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @in_core
    async def test(core: Core) -> None:
        _, token = await core.streamed_plot(filename="name")
        await core.plot({"text": ["." * 2000], **trace(token)}, filename="name", fileopt="overwrite")
        monkeypatch.setattr(quota, "MOST_PLOT_BYTES", 1000)
        again = Core(core.store.path.parent)
        try:
            await again.plots.poll()
            session = again.open(token, (STREAM_ID, 0))
            with pytest.raises(Refusal, match="423"):
                session.lines(block([1]))
            await finish(session)
        finally:
            await again.close()

    test(tmp_path)


# What a save costs


class Steps:
    """Counts what SQLite does for somebody, in hundreds of its steps."""

    def __init__(self, *stores: Store) -> None:
        self._stores = stores
        self.taken = 0

    def __enter__(self) -> "Steps":
        for store in self._stores:
            store._db.set_progress_handler(self._step, 100)
        return self

    def __exit__(self, *_: object) -> None:
        for store in self._stores:
            store._db.set_progress_handler(None, 0)

    def _step(self) -> int:
        self.taken += 1
        return 0


async def add_tokens(core: Core, count: int = 5000) -> None:
    with core.store.transaction():
        for number in range(count):
            core.store.new_token(core.user, f"token {number}")
    await core.plots.poll()


@in_core
async def test_a_save_costs_the_same_however_many_tokens_there_are(core: Core) -> None:
    _, token = await core.streamed_plot(filename="name")
    with Steps(core.store, core.committer._store) as few:
        await core.plot(trace(token), filename="name", fileopt="overwrite")
    await add_tokens(core)
    with Steps(core.store, core.committer._store) as many:
        await core.plot(trace(token), filename="name", fileopt="overwrite")
    assert many.taken < few.taken + 20


@in_core
async def test_finding_a_boards_tokens_costs_the_same_however_many_there_are(core: Core) -> None:
    with Steps(core.store) as few:
        [first] = register(core.store, core.user, ["a board's"])
    await add_tokens(core)
    with Steps(core.store) as many:
        [again] = register(core.store, core.user, ["a board's"])
    assert again == first
    assert many.taken < few.taken + 20


@in_core
async def test_a_token_that_is_not_known_costs_one_look_however_many_there_are(core: Core) -> None:
    await add_tokens(core)
    with Steps(core.store) as look, pytest.raises(Refusal):
        core.open("zzzzzzzzzz")
    assert look.taken < 5


@in_core
async def test_a_save_that_nobody_waits_for_is_taken_over(core: Core) -> None:
    info, token = await core.streamed_plot(filename="name")
    saving = asyncio.create_task(core.plot(trace(None), filename="name", fileopt="overwrite"))
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    await core.plots.close()
    assert core.plots.routes[token].plot_id is None
    assert json.dumps(core.plots.figure(info.id)["data"][0]) == '{"type": "scatter", "x": [], "y": []}'
