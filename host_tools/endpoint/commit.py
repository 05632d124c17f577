"""Group commit: one transaction every few tens of milliseconds, in a thread of its own."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from .errors import Refusal
from .store import DeviceRow, JournalInput, Store, StoreError

T = TypeVar("T")

_INTERVAL_S = 0.02
_BATCH_BYTES = 4 * 1024 * 1024


class Lane:
    """Jobs that must be written in their order, or not at all: after one has failed the later ones fail too."""

    __slots__ = ("broken",)

    def __init__(self) -> None:
        self.broken: Refusal | None = None

    def row(self) -> DeviceRow | None:
        """The device's state after all jobs that were submitted, to be written with them; None when there is no device."""
        return None


class Job(Protocol):
    """What is written, and told of it in the event loop."""

    @property
    def lane(self) -> Lane: ...

    @property
    def rows(self) -> Sequence[JournalInput]:
        """As Store.append takes them."""

    @property
    def size(self) -> int:
        """Bytes of all lines."""

    def written(self, seq: int) -> None:
        """The rows are on disk, the first as row `seq` of the journal."""

    def failed(self, refusal: Refusal) -> None:
        """They are not, and will not be."""


class Committer:
    """The only writer of a running endpoint. Call it in the event loop; the callbacks come in the order of the jobs."""

    def __init__(self, store: Store, interval: float = _INTERVAL_S) -> None:
        self._store = store.clone()
        self._interval = interval
        self._thread = ThreadPoolExecutor(1, "commit")
        self._pending: list[Job] = []
        self._bytes = 0
        self._in_flight = 0
        self._timer: asyncio.Handle | None = None
        self._urgent = False  # somebody waits for the answer
        self._last = 0.0

    def submit(self, job: Job) -> None:
        """Write the job with others: at once when the thread is idle, else when it is, at most one batch every 20 ms."""
        self._pending.append(job)
        self._bytes += job.size
        if self._bytes >= _BATCH_BYTES:
            self.hurry()
        self._schedule()

    def hurry(self) -> None:
        """Write what was submitted as soon as the thread is idle: somebody waits for it."""
        if self._pending and not self._urgent:
            self._urgent = True
            self._cancel_timer()
            self._schedule()

    def _schedule(self) -> None:
        if self._in_flight or self._timer is not None or not self._pending:
            return
        loop = asyncio.get_running_loop()
        wait = self._last + self._interval - loop.time()
        if wait <= 0 or self._urgent:
            self._timer = loop.call_soon(self._flush)  # what else arrives in this turn of the loop comes along
        else:
            self._timer = loop.call_later(wait, self._flush)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._cancel_timer()
        self._urgent = False
        if not self._pending:
            return
        batch, self._pending, self._bytes = self._pending, [], 0
        devices = {lane: lane.row() for lane in {job.lane for job in batch}}
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        self._in_flight += 1
        loop.run_in_executor(self._thread, self._commit, batch, devices).add_done_callback(partial(self._tell, batch))

    def _commit(self, batch: list[Job], devices: dict[Lane, DeviceRow | None]) -> list[int | Refusal]:
        """In the thread: write all, or nothing of it. Gives the seq of each job's first row, or why it was not written."""
        sound = [job for job in batch if job.lane.broken is None]
        moved = [device for lane, device in devices.items() if device is not None and lane.broken is None]
        seq = 0
        try:
            if sound:
                with self._store.transaction():
                    seq = self._store.append([row for job in sound for row in job.rows], moved)
        except StoreError as error:
            for job in sound:
                job.lane.broken = Refusal(503, str(error))
        results: list[int | Refusal] = []
        for job in batch:
            results.append(job.lane.broken or seq)
            seq += 0 if job.lane.broken else len(job.rows)
        return results

    def _tell(self, batch: list[Job], future: asyncio.Future[list[int | Refusal]]) -> None:
        self._in_flight -= 1
        loop = asyncio.get_running_loop()
        for job, result in zip(batch, future.result(), strict=True):
            try:
                if isinstance(result, Refusal):
                    job.failed(result)
                else:
                    job.written(result)
            except Exception as error:  # the other sessions' lines are written, and must be told so
                loop.call_exception_handler({"message": "a callback after a commit failed", "exception": error})
        self._schedule()

    async def run(self, work: Callable[[Store], T]) -> T:
        """Do `work` in a transaction of its own, after all that was submitted.

        Raises what `work` raises, and Refusal(503) for a StoreError.
        """
        self._flush()
        self._in_flight += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)
        except StoreError as error:
            raise Refusal(503, str(error)) from None
        finally:
            self._in_flight -= 1
            self._schedule()

    def _transact(self, work: Callable[[Store], T]) -> T:
        with self._store.transaction():
            return work(self._store)

    async def flush(self) -> None:
        """Wait until all that was submitted is written, or has failed."""
        self._flush()
        await asyncio.get_running_loop().run_in_executor(self._thread, lambda: None)

    async def close(self) -> None:
        """Write what is left, and end the thread."""
        await self.flush()
        self._thread.shutdown()
        self._store.close()
