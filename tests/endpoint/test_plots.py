import asyncio
import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from host_tools.endpoint import files, plots
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.plots import FILEOPTS, PlotInfo, save_plot
from host_tools.endpoint.store import Store, StoreError, User
from tests.endpoint.core import PATIENCE_S, STREAM_ID, Core, block, finish, in_core, next_message, trace


async def stream(core: Core, token: str, *numbers: int) -> None:
    session = core.open(token)
    session.lines(block(numbers))
    assert await finish(session) is None


async def restarted(core: Core, info: PlotInfo) -> dict[str, Any]:
    """The figure as an endpoint finds it that starts now."""
    again = Core(core.store.path.parent)
    try:
        return again.plots.figure(info.id, tokens=True)
    finally:
        await again.close()


def bob(core: Core) -> User:
    core.store.create_user("bob")
    return core.store.users()[1]


async def new_token(core: Core) -> str:
    token = core.store.new_token(core.user)
    await core.plots.poll()
    return token


# Saving


@in_core
async def test_a_new_plot_is_found_and_listed(core: Core) -> None:
    info = await core.plot({"x": [1, 2], "y": [3, 4]}, filename="weather", sharing="secret")
    assert core.plots.find("ann", info.fid) == info
    assert core.plots.list() == [info]
    assert (info.user, info.filename, info.sharing, info.live, info.last, info.points) == (
        "ann",
        "weather",
        "secret",
        False,
        None,
        2,
    )
    assert core.plots.find("ann", 99) is None
    assert core.plots.find("bob", info.fid) is None


@in_core
async def test_the_plot_changed_last_is_listed_first(core: Core) -> None:
    first = await core.plot(filename="a")
    second = await core.plot(filename="b")
    assert [info.id for info in core.plots.list()] == [second.id, first.id]


@in_core
async def test_a_plot_that_is_fed_is_listed_before_one_that_was_saved_later(core: Core) -> None:
    fed, token = await core.streamed_plot(filename="fed")
    saved = await core.plot(filename="saved")
    await stream(core, token, 1)
    other = await core.plot(filename="saved last")
    assert [info.id for info in core.plots.list()] == [other.id, fed.id, saved.id]
    session = core.open(token)
    assert [info.id for info in core.plots.list()] == [fed.id, other.id, saved.id]
    session.abort()


@pytest.mark.parametrize("name", ["b0//", "/", "a/ /b", "a\nb", "x" * 301])
def test_a_name_that_no_plot_can_have_is_refused_on_every_way(tmp_path: Any, name: str) -> None:
    @in_core
    async def test(core: Core) -> None:
        with pytest.raises(Refusal) as refused:
            await core.plot(filename=name)
        assert refused.value.status == 400
        with pytest.raises(Refusal) as refused:
            await core.plots.change(lambda store: files.make_plot(store, core.user, {}, files.Description(name, None)))
        assert refused.value.status == 400
        assert core.plots.list() == []

    test(tmp_path)


@in_core
async def test_new_never_touches_a_plot_of_the_same_name(core: Core) -> None:
    first = await core.plot({"x": [1]}, filename="name")
    second = await core.plot({"x": [2]}, filename="name")
    assert first.fid != second.fid
    assert (core.x(first), core.x(second)) == ([1], [2])


@in_core
async def test_overwrite_keeps_the_address_and_replaces_the_data(core: Core) -> None:
    first, token = await core.streamed_plot(filename="name")
    await stream(core, token, 1, 2)
    again = await core.plot(trace(token, x=[9]), filename="name", fileopt="overwrite")
    assert (again.id, again.fid, again.points) == (first.id, first.fid, 1)
    assert core.x(again) == [9]
    await stream(core, token, 10)
    assert core.x(again) == core.stored_x(again) == [9, 10]


@in_core
async def test_overwrite_of_a_name_that_is_not_there_makes_it(core: Core) -> None:
    info = await core.plot({"x": [1]}, filename="name", fileopt="overwrite")
    assert core.plots.find("ann", info.fid) == info


@in_core
async def test_two_users_do_not_overwrite_each_other(core: Core) -> None:
    anns = await core.plot({"x": [1]}, filename="name", fileopt="overwrite")
    bobs, _ = await core.plots.save(bob(core), [{"x": [2]}], {}, filename="name", fileopt="overwrite")
    assert (core.x(anns), core.x(bobs)) == ([1], [2])
    assert bobs.user == "bob"


@in_core
async def test_append_adds_traces(core: Core) -> None:
    info = await core.plot({"x": [1]}, filename="name")
    again, _ = await core.plots.save(core.user, [{"x": [2]}], {"title": {"text": "t"}}, filename="name", fileopt="append")
    assert again.id == info.id
    assert [each["x"] for each in core.plots.figure(info.id)["data"]] == [[1], [2]]
    assert core.plots.figure(info.id)["layout"] == {"title": {"text": "t"}}
    assert again.points == 2


@in_core
async def test_a_board_that_resets_and_extends_with_nothing_wipes_nothing(core: Core) -> None:
    info, token = await core.streamed_plot(filename="name")
    await stream(core, token, 1, 2)
    again = await core.plot(trace(token, x=[], y=[]), filename="name", fileopt="extend")
    await stream(core, token, 3)
    assert again.id == info.id
    assert core.x(info) == core.stored_x(info) == [1, 2, 3]


@in_core
async def test_extend_with_another_token_goes_on_in_the_same_trace(core: Core) -> None:
    info, old = await core.streamed_plot(filename="name")
    await stream(core, old, 1)
    new = await new_token(core)
    await core.plot(trace(new), filename="name", fileopt="extend")
    await stream(core, new, 2)
    assert core.x(info) == [1, 2]
    with pytest.raises(Refusal, match="403"):
        core.open(old)


@in_core
async def test_a_token_that_moves_to_another_plot_leaves_the_old_one_as_a_picture(core: Core) -> None:
    old, token = await core.streamed_plot()
    await stream(core, token, 1, 2)
    new = await core.plot(trace(token))
    await stream(core, token, 3)
    assert (core.x(old), core.x(new)) == ([1, 2], [3])
    assert "stream" not in core.plots.figure(old.id, tokens=True)["data"][0]
    assert core.stored_x(old) == [1, 2]


@in_core
async def test_a_stream_goes_on_into_the_plot_that_its_token_moved_to(core: Core) -> None:
    old, token = await core.streamed_plot()
    session = core.open(token, (STREAM_ID, 0))
    session.lines(block([0, 1]))
    saving = asyncio.create_task(core.plot(trace(token)))
    for number in range(2, 40):
        await asyncio.sleep(0.0005)
        session.lines(block([number]))
    new = await saving
    assert await finish(session) is None
    assert core.x(old) + core.x(new) == list(range(40))
    assert core.stored_x(old) + core.stored_x(new) == list(range(40))


@in_core
async def test_a_token_of_nobody_or_of_somebody_else_names_its_trace_and_not_itself(core: Core) -> None:
    foreign = core.store.new_token(bob(core))
    for token in ("nosuchtokn", foreign):
        with pytest.raises(Refusal, match=r"404 .*trace 2: .*not registered for ann.*plotpost token new") as caught:
            await core.plot({"x": []}, trace(token))
        assert token not in str(caught.value)
    assert core.plots.list() == []


@pytest.mark.parametrize(
    ("data", "layout", "reason"),
    [
        ("text", {}, "list of traces"),
        ([1], {}, "each trace an object"),
        ([], [], "layout of a plot must be an object"),
        ([{"x": 10**30}], {}, "JSON cannot"),
        ([{"x": "\ud800"}], {}, "JSON cannot"),
        ([{"x": orjson.loads("[" * 40 + "]" * 40)}], {}, "nested more than 32 deep"),
        ([], {"a": orjson.loads("[" * 40 + "]" * 40)}, "nested more than 32 deep"),
    ],
)
def test_what_is_no_figure_is_400(tmp_path: Any, data: Any, layout: Any, reason: str) -> None:
    async def check(core: Core) -> None:
        with pytest.raises(Refusal, match=rf"^400 .*{reason}"):
            await core.plots.save(core.user, data, layout)

    in_core(check)(tmp_path)


@in_core
async def test_unknown_words_are_400_and_name_those_allowed(core: Core) -> None:
    with pytest.raises(Refusal, match=", ".join(FILEOPTS)):
        await core.plot(fileopt="replace")
    with pytest.raises(Refusal, match="public, private, secret"):
        await core.plot(sharing="all")


@in_core
async def test_a_maxpoints_out_of_range_is_warned_of(core: Core) -> None:
    token = await new_token(core)
    _, warnings = await core.plots.save(core.user, [trace(token, 5_000_000)], {})
    assert len(warnings) == 1
    assert "trace 1: maxpoints" in warnings[0]


@in_core
async def test_a_nan_is_kept_as_a_gap(core: Core) -> None:
    assert core.x(await core.plot({"x": [1.0, float("nan")]})) == [1.0, None]


@in_core
async def test_a_deleted_plot_is_gone_and_its_token_is_free_again(core: Core) -> None:
    info, token = await core.streamed_plot()
    await stream(core, token, 1)
    await core.delete(info)
    assert core.plots.list() == []
    with pytest.raises(Refusal, match="404"):
        core.plots.figure(info.id)
    new = await core.plot(trace(token))
    await stream(core, token, 2)
    assert core.x(new) == [2]


# Lines


@in_core
async def test_points_and_last_count_what_was_streamed_also_after_a_restart(core: Core) -> None:
    info, token = await core.streamed_plot()
    await stream(core, token, *range(10))
    found = core.plots.find("ann", info.fid)
    assert found is not None
    assert found.points == 10
    assert found.last is not None
    again = Core(core.store.path.parent)
    assert again.plots.find("ann", info.fid) == replace(found, live=False)
    await again.close()


@in_core
async def test_a_plot_that_is_loaded_between_commit_and_callback_shows_no_line_twice(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token)
    session.lines(block([1]))
    core.committer._flush()
    while core.stored_x(info) == []:  # the event loop stands still meanwhile
        pass
    assert core.x(info) == [1]
    assert await finish(session) is None
    assert core.x(info) == [1]


@in_core
async def test_a_plot_is_live_while_it_is_fed(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token)
    assert [each.live for each in core.plots.list()] == [True]
    session.abort()
    async with asyncio.timeout(PATIENCE_S):
        while core.plots.list()[0].live:
            await asyncio.sleep(0.001)
    assert not info.live


@in_core
async def test_the_journal_is_compacted_and_nothing_changes(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token, (STREAM_ID, 0))
    for start in range(0, 4000, 40):
        session.lines(b"".join(b'{"x":%d,"text":"%s"}\n' % (x, b"." * 1000) for x in range(start, start + 40)))
        await core.committer.flush()
    await finish(session)
    await core.plots.close()
    loaded = core.store.load_plot(info.id)
    assert loaded is not None
    row, snapshot, journal = loaded
    assert row.points == 4000
    assert len(snapshot) > 1_000_000
    assert sum(len(each.lines) for each in journal) < 3_000_000
    assert core.stored_x(info) == core.x(info) == list(range(4000))


@in_core
async def test_a_plot_that_nobody_views_is_not_held_in_memory(core: Core) -> None:
    info, token = await core.streamed_plot()
    await stream(core, token, 1)
    assert core.plots._plots[info.id].figure is None
    assert core.x(info) == [1]
    core.plots._plots[info.id].used -= 3600
    await core.plots.poll()
    assert core.plots._plots[info.id].figure is None
    await stream(core, token, 2)
    assert core.x(info) == [1, 2]


def base64_array(*numbers: int, **more: str) -> dict[str, str]:
    return {"dtype": "i1", "bdata": base64.b64encode(bytes(numbers)).decode(), **more}


SHAPES = ["", "3", "2,2", "1,3", ",".join(["1"] * 300 + ["3"]), "-1,-3", "x"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_base64_array_is_the_same_before_and_after_a_restart(tmp_path: Any, shape: str) -> None:
    """Also one whose shape would make lists nested so deep that nobody could read the plot any more."""

    @in_core
    async def test(core: Core) -> None:
        info, token = await core.streamed_plot()
        array = base64_array(1, 2, 3, **({"shape": shape} if shape else {}))
        line = {"y": array, "z": array, "marker": {"size": array}, "layout": {"xaxis": {"range": array}}}
        session = core.open(token)
        session.lines(orjson.dumps(line) + b"\n")
        assert await finish(session) is None
        live = core.plots.figure(info.id, tokens=True)
        assert await restarted(core, info) == live
        core.plots._compact(info.id)
        await core.plots.close()
        assert await restarted(core, info) == live
        if shape in ("", "3"):
            assert live["data"][0]["marker"]["size"] == live["data"][0]["y"] == [1, 2, 3]

    test(tmp_path)


@in_core
async def test_the_json_of_a_plot_is_made_once_until_something_comes(core: Core) -> None:
    info, token = await core.streamed_plot(filename="name")
    await stream(core, token, 1)
    first = core.plots.figure_json(info.id)
    assert core.plots.figure_json(info.id) is first
    await stream(core, token, 2)
    assert orjson.loads(core.plots.figure_json(info.id))["data"][0]["x"] == [1, 2]
    await core.plot({"x": [5]}, filename="name", fileopt="overwrite")
    assert orjson.loads(core.plots.figure_json(info.id))["data"][0]["x"] == [5]


def test_who_looks_at_one_plot_after_the_other_fills_no_memory(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "_MOST_BYTES_HELD", 5000)

    @in_core
    async def test(core: Core) -> None:
        infos = [await core.plot({"text": ["." * 2000]}, filename=f"plot {number}") for number in range(5)]
        viewer = core.hub.subscribe(infos[0].id)
        await next_message(viewer)
        for info in infos:
            core.plots.figure(info.id)
            held = [plot_id for plot_id, plot in core.plots._plots.items() if plot.figure is not None]
            assert len(held) <= 2
            assert {infos[0].id, info.id} <= set(held)
        viewer.close()

    test(tmp_path)


@in_core
async def test_a_plot_that_is_viewed_stays_in_memory(core: Core) -> None:
    info, _ = await core.streamed_plot()
    viewer = core.hub.subscribe(info.id)
    await next_message(viewer)
    core.plots._plots[info.id].used -= 3600
    await core.plots.poll()
    assert core.plots._plots[info.id].figure is not None


@in_core
async def test_lines_are_not_lost_to_viewers_when_the_store_cannot_be_read_for_a_moment(core: Core) -> None:
    info, token = await core.streamed_plot()
    viewer = core.hub.subscribe(info.id)
    await next_message(viewer)
    core.plots._plots.clear()
    measure = core.store.measure_plot

    def fail(plot_id: int) -> None:
        raise StoreError("out of order")

    core.store.measure_plot = fail  # type: ignore[method-assign]
    await stream(core, token, 1)
    core.store.measure_plot = measure  # type: ignore[method-assign]
    while (message := await next_message(viewer))["type"] != "snapshot":
        pass
    assert message["figure"]["data"][0]["x"] == [1]


# Another process


@in_core
async def test_what_another_process_changes_is_noticed(core: Core) -> None:
    old, token = await core.streamed_plot()
    await core.plots.start()
    await stream(core, token, 1)
    assert core.x(old) == [1]
    other = Store.open(core.store.path.parent)
    with other.transaction():
        plot_id, _ = save_plot(other, core.user, [trace(token)], {}, "name", "new", "public")
    await core.plots.poll()
    await stream(core, token, 2)
    assert core.plots.figure(plot_id)["data"][0]["x"] == [2]
    assert "stream" not in core.plots.figure(old.id)["data"][0]
    added = other.new_token(core.user)
    await core.plots.poll()
    assert added in core.plots.routes
    row = other.plot(plot_id)
    assert row is not None
    files.delete(other, files.find(other, core.user, row.user, row.fid))
    other.close()
    await core.plots.poll()
    with pytest.raises(Refusal, match="404"):
        core.plots.figure(plot_id)


@in_core
async def test_it_is_noticed_by_itself(core: Core) -> None:
    await core.plots.start()
    other = Store.open(core.store.path.parent)
    token = other.new_token(core.user)
    other.close()
    async with asyncio.timeout(PATIENCE_S):
        while token not in core.plots.routes:
            await asyncio.sleep(0.01)


@in_core
async def test_own_commits_reload_nothing(core: Core) -> None:
    info, token = await core.streamed_plot()
    await core.plots.poll()
    routes = core.plots.routes
    core.x(info)
    await stream(core, token, 1)
    await core.plots.poll()
    assert core.plots.routes is routes


# Whatever comes, and whenever it restarts

_values = (
    st.none() | st.integers(-5, 5) | st.sampled_from(["a", "é\u2028\x7f", 1.5, True]) | st.lists(st.integers(0, 3), max_size=3)
)
_lines = st.dictionaries(
    st.sampled_from(["x", "y", "text", "name", "marker", "layout", "stream", "streamtoken"]),
    _values | st.dictionaries(st.sampled_from(["size", "color", "title"]), _values, max_size=2),
    max_size=4,
)
_steps = st.lists(st.lists(_lines, max_size=4) | st.sampled_from(["commit", "compact", "extend"]), max_size=10)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_steps, st.booleans())
def test_a_restart_finds_the_figure_that_was_live(tmp_path_factory: pytest.TempPathFactory, steps: list[Any], crlf: bool) -> None:
    async def check(core: Core) -> None:
        info, token = await core.streamed_plot(filename="name")
        core.plots.figure(info.id)
        session = core.open(token)
        for step in steps:
            if step == "commit":
                await core.committer.flush()
            elif step == "compact":
                core.plots._compact(info.id)
            elif step == "extend":
                await core.plot(trace(token, x=[7]), filename="name", fileopt="extend")
                core.plots.figure(info.id)
            else:
                end = b" \r\n" if crlf else b"\n"
                session.lines(b"".join(orjson.dumps(line) + end for line in step))
        assert await finish(session) is None
        assert await restarted(core, info) == core.plots.figure(info.id, tokens=True)

    in_core(check)(tmp_path_factory.mktemp("data"))


@in_core
async def test_the_gaps_of_rows_count_to_what_a_plot_needs(core: Core) -> None:
    info, token = await core.streamed_plot()
    assert core.x(info) == []
    session = core.open(token)
    session.lines(b'{"x":1}\n' * 10)
    await finish(session)
    assert core.plots.figure(info.id)["data"][0]["y"] == [None] * 9
    assert core.plots._plots[info.id].journal_bytes == 10 * len('{"x":1}\n') + 9 * len("null,")
