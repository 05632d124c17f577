"""The endpoint's core over a real store, for the tests of its parts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from host_tools.endpoint import files
from host_tools.endpoint.commit import Committer
from host_tools.endpoint.errors import Refusal
from host_tools.endpoint.head import Head, Headers, Records
from host_tools.endpoint.hub import Hub, Message, Subscription
from host_tools.endpoint.plots import PlotInfo, Plots, replay
from host_tools.endpoint.store import Store
from host_tools.endpoint.streams import Session, Streams

STREAM_ID = "00112233445566ff"
PATIENCE_S = 60


class Core:
    """Store, committer, hub, plots and streams of one user, ann."""

    def __init__(self, folder: Path, grace: float = 0.0, **limits: int) -> None:
        self.store = Store.open(folder)
        if not self.store.users():
            self.store.create_user("ann")
        self.user = self.store.users()[0]
        self.committer = Committer(self.store)
        self.hub = Hub(interval=0.005)
        self.plots = Plots(self.store, self.committer, self.hub, grace=0.0)
        self.streams = Streams(self.store, self.committer, self.plots, grace=grace, **limits)
        self.evicted: list[Refusal | None] = []

    async def close(self) -> None:
        self.hub.close()
        await self.plots.close()
        await self.committer.close()
        self.store.close()

    async def plot(self, *traces: dict[str, Any], **options: Any) -> PlotInfo:
        info, _ = await self.plots.save(self.user, list(traces), {}, **options)
        return info

    async def streamed_plot(self, **options: Any) -> tuple[PlotInfo, str]:
        """A plot of one trace, and its token."""
        token = self.store.new_token(self.user)
        await self.plots.poll()
        return await self.plot(trace(token), **options), token

    async def delete(self, info: PlotInfo) -> None:
        await self.plots.change(lambda store: files.delete(store, files.find(store, self.user, info.user, info.fid)))

    def open(self, token: str | None, records: tuple[str, int] | None = None, **headers: Any) -> Session:
        return self.streams.open(head(token, records, **headers), self.evicted.append)

    def x(self, info: PlotInfo, index: int = 0) -> list[Any]:
        """The points of a trace as they are shown now."""
        xs: list[Any] = self.plots.figure(info.id)["data"][index].get("x", [])
        return xs

    def stored_x(self, info: PlotInfo) -> list[Any]:
        """The points of the first trace as a restart would find them, read through a connection of its own."""
        reader = self.store.clone()
        try:
            loaded = reader.load_plot(info.id)
        finally:
            reader.close()
        assert loaded is not None
        xs: list[Any] = replay(loaded[1], loaded[2]).as_dict()["data"][0].get("x", [])
        return xs


def in_core(test: Callable[[Core], Awaitable[None]]) -> Callable[[Path], None]:
    """Runs a test in an event loop, with a Core in a fresh folder."""

    async def run(folder: Path) -> None:
        core = Core(folder)
        try:
            await test(core)
        finally:
            await core.close()

    def wrapper(tmp_path: Path) -> None:
        asyncio.run(run(tmp_path))

    wrapper.__name__, wrapper.__doc__, wrapper.__module__ = test.__name__, test.__doc__, test.__module__
    return wrapper


def trace(token: str | None, maxpoints: int | None = None, **more: Any) -> dict[str, Any]:
    stream = {"token": token, "maxpoints": maxpoints} if maxpoints else {"token": token}
    return {"type": "scatter", "x": [], "y": [], **({"stream": stream} if token else {}), **more}


def head(
    token: str | None = None,
    records: tuple[str, int] | None = None,
    device: str | None = None,
    zone: str | None = None,
    agent: str = "curl/8.5.0",
    length: int | None = None,
) -> Head:
    return Head(
        method="POST",
        target="/",
        version="1.1",
        headers=Headers([("User-Agent", agent)]),
        content_length=length,
        chunked=length is None,
        keep_alive_asked=False,
        expect_continue=False,
        token=token,
        records=Records(*records) if records else None,
        device=device,
        convert_timestamp=zone,
    )


def block(numbers: Iterable[int], token: str | None = None) -> bytes:
    """A line for each number, with the number as x."""
    start = b'{"streamtoken":"%s",' % token.encode() if token else b"{"
    return b"".join(b'%s"x":%d,"y":%d}\n' % (start, number, number) for number in numbers)


async def finish(session: Session) -> Refusal | None:
    """End the request, and wait until all is committed."""
    ended: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
    session.finish(ended.set_result)
    return await asyncio.wait_for(ended, PATIENCE_S)


async def next_message(viewer: Subscription) -> Message:
    return await asyncio.wait_for(anext(viewer), PATIENCE_S)


def pass_time(seconds: float) -> None:
    """For the timers of the running loop that are set already."""
    loop = asyncio.get_running_loop()
    now = loop.time
    loop.time = lambda: now() + seconds  # type: ignore[method-assign]


def stream_until_killed(folder: str) -> None:
    """For a process of its own: stream numbers on from where the store stands, and print each that is settled."""

    async def run() -> None:
        core = Core(Path(folder))
        await core.plots.start()
        device = core.store.device(core.user.id, STREAM_ID)
        number = device.next if device else 0
        token = core.store.tokens()[0].token
        session = core.open(token, (STREAM_ID, number))
        while True:
            session.lines(block(range(number, number + 7)))
            number += 7
            await asyncio.sleep(0.001)
            print(session.settled, flush=True)

    asyncio.run(run())
