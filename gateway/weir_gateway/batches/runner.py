"""Works through the batches of a folder: one gateway at a time, by a lock that dies with it.

Other gateways of the same folder keep files and take batches in; whoever has the lock runs them.
Must not know what a batch's steps are.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import sqlite3
from pathlib import Path
from typing import Final

from weir_gateway.batches import finishing, job, repository
from weir_gateway.batches.context import Bench, Job
from weir_gateway.batches.packing import Providers
from weir_gateway.domain.batch import Batch
from weir_gateway.domain.errors import StoreUnavailable

_LOG = logging.getLogger(__name__)

LOCK: Final = "runner.lock"
EVERY: Final = 1.0  # seconds between looks for new batches, and for the lock
AT_ONCE: Final = 64  # batches under way, and beside them a share of this for a key that has none
TIDY_EVERY: Final = 3600.0  # seconds
TIDY_PAGE: Final = 500  # files that are deleted at once
FIRST_WAIT: Final = 1.0  # seconds before a batch that could not go on is taken up again, doubled
LONGEST_WAIT: Final = 60.0


class Lock:
    """Who runs the folder's batches. The kernel gives it back when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def take(self) -> bool:
        """Whether it is held now. Blocking for no longer than a look at a file takes."""
        if self._held is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._held = descriptor
        return True

    def give_back(self) -> None:
        """Let another have it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


class Runner:
    """The background task of a gateway that keeps batches."""

    def __init__(self, bench: Bench, providers: Providers, folder: Path, *, keep: float) -> None:
        """`keep` is how many seconds files and batches that are over are kept."""
        self._bench = bench
        self._providers = providers
        self._lock = Lock(folder / LOCK)
        self._keep = keep
        self._news = asyncio.Event()
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._resting: dict[str, tuple[float, float]] = {}  # until when, and how long then
        self._tidied = -TIDY_EVERY
        self._draining = False

    def poke(self) -> None:
        """There is something new."""
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    if not self._draining and await asyncio.to_thread(self._lock.take):
                        await self._look()
                except (StoreUnavailable, OSError) as error:
                    _LOG.warning("batches can't go on for now: %s", error)
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        await self._news.wait()
        finally:
            await self._end()

    async def drain(self, within: float) -> None:
        """Take up nothing new; calls under way may end, for at most `within` seconds."""
        self._draining = True
        for one in self._jobs.values():
            one.halt.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                for _ in range(self._bench.pace.at_once):
                    await self._bench.calls.acquire()

    async def _look(self) -> None:
        """Start what is to be done."""
        await self._tidy()
        waiting = await self._bench.database.do(lambda db: repository.active(db, AT_ONCE))
        for batch in waiting:
            until, _ = self._resting.get(batch.id, (0.0, 0.0))
            if batch.id not in self._tasks and self._bench.clock() >= until:
                self._start(batch)

    def _start(self, batch: Batch) -> None:
        started = self._jobs[batch.id] = Job(self._bench, batch)
        task = asyncio.create_task(self._run(started), name=f"weir-{batch.id}")
        self._tasks[batch.id] = task
        task.add_done_callback(lambda _: self._ended(batch.id))

    async def _run(self, one: Job) -> None:
        try:
            await job.run(one, self._providers)
        except StoreUnavailable as error:
            self._rest(one.id)
            _LOG.warning("a batch can't go on: %s", error, extra={"batch": one.id})
        except Exception:  # noqa: BLE001 - a defect that one batch meets must not end the gateway
            self._rest(one.id)
            _LOG.exception("a batch met a defect of the gateway", extra={"batch": one.id})
        else:
            self._resting.pop(one.id, None)

    def _rest(self, batch_id: str) -> None:
        _, wait = self._resting.get(batch_id, (0.0, FIRST_WAIT / 2))
        wait = min(wait * 2, LONGEST_WAIT)
        self._resting[batch_id] = (self._bench.clock() + wait, wait)

    def _ended(self, batch_id: str) -> None:
        self._jobs.pop(batch_id, None)
        self._tasks.pop(batch_id, None)
        self.poke()

    async def _tidy(self) -> None:
        """Delete what has been kept for long enough, now and then."""
        clock = self._bench.clock()
        if clock - self._tidied < TIDY_EVERY:
            return
        self._tidied = clock
        before = int(self._bench.now() - self._keep)
        database, shelf = self._bench.database, self._bench.shelf
        while gone := await database.do(lambda db: _forget_files(db, before)):
            await shelf.remove(gone)
        for batch in await database.do(repository.leftovers):
            await finishing.forget(database, self._bench.scratch, batch)
        await database.do(lambda db: repository.forget_batches(db, before))
        await shelf.sweep()

    async def _end(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lock.give_back()


def _forget_files(db: sqlite3.Connection, before: int) -> list[str]:
    gone = repository.old(db, before, TIDY_PAGE)
    for file_id in gone:
        repository.forget_file(db, file_id)
    return gone
