import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from host_tools.endpoint import hub
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.hub import Hub, Message, Subscription, View
from host_tools.endpoint.plots import PlotInfo
from host_tools.endpoint.store import StoreError
from tests.endpoint.core import Core, block, finish, in_core, next_message, pass_time, trace


async def stream(core: Core, token: str, *numbers: int) -> None:
    session = core.open(token)
    session.lines(block(numbers))
    assert await finish(session) is None


async def watched_plot(core: Core) -> tuple[PlotInfo, str, Subscription, Message]:
    """A plot, its token, a viewer, and the snapshot that it got."""
    info, token = await core.streamed_plot()
    viewer = core.hub.subscribe(info.id)
    return info, token, viewer, await next_message(viewer)


async def next_of(viewer: Subscription, kind: str) -> Message:
    while (message := await next_message(viewer))["type"] != kind:
        pass
    return message


class Follower:
    """A viewer that does what the live page does, for a plot of one trace."""

    def __init__(self, viewer: Subscription) -> None:
        self.viewer = viewer
        self.x: list[Any] = []
        self.seq = -1
        self.kinds: list[str] = []

    async def until(self, last: Any) -> None:
        while not self.x or self.x[-1] != last:
            message = await next_message(self.viewer)
            self.kinds.append(message["type"])
            if message["type"] == "snapshot":
                self.x, self.seq = list(message["figure"]["data"][0]["x"]), message["seq"]
            elif message["type"] == "delta":
                assert message["seq"] == self.seq + 1, "a gap"
                self.seq += 1
                self.x += message["traces"][0]["extend"]["x"]


@in_core
async def test_a_viewer_first_gets_a_snapshot_without_tokens(core: Core) -> None:
    info, token = await core.streamed_plot()
    await stream(core, token, 1, 2)
    message = await next_message(core.hub.subscribe(info.id))
    assert message["type"] == "snapshot"
    assert message["figure"]["data"][0]["x"] == [1, 2]
    assert message["last"] is not None
    assert message["now"] >= message["last"]
    assert token.encode() not in orjson.dumps(message)


@in_core
async def test_then_it_gets_deltas_with_what_was_streamed(core: Core) -> None:
    _, token, viewer, snapshot = await watched_plot(core)
    await stream(core, token, 1, 2)
    message = await next_of(viewer, "delta")
    assert message["seq"] == snapshot["seq"] + 1
    assert message["traces"] == [{"i": 0, "max": 200_000, "extend": {"x": [1, 2], "y": [1, 2]}}]
    assert message["last"] is not None


@in_core
async def test_deltas_of_one_interval_are_one_message_for_every_viewer(core: Core) -> None:
    core.hub.interval = 3600
    info, token, viewer, _ = await watched_plot(core)
    other = core.hub.subscribe(info.id)
    await next_message(other)
    for number in range(5):
        await stream(core, token, number)
    for each in (viewer, other):
        assert (await next_of(each, "delta"))["traces"][0]["extend"]["x"] == [0]  # at once: there was a pause before it
    pass_time(3600)
    for each in (viewer, other):
        assert (await next_of(each, "delta"))["traces"][0]["extend"]["x"] == [1, 2, 3, 4]


@in_core
async def test_a_viewer_that_comes_in_between_sees_every_point_once(core: Core) -> None:
    core.hub.interval = 0.05
    info, token, first, _ = await watched_plot(core)
    await stream(core, token, 1, 2)  # under way to the first viewer
    second = Follower(core.hub.subscribe(info.id))
    asking = asyncio.create_task(second.until(4))
    await asyncio.sleep(0)
    await stream(core, token, 3)
    await asyncio.sleep(0.1)
    await stream(core, token, 4)
    await asking
    assert second.x == [1, 2, 3, 4]
    follower = Follower(first)
    follower.seq = 0
    await follower.until(4)
    assert follower.x == [1, 2, 3, 4]


@in_core
async def test_a_slow_viewer_is_brought_up_to_date_with_a_snapshot(core: Core) -> None:
    core.hub.interval = 0.0
    info, token, viewer, _ = await watched_plot(core)
    quick = Follower(core.hub.subscribe(info.id))
    following = asyncio.create_task(quick.until(39))
    for number in range(40):
        await stream(core, token, number)
        await asyncio.sleep(0.002)
    await following
    assert len(viewer._queue) <= 20
    slow = Follower(viewer)
    await slow.until(39)
    assert slow.x == quick.x == list(range(40))
    assert "snapshot" in slow.kinds
    await stream(core, token, 40)
    await slow.until(40)
    assert slow.kinds[-1] == "delta"


def test_more_news_than_a_snapshot_is_worth_becomes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_DELTA_SIZE", 10)

    @in_core
    async def test(core: Core) -> None:
        core.hub.interval = 3600
        _, token, viewer, _ = await watched_plot(core)
        await stream(core, token, *range(10))
        message = await next_of(viewer, "snapshot")
        assert message["figure"]["data"][0]["x"] == list(range(10))

    test(tmp_path)


@in_core
async def test_a_delta_never_holds_more_than_maxpoints(core: Core) -> None:
    token = core.store.new_token(core.user)
    await core.plots.poll()
    info = await core.plot(trace(token, 3))
    viewer = core.hub.subscribe(info.id)
    await next_message(viewer)
    await stream(core, token, *range(100))
    assert (await next_of(viewer, "delta"))["traces"] == [{"i": 0, "max": 3, "extend": {"x": [97, 98, 99], "y": [97, 98, 99]}}]


@in_core
async def test_viewers_hear_when_a_stream_begins_and_ends(core: Core) -> None:
    _, token, viewer, snapshot = await watched_plot(core)
    assert not snapshot["live"]
    session = core.open(token)
    status = await next_message(viewer)
    assert (status["type"], status["live"]) == ("status", True)
    session.abort()
    status = await next_message(viewer)
    assert (status["type"], status["live"]) == ("status", False)
    assert status["now"] > 0


def test_a_board_that_goes_on_with_its_next_request_does_not_flicker(tmp_path: Any) -> None:
    async def check(core: Core) -> None:
        core.plots._grace = 3600
        _, token, viewer, _ = await watched_plot(core)
        for number in range(3):
            await stream(core, token, number)
        pass_time(3600)
        status = [await next_of(viewer, "status") for _ in range(2)]
        assert [each["live"] for each in status] == [True, False]

    in_core(check)(tmp_path)


@in_core
async def test_a_save_brings_every_viewer_a_new_snapshot(core: Core) -> None:
    info, token = await core.streamed_plot(filename="name")
    viewers = [core.hub.subscribe(info.id) for _ in range(2)]
    for viewer in viewers:
        await next_message(viewer)
    await core.plot({"x": [7], "stream": {"token": token}}, filename="name", fileopt="overwrite")
    for viewer in viewers:
        assert (await next_of(viewer, "snapshot"))["figure"]["data"][0]["x"] == [7]


@in_core
async def test_viewing_ends_when_the_plot_is_deleted(core: Core) -> None:
    info, _, viewer, _ = await watched_plot(core)
    await core.delete(info)
    with pytest.raises(StopAsyncIteration):
        await next_message(viewer)
    with pytest.raises(StopAsyncIteration):
        await next_message(core.hub.subscribe(info.id))


@in_core
async def test_nothing_is_kept_of_viewers_that_left(core: Core) -> None:
    info, token, viewer, _ = await watched_plot(core)
    await stream(core, token, 1)
    viewer.close()
    viewer.close()
    assert not core.hub.watched(info.id)
    await stream(core, token, 2)
    assert core.x(info) == [1, 2]


@in_core
async def test_a_viewer_that_waits_is_woken_by_its_end(core: Core) -> None:
    _, _, viewer, _ = await watched_plot(core)
    waiting = asyncio.create_task(next_message(viewer))
    await asyncio.sleep(0)
    core.hub.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


@pytest.mark.parametrize("trouble", [Refusal(404, "gone"), StoreError("damaged")])
def test_a_plot_that_cannot_be_read_ends_the_viewing(trouble: Exception) -> None:
    async def run() -> None:
        hub = Hub()

        def look(plot_id: int) -> View:
            raise trouble

        hub.look = look
        with pytest.raises(StopAsyncIteration):
            await next_message(hub.subscribe(1))

    asyncio.run(run())
