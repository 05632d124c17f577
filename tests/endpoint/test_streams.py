import asyncio
import re
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from host_tools.endpoint import piecework, plots, streams
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.plots import PlotInfo, save_plot
from host_tools.endpoint.store import DeviceRow, Store
from host_tools.endpoint.style import Style
from tests.endpoint.core import PATIENCE_S, STREAM_ID, Core, block, finish, head, in_core, next_message, pass_time, trace

OTHER_ID = "ffeeddccbbaa0099"


def refused(status: int, match: str = "") -> Any:
    return pytest.raises(Refusal, match=rf"^{status} .*{match}")


async def two_plots(core: Core) -> tuple[tuple[PlotInfo, str], tuple[PlotInfo, str]]:
    return await core.streamed_plot(), await core.streamed_plot()


def device(core: Core, stream_id: str = STREAM_ID) -> DeviceRow | None:
    return core.store.device(core.user.id, stream_id)


# The dialect with the token in the header


@in_core
async def test_lines_are_in_the_plot_and_in_the_store_when_the_request_has_finished(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token)
    session.lines(block([1, 2]))
    session.lines(b"\n" + block([3]) + b"\n")
    assert await finish(session) is None
    assert core.x(info) == core.stored_x(info) == [1, 2, 3]
    assert session.settled is None


@in_core
async def test_viewers_get_nothing_that_is_not_committed(core: Core) -> None:
    info, token = await core.streamed_plot()
    assert core.x(info) == []
    session = core.open(token)
    session.lines(block([1]))
    assert core.x(info) == []
    await finish(session)
    assert core.x(info) == [1]


@in_core
async def test_an_unknown_token_is_404_with_the_remedy(core: Core) -> None:
    with refused(404, "not registered here: make one with 'plotpost token new'") as caught:
        core.open("nosuchtokn")
    assert "nosuchtokn" not in str(caught.value)


@in_core
async def test_a_revoked_token_is_404_also_while_it_streams(core: Core) -> None:
    _, token = await core.streamed_plot()
    session = core.open(token, (STREAM_ID, 0))
    session.lines(block([0]))
    core.store.revoke_token(token)
    await core.plots.poll()
    with refused(404):
        session.lines(block([1]))
    await finish(session)
    assert session.settled == 1
    with refused(404):
        core.open(token)


@in_core
async def test_a_token_that_feeds_no_plot_is_403_and_says_what_to_do(core: Core) -> None:
    token = core.store.new_token(core.user)
    await core.plots.poll()
    with refused(403, "create a plot"):
        core.open(token)


@in_core
async def test_a_token_that_lost_its_plot_is_403(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token, (STREAM_ID, 0))
    session.lines(block([0]))
    await core.delete(info)
    with refused(403):
        session.lines(block([1]))


@in_core
async def test_a_token_in_a_line_never_reaches_figure_or_journal(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token)
    session.lines(block([1], token))
    await finish(session)
    assert "streamtoken" not in core.plots.figure(info.id)["data"][0]
    loaded = core.store.load_plot(info.id)
    assert loaded is not None
    assert [row.lines for row in loaded[2]] == [b'{"x":1,"y":1}\n']


@in_core
async def test_bare_nan_and_infinity_of_old_clients_become_gaps(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token)
    session.lines(b'{"x":NaN}\n{"x":Infinity}\n{"x":-Infinity}\n{"x":"NaN"}\n')
    assert await finish(session) is None
    assert core.x(info) == core.stored_x(info) == [None, None, None, "NaN"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"x":1', "not JSON"),
        (b"x", "not JSON"),
        (b'{"x":\xff}', "not JSON"),
        (b'{"x":1e999}', "not JSON"),
        (b"[NaN" * 3000, "not JSON"),
        (b"[" * 3000, "not JSON"),
        (b"[1,2]", "no object"),
        (b"7", "no object"),
        (b"NaN", "no object"),
        (b'{"x":' + b"[" * 32 + b"]" * 32 + b"}", "nested more than 32 deep"),
    ],
)
def test_a_line_that_cannot_be_used_is_422_at_exactly_its_number(line: bytes, reason: str, tmp_path: Path) -> None:
    async def check(core: Core) -> None:
        info, token = await core.streamed_plot()
        session = core.open(token, (STREAM_ID, 10))
        session.lines(block([10, 11]))
        with refused(422, f"line 4 of the stream .*{reason}") as caught:
            session.lines(block([12]) + b"\n" + line + b"\n" + block([14]))
        assert token not in str(caught.value)
        await finish(session)
        assert session.settled == 13
        assert core.x(info) == core.stored_x(info) == [10, 11, 12]

    in_core(check)(tmp_path)


@in_core
async def test_a_bad_line_right_behind_a_gap_is_settled_at_its_number(core: Core) -> None:
    _, token = await core.streamed_plot()
    session = core.open(token, (STREAM_ID, 7))
    with refused(422):
        session.lines(b"bad\n")
    await finish(session)
    assert session.settled == 7
    assert device(core) == DeviceRow(core.user.id, STREAM_ID, 7, 7, 0, None)


@in_core
async def test_a_refused_session_takes_no_more_lines(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token)
    for lines in (b"bad\n", block([1])):
        with refused(422):
            session.lines(lines)
    await finish(session)
    assert core.x(info) == []


@in_core
async def test_nesting_up_to_the_limit_is_served(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token)
    session.lines(b'{"customdata":' + b"[" * 31 + b"]" * 31 + b"}\n")
    assert await finish(session) is None
    assert len(core.plots.figure(info.id)["data"][0]["customdata"]) == 1


# Numbers


@in_core
async def test_lines_below_the_next_number_are_dropped(core: Core) -> None:
    info, token = await core.streamed_plot()
    for first, numbers in ((0, range(5)), (3, range(3, 8)), (0, range(8))):
        session = core.open(token, (STREAM_ID, first))
        session.lines(block(numbers))
        await finish(session)
    assert session.settled == 8
    assert core.x(info) == core.stored_x(info) == list(range(8))


@in_core
async def test_heartbeats_have_no_number(core: Core) -> None:
    _, token = await core.streamed_plot()
    session = core.open(token, (STREAM_ID, 0))
    session.lines(b"\n\n" + block([0]) + b"\n \r\n" + block([1]))
    await finish(session)
    assert session.settled == 2


@in_core
async def test_a_gap_is_accepted_and_counted(core: Core) -> None:
    info, token = await core.streamed_plot()
    for first in (0, 5):
        session = core.open(token, (STREAM_ID, first), device="c0ffee; dropped=3")
        session.lines(block([first, first + 1]))
        await finish(session)
    assert session.settled == 7
    assert device(core) == DeviceRow(core.user.id, STREAM_ID, 7, 3, 0, "c0ffee; dropped=3")
    assert core.x(info) == [0, 1, 5, 6]


@in_core
async def test_numbers_go_on_after_a_restart(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token, (STREAM_ID, 0))
    session.lines(block(range(4)))
    await finish(session)
    again = Core(core.store.path.parent)
    session = again.open(token, (STREAM_ID, 2))
    session.lines(block(range(2, 6)))
    await finish(session)
    assert session.settled == 6
    assert again.x(info) == list(range(6))
    await again.close()


@in_core
async def test_a_request_without_lines_settles_nothing_new(core: Core) -> None:
    _, token = await core.streamed_plot()
    for first, lines, settled in ((0, block([0, 1]), 2), (9, b"\n", 2)):
        session = core.open(token, (STREAM_ID, first))
        session.lines(lines)
        assert await finish(session) is None
        assert session.settled == settled


@in_core
async def test_two_users_may_have_the_same_stream_id(core: Core) -> None:
    info, token = await core.streamed_plot()
    core.store.create_user("bob")
    bob = core.store.users()[1]
    bobs = core.store.new_token(bob)
    await core.plots.poll()
    bobs_plot, _ = await core.plots.save(bob, [trace(bobs)], {})
    for each in (token, bobs):
        session = core.open(each, (STREAM_ID, 0))
        session.lines(block([0, 1]))
        await finish(session)
    assert core.x(info) == core.x(bobs_plot) == [0, 1]


@in_core
async def test_an_aborted_session_keeps_what_it_took(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(token, (STREAM_ID, 0))
    session.lines(block([0, 1]))
    session.abort()
    session = core.open(token, (STREAM_ID, 0))
    session.lines(block([0, 1, 2]))
    await finish(session)
    assert core.x(info) == core.stored_x(info) == [0, 1, 2]


# The multiplexed dialect


@in_core
async def test_one_stream_feeds_several_plots(core: Core) -> None:
    (info_one, one), (info_two, two) = await two_plots(core)
    session = core.open(None, (STREAM_ID, 0))
    session.lines(block([0], one) + block([1], two) + block([2], one))
    assert await finish(session) is None
    assert session.settled == 3
    assert (core.x(info_one), core.x(info_two)) == ([0, 2], [1])
    assert core.stored_x(info_one) == [0, 2]


@in_core
async def test_a_token_that_may_not_be_used_refuses_its_line_alone(core: Core) -> None:
    (info, good), (_, revoked) = await two_plots(core)
    unlinked = core.store.new_token(core.user)
    core.store.create_user("bob")
    foreign = core.store.new_token(core.store.users()[1])
    core.store.revoke_token(revoked)
    await core.plots.poll()
    session = core.open(None, (STREAM_ID, 0))
    lines = [block([number], token) for number, token in enumerate(["nosuchtokn", good, foreign, revoked, good, unlinked])]
    session.lines(b"".join(lines) + b'{"x":6}\n{"streamtoken":7,"x":7}\n')
    assert await finish(session) is None
    assert session.settled == 8
    assert core.x(info) == [1, 4]
    assert device(core) == DeviceRow(core.user.id, STREAM_ID, 8, 0, 6, None)


@in_core
async def test_the_first_line_without_any_token_is_406(core: Core) -> None:
    session = core.open(None, (STREAM_ID, 5))
    session.lines(b"\n")
    with refused(406, "plotly-streamtoken"):
        session.lines(block([5]))
    await finish(session)
    assert session.settled == 5


@in_core
async def test_sixteen_lines_without_a_registered_token_are_404(core: Core) -> None:
    session = core.open(None, (STREAM_ID, 5))
    session.lines(block(range(15), "nosuchtokn"))
    with refused(404):
        session.lines(block([15], "nosuchtokn"))
    await finish(session)
    assert session.settled == 5


@in_core
async def test_a_short_request_without_a_registered_token_is_404_at_its_end(core: Core) -> None:
    session = core.open(None)
    session.lines(block([0], "nosuchtokn"))
    refusal = await finish(session)
    assert refusal is not None
    assert refusal.status == 404


@in_core
async def test_only_unlinked_tokens_are_403(core: Core) -> None:
    unlinked = core.store.new_token(core.user)
    await core.plots.poll()
    session = core.open(None)
    session.lines(block([0], unlinked))
    refusal = await finish(session)
    assert refusal is not None
    assert refusal.status == 403


@in_core
async def test_lines_before_the_first_good_token_are_counted_and_the_rest_is_kept(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(None, (STREAM_ID, 0))
    for number in range(15):
        session.lines(block([number], "nosuchtokn"))
    session.lines(block(range(15, 30), token))
    await finish(session)
    assert session.settled == 30
    assert core.x(info) == list(range(15, 30))
    assert device(core) == DeviceRow(core.user.id, STREAM_ID, 30, 0, 15, None)


@in_core
async def test_a_bad_line_before_the_owner_is_known_is_settled_at_its_number(core: Core) -> None:
    session = core.open(None, (STREAM_ID, 5))
    session.lines(block([5], "nosuchtokn"))
    with refused(422, "line 2 of"):
        session.lines(b"bad\n")
    await finish(session)
    assert session.settled == 6


@in_core
async def test_layouts_of_several_tokens_keep_their_order(core: Core) -> None:
    one, two = core.store.new_token(core.user), core.store.new_token(core.user)
    await core.plots.poll()
    info = await core.plot(trace(one), trace(two))
    session = core.open(None)
    for title, token in enumerate([one, two, one]):
        lines = block([title], token), b'{"streamtoken":"%s","layout":{"title":{"text":"%d"}}}\n' % (token.encode(), title)
        session.lines(b"".join(lines) if title else b"".join(lines) + block([9], two))
    session.lines(
        b"".join(
            b'{"streamtoken":"%s","layout":{"title":{"text":"%s"}}}\n' % (token.encode(), title)
            for token, title in ((one, b"first"), (two, b"second"), (one, b"third"))
        )
    )
    await finish(session)
    assert core.plots.figure(info.id)["layout"] == {"title": {"text": "third"}}
    assert [each["x"] for each in core.plots.figure(info.id)["data"]] == [[0, 2], [9, 1]]


@pytest.mark.parametrize(
    ("headers", "silent"),
    [
        ({"agent": "Arduino"}, True),
        ({"agent": "Python"}, True),
        ({"agent": "Python/3.11 aiohttp/3.9"}, False),
        ({"agent": "curl/8.5.0"}, False),
        ({"agent": ""}, False),
        ({"agent": "Arduino", "records": (STREAM_ID, 0)}, False),
    ],
)
def test_only_plotlys_arduino_library_is_answered_with_silence(headers: dict[str, Any], silent: bool, tmp_path: Path) -> None:
    async def check(core: Core) -> None:
        _, token = await core.streamed_plot()
        session = core.open(None, **headers)
        session.lines(block([0], token))
        assert session.silent is silent
        assert not core.open(token, **headers).silent

    in_core(check)(tmp_path)


@in_core
async def test_an_answer_never_says_more_than_was_done(core: Core) -> None:
    _, token = await core.streamed_plot()
    for lines, outcome in (
        (block([0], token), "all of it is stored"),
        (b"\n \n", "nothing was in it to store"),
        (block([0], token) + block([1, 2], "nosuchtokn"), "stored, but for 2 lines whose stream token is not registered here"),
        (block([0], "nosuchtokn") + block([1], token), "stored, but for 1 line whose stream token is not registered here"),
    ):
        session = core.open(None)
        session.lines(lines)
        assert await finish(session) is None
        assert session.outcome.startswith(outcome)


@in_core
async def test_who_forgets_the_token_is_told(core: Core) -> None:
    session = core.open(None)
    with refused(406, "plotly-streamtoken"):
        session.lines(b'{"x":1}\n')
    assert not session.silent


@in_core
async def test_milliseconds_since_the_boards_start_become_dates_in_its_zone(core: Core) -> None:
    info, token = await core.streamed_plot()
    session = core.open(None, zone="America/New_York")
    before = time.time() - 0.001
    session.lines(b'{"streamtoken":"%s","x":5000}\n{"streamtoken":"%s","x":"as it is"}\n' % (token.encode(), token.encode()))
    after = time.time()
    await finish(session)
    first, second = core.x(info)
    assert second == "as it is"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}-0[45]:00", first)
    assert before <= datetime.fromisoformat(first).timestamp() <= after
    assert core.stored_x(info) == core.x(info)


@in_core
async def test_an_x_beyond_all_dates_is_422(core: Core) -> None:
    _, token = await core.streamed_plot()
    session = core.open(token, zone="UTC")
    with refused(422, "milliseconds"):
        session.lines(b'{"x":0}\n{"x":1e300}\n')


@in_core
async def test_a_zone_that_does_not_exist_is_400(core: Core) -> None:
    with refused(400, "no time zone"):
        core.open(None, zone="Nowhere/City")


# Turns of the event loop


async def turns_until(condition: Callable[[], bool]) -> int:
    """How often others have their turn until then."""
    turns = 0
    while not condition():
        await asyncio.sleep(0)
        turns += 1
    return turns


@in_core
async def test_many_lines_are_taken_and_shown_in_turns(core: Core) -> None:
    info, token = await core.streamed_plot()
    assert core.x(info) == []
    session = core.open(token, (STREAM_ID, 0))
    drained: list[bool] = []
    session.on_drained = lambda: drained.append(session.congested)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "TURN_S", 0)
        patch.setattr(piecework, "TURN_S", 0)
        session.lines(block(range(100)))
        assert session.congested
        session.lines(block(range(100, 200)))
        ended: list[Refusal | None] = []
        session.finish(ended.append)
        shown = [len(core.x(info))]
        while not ended:
            await asyncio.sleep(0)
            shown.append(len(core.x(info)))
    assert ended == [None]
    assert session.settled == 200
    assert core.x(info) == core.stored_x(info) == list(range(200))
    assert len(set(shown)) > 4
    assert False in drained


@in_core
async def test_a_bad_line_that_is_found_in_a_later_turn_is_told_by_its_number(core: Core) -> None:
    info, token = await core.streamed_plot()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "TURN_S", 0)
        open_, ended = core.open(token, (STREAM_ID, 0)), core.open((await core.streamed_plot())[1])
        open_.lines(block(range(70)) + b"bad\n" + block([71]))
        ended.lines(block(range(70)) + b"bad\n")
        refusal = await finish(ended)
        await turns_until(lambda: bool(core.evicted))
    for told in (refusal, *core.evicted):
        assert told is not None
        assert (told.status, "line 71 of the stream" in told.message) == (422, True)
    refusal = await finish(open_)
    assert refusal is not None
    assert (refusal.status, open_.settled) == (422, 70)
    assert core.x(info) == list(range(70))


@in_core
async def test_what_was_not_taken_yet_when_a_connection_breaks_is_still_taken(core: Core) -> None:
    info, token = await core.streamed_plot()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "TURN_S", 0)
        session = core.open(token)
        session.lines(block(range(100)))
        session.abort()
        await turns_until(lambda: not core.streams._sessions)
    await core.committer.flush()
    await turns_until(lambda: len(core.x(info)) == 100)


@in_core
async def test_a_board_that_comes_again_sends_again_what_was_not_taken_yet(core: Core) -> None:
    info, token = await core.streamed_plot()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "TURN_S", 0)
        core.open(token, (STREAM_ID, 0)).lines(block(range(100)))
        again = core.open(token, (STREAM_ID, 0))
        again.lines(block(range(100)))
        await finish(again)
    assert core.evicted == [None]
    assert core.x(info) == core.stored_x(info) == list(range(100))


@in_core
async def test_a_plot_that_is_saved_while_lines_are_shown_has_each_of_them_once(core: Core) -> None:
    info, token = await core.streamed_plot()
    assert core.x(info) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(piecework, "TURN_S", 0)
        session = core.open(token)
        session.lines(block(range(200)))
        ended: list[Refusal | None] = []
        session.finish(ended.append)
        await turns_until(lambda: len(core.x(info)) >= 64)
        await core.plots.restyle(info.id, Style({"title": "new"}, {}))
        await turns_until(lambda: bool(ended))
    assert core.x(info) == core.stored_x(info) == list(range(200))


# Several streams


def statuses(core: Core) -> list[int]:
    """With which streams were ended."""
    return [refusal.status for refusal in core.evicted if refusal is not None]


@in_core
async def test_the_newest_stream_of_a_token_that_stays_open_wins_and_the_older_keeps_what_it_had(core: Core) -> None:
    info, token = await core.streamed_plot()
    older = core.open(token)
    older.lines(block([1]))
    newer = core.open(token)
    await turns_until(lambda: bool(core.evicted))
    assert statuses(core) == [308]
    with refused(308, "another stream with the same token"):
        older.lines(block([2]))
    newer.lines(block([3]))
    await finish(older)
    await finish(newer)
    assert core.x(info) == [1, 3]


@in_core
async def test_another_board_with_the_same_token_evicts_with_308(core: Core) -> None:
    _, token = await core.streamed_plot()
    core.open(token, (STREAM_ID, 0))
    core.open(token, (OTHER_ID, 0))
    await turns_until(lambda: bool(core.evicted))
    assert statuses(core) == [308]


LONG = 1000.0  # seconds: longer than a test


def in_core_of(grace: float) -> Callable[[Callable[[Core], Awaitable[None]]], Callable[[Path], None]]:
    """The same as in_core, with streams that stay open after that time."""

    def decorate(test: Callable[[Core], Awaitable[None]]) -> Callable[[Path], None]:
        async def graced(core: Core) -> None:
            core.streams.claims._grace = grace
            await test(core)

        graced.__name__, graced.__module__ = test.__name__, test.__module__
        return in_core(graced)

    return decorate


@in_core_of(LONG)
async def test_requests_that_run_at_the_same_time_are_all_stored(core: Core) -> None:
    info, token = await core.streamed_plot()
    sessions = [core.open(token, length=10 if number % 2 else None) for number in range(20)]
    for number in (7, 3, 12, 0, 19, *range(1, 3), *range(4, 7), *range(8, 12), *range(13, 19)):
        sessions[number].lines(block([number]))
        assert await finish(sessions[number]) is None
    assert sorted(core.x(info)) == list(range(20))
    assert core.evicted == []
    assert not core.streams.claims._newest
    assert not core.streams.claims._rivals


@in_core_of(LONG)
async def test_a_stream_goes_on_when_a_short_one_has_passed_it_by(core: Core) -> None:
    info, token = await core.streamed_plot()
    open_ = core.open(token)
    open_.lines(block([1]))
    for number in (2, 3):
        short = core.open(token)
        short.lines(block([number]))
        await finish(short)
    open_.lines(block([4]))
    assert await finish(open_) is None
    assert core.x(info) == [1, 2, 3, 4]


@pytest.mark.parametrize("first", [True, False], ids=["the older has lines first", "the newer has lines first"])
def test_of_streams_whose_lines_come_in_turn_the_newest_wins_at_once(first: bool, tmp_path: Path) -> None:
    async def check(core: Core) -> None:
        info, token = await core.streamed_plot()
        older, newer = core.open(token), core.open(token)
        (older if first else newer).lines(block([1]))
        (newer if first else older).lines(block([2]))
        assert core.evicted == []
        if first:
            with refused(308, "another stream with the same token"):
                older.lines(block([3]))
        else:
            newer.lines(block([3]))
        assert statuses(core) == [308]
        newer.lines(block([4]))
        assert await finish(newer) is None
        await finish(older)
        assert core.x(info) == ([1, 2, 4] if first else [1, 2, 3, 4])

    in_core_of(LONG)(check)(tmp_path)


@in_core_of(LONG)
async def test_a_request_of_known_length_ends_no_stream_and_is_ended_by_none(core: Core) -> None:
    info, token = await core.streamed_plot()
    open_, whole = core.open(token), core.open(token, length=100)
    for number in range(4):
        (whole if number % 2 else open_).lines(block([number]))
    for session in (open_, whole):
        assert await finish(session) is None
    assert core.x(info) == [0, 1, 2, 3]


@in_core
async def test_a_token_that_is_fought_over_is_told_in_the_log_once_to_viewers_and_in_the_answers(core: Core) -> None:
    info, token = await core.streamed_plot()
    with pytest.MonkeyPatch.context() as patch:
        warnings: list[str] = []
        patch.setattr(plots.logger, "warning", lambda text, *values: warnings.append(text % values))
        viewer = core.hub.subscribe(info.id)
        assert (await next_message(viewer)).get("trouble") is None
        for count in range(4):
            core.open(token)
            while len(core.evicted) < count:
                await asyncio.sleep(0)
            assert core.plots.is_fought_over(token) is (count > 1)
        said = [await next_message(viewer)]
        while not said[-1].get("trouble"):
            said.append(await next_message(viewer))
        viewer.close()
    fight = "streams with the same token end each other here: give every board and program a token of its own"
    assert said[-1]["trouble"] == fight
    assert warnings == [f"/~ann/1, token {token[:2]}...: {fight}"]
    assert ["again and again" in refusal.message for refusal in core.evicted if refusal] == [False, True, True]
    winner = core.open(token)
    winner.lines(block([1]))
    await finish(winner)
    assert "another stream uses the same token" in winner.outcome
    assert token not in "".join([*warnings, winner.outcome])
    pass_time(1000)
    assert not core.plots.is_fought_over(token)


@in_core
async def test_the_same_board_on_a_new_connection_closes_the_old_one_silently(core: Core) -> None:
    info, token = await core.streamed_plot()
    half_open = core.open(token, (STREAM_ID, 0))
    half_open.lines(block([0, 1]))
    again = core.open(token, (STREAM_ID, 0))
    assert core.evicted == [None]
    again.lines(block([0, 1, 2]))
    await finish(again)
    assert core.x(info) == core.stored_x(info) == [0, 1, 2]


@in_core
async def test_a_twin_with_several_tokens_is_closed_once(core: Core) -> None:
    (_, one), (_, two) = await two_plots(core)
    for _ in range(2):
        session = core.open(None, (STREAM_ID, 0))
        session.lines(block([0], one) + block([1], two))
    assert core.evicted == [None]


@in_core
async def test_an_evicted_stream_that_finishes_at_once_does_no_harm(core: Core) -> None:
    info, token = await core.streamed_plot()
    ended: list[Refusal | None] = []

    def end(refusal: Refusal | None) -> None:
        older.finish(ended.append)

    older = core.streams.open(head(token), end)
    older.lines(block([1]))
    newer = core.open(token)
    await turns_until(lambda: bool(ended))
    newer.lines(block([2]))
    await finish(newer)
    assert [refusal and refusal.status for refusal in ended] == [308]
    assert core.x(info) == [1, 2]
    assert core.open(token)


def test_more_streams_than_the_endpoint_allows_are_423(tmp_path: Path) -> None:
    async def run() -> None:
        core = Core(tmp_path, most=2)
        tokens = [(await core.streamed_plot())[1] for _ in range(3)]
        first, second = core.open(tokens[0]), core.open(tokens[1])
        with refused(423, "all 2 streams"):
            core.open(tokens[2])
        core.open(tokens[1])  # takes the place of its older stream
        await turns_until(lambda: bool(core.evicted))
        first.abort()
        assert core.open(tokens[2])
        second.abort()
        await core.close()

    asyncio.run(run())


def test_more_streams_than_a_user_may_have_are_423_for_that_user_only(tmp_path: Path) -> None:
    async def run() -> None:
        core = Core(tmp_path, most_of_a_user=1)
        (_, one), (_, two) = await two_plots(core)
        core.store.create_user("bob")
        bob = core.store.users()[1]
        bobs = core.store.new_token(bob)
        await core.plots.poll()
        await core.plots.save(bob, [trace(bobs)], {})
        session = core.open(one)
        with refused(423, "this user"):
            core.open(two)
        multiplexed = core.open(None)
        with refused(423, "this user"):
            multiplexed.lines(block([0], two))
        multiplexed.abort()
        assert core.open(bobs)
        session.abort()
        assert core.open(two)
        await core.close()

    asyncio.run(run())


@in_core
async def test_refused_streams_take_no_slot(core: Core) -> None:
    for _ in range(10):
        with refused(404):
            core.open("nosuchtokn")
    assert not core.streams._sessions


@in_core
async def test_nothing_is_kept_of_sessions_that_ended(core: Core) -> None:
    _, token = await core.streamed_plot()
    for _ in range(3):
        session = core.open(token, (STREAM_ID, 0))
        session.lines(block([0]))
        await finish(session)
        aborted = core.open(token, (STREAM_ID, 0))
        aborted.lines(block([0, 1]))
        aborted.abort()
        await core.committer.flush()
    assert not core.streams._sessions
    assert not core.streams.claims._newest
    assert not core.streams.claims._rivals
    assert not core.streams._devices
    assert not +core.streams._by_user


@in_core
async def test_a_session_with_too_much_uncommitted_is_congested_until_it_is_written(core: Core) -> None:
    _, token = await core.streamed_plot()
    session = core.open(token)
    drained = asyncio.Event()
    session.on_drained = drained.set
    session.lines(b'{"text":"%s"}\n' % (b"." * 500_000))
    assert not session.congested
    session.lines(b'{"text":"%s"}\n' % (b"." * 600_000))
    assert session.congested
    await asyncio.wait_for(drained.wait(), PATIENCE_S)
    assert not session.congested


class Reconnects(RuleBasedStateMachine):
    """Two boards that lose connections, send again from any number that is not settled above, and skip bad lines."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.core = Core(Path(self.folder.name))
        self.info, self.token = self.run(self.core.streamed_plot())
        self.session: Any = None
        self.next_line = 0  # what the open request sends next
        self.settled = 0  # what the board knows
        self.sent = 0

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _open(self, first: int) -> None:
        self.session = self.core.open(self.token, (STREAM_ID, first))
        self.next_line = first

    @rule(back=st.integers(0, 5))
    def connect(self, back: int) -> None:
        """Perhaps while the old connection is half open; from a number at or below what is settled."""
        self.run(self._open(max(self.settled - back, 0)))

    @rule(count=st.integers(1, 5))
    def send(self, count: int) -> None:
        if self.session is not None:
            self.run(self._send(count))

    async def _send(self, count: int) -> None:
        self.session.lines(block(range(self.next_line, self.next_line + count)))
        self.next_line += count
        self.sent = max(self.sent, self.next_line)

    @rule()
    def checkpoint(self) -> None:
        if self.session is not None:
            assert self.run(finish(self.session)) is None
            assert self.settled <= self.session.settled <= self.sent
            self.settled = self.session.settled
            self.session = None

    @rule()
    def break_off(self) -> None:
        if self.session is not None:
            self.run(self._abort())

    async def _abort(self) -> None:
        self.session.abort()
        self.session = None

    @rule()
    def wait(self) -> None:
        self.run(self.core.committer.flush())

    @rule()
    def restart(self) -> None:
        self.break_off()
        self.run(self.core.close())
        self.core = Core(self.core.store.path.parent)

    @invariant()
    def every_number_is_stored_once_and_in_order(self) -> None:
        stored = self.core.stored_x(self.info)
        assert stored == list(range(len(stored)))
        assert self.settled <= len(stored) <= self.sent

    def teardown(self) -> None:
        self.break_off()
        self.run(self.core.committer.flush())
        assert self.core.stored_x(self.info) == list(range(self.sent))
        assert self.run(self._shown()) == list(range(self.sent))
        self.run(self.core.close())
        self.loop.close()
        self.folder.cleanup()

    async def _shown(self) -> list[Any]:
        return self.core.x(self.info)


TestReconnects = Reconnects.TestCase
TestReconnects.settings = settings(max_examples=25, stateful_step_count=25)


@in_core
async def test_a_reading_that_lost_its_time_is_stamped_at_arrival_if_a_numbered_stream_says_so(core: Core) -> None:
    info, token = await core.streamed_plot()
    before = time.time()
    session = core.open(token, (STREAM_ID, 0))
    session.lines(b'{"x":"arrival","y":1}\n')
    await finish(session)
    stamp = datetime.fromisoformat(core.x(info)[0])
    assert before - 1 <= stamp.timestamp() <= time.time() + 1
    assert core.x(info)[0].endswith("Z")
    assert core.stored_x(info) == core.x(info)
    plain = core.open(token)
    plain.lines(b'{"x":"arrival","y":1}\n')
    await finish(plain)
    assert core.x(info)[1] == "arrival"


@in_core
async def test_a_token_that_another_process_has_just_made_may_stream_at_once(core: Core) -> None:
    other = Store.open(core.store.path.parent)
    try:
        with other.transaction():
            token = other.new_token(core.user)
            other_token = other.new_token(core.user)
            plot_id, _ = save_plot(
                other, core.user, [trace(token), trace(other_token)], {}, filename="", fileopt="new", sharing="public"
            )
    finally:
        other.close()
    session = core.open(token)
    session.lines(b'{"x":1}\n')
    await finish(session)
    many = core.open(None)
    many.lines(b'{"streamtoken":"%s","x":2}\n' % other_token.encode())
    await finish(many)
    assert [each["x"] for each in core.plots.figure(plot_id)["data"]] == [[1], [2]]
