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

from weir_gateway.batches import completion, job, repository
from weir_gateway.batches.context import BatchContext, Job
from weir_gateway.batches.packer import Providers
from weir_gateway.domain.batch import Batch
from weir_gateway.domain.errors import StoreUnavailable

_LOG = logging.getLogger(__name__)

LOCK: Final = "runner.lock"
CHECK_INTERVAL: Final = 1.0  # seconds between looks for new batches, and for the lock
MAX_JOBS: Final = 64  # batches under way, and beside them a share of this for a key that has none
DELETE_INTERVAL: Final = 3600.0  # seconds
DELETE_PAGE: Final = 500  # files that are deleted at once
FIRST_WAIT: Final = 1.0  # seconds before a batch that could not go on is taken up again, doubled
LONGEST_WAIT: Final = 60.0


class RunnerLock:
    """Who runs the folder's batches. The kernel gives it back when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Whether it is held now. Blocking for no longer than a look at a file takes."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Runner:
    """The background task of a gateway that keeps batches."""

    def __init__(
        self, context: BatchContext, providers: Providers, folder: Path, *, retention: float
    ) -> None:
        """`keep` is how many seconds files and batches that are over are kept."""
        self._context = context
        self._providers = providers
        self._lock = RunnerLock(folder / LOCK)
        self._retention = retention
        self._wake_event = asyncio.Event()
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._backoff: dict[str, tuple[float, float]] = {}  # until when, and how long then
        self._tidied = -DELETE_INTERVAL
        self._draining = False

    def wake(self) -> None:
        """There is something new."""
        self._wake_event.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    if not self._draining and await asyncio.to_thread(self._lock.acquire):
                        await self._start_waiting()
                except (StoreUnavailable, OSError) as error:
                    _LOG.warning("batches can't go on for now: %s", error)
                self._wake_event.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_INTERVAL):
                        await self._wake_event.wait()
        finally:
            await self._shut_down()

    async def drain(self, within: float) -> None:
        """Take up nothing new; calls under way may end, for at most `within` seconds."""
        self._draining = True
        for one in self._jobs.values():
            one.stop_requested.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                for _ in range(self._context.limits.max_calls):
                    await self._context.calls.acquire()

    async def _start_waiting(self) -> None:
        """Start what is to be done."""
        await self._delete_old()
        waiting = await self._context.database.transact(
            lambda db: repository.list_active(db, MAX_JOBS)
        )
        for batch in waiting:
            until, _ = self._backoff.get(batch.id, (0.0, 0.0))
            if batch.id not in self._tasks and self._context.clock() >= until:
                self._start(batch)

    def _start(self, batch: Batch) -> None:
        started = self._jobs[batch.id] = Job(self._context, batch)
        task = asyncio.create_task(self._run(started), name=f"weir-{batch.id}")
        self._tasks[batch.id] = task
        task.add_done_callback(lambda _: self._remove(batch.id))

    async def _run(self, one: Job) -> None:
        try:
            await job.run(one, self._providers)
        except StoreUnavailable as error:
            self._back_off(one.id)
            _LOG.warning("a batch can't go on: %s", error, extra={"batch": one.id})
        except Exception:  # noqa: BLE001 - a defect that one batch meets must not end the gateway
            self._back_off(one.id)
            _LOG.exception("a batch met a defect of the gateway", extra={"batch": one.id})
        else:
            self._backoff.pop(one.id, None)

    def _back_off(self, batch_id: str) -> None:
        _, wait = self._backoff.get(batch_id, (0.0, FIRST_WAIT / 2))
        wait = min(wait * 2, LONGEST_WAIT)
        self._backoff[batch_id] = (self._context.clock() + wait, wait)

    def _remove(self, batch_id: str) -> None:
        self._jobs.pop(batch_id, None)
        self._tasks.pop(batch_id, None)
        self.wake()

    async def _delete_old(self) -> None:
        """Delete what has been kept for long enough, now and then."""
        clock = self._context.clock()
        if clock - self._tidied < DELETE_INTERVAL:
            return
        self._tidied = clock
        before = int(self._context.now() - self._retention)
        database, shelf = self._context.database, self._context.files
        while gone := await database.transact(lambda db: _forget_files(db, before)):
            await shelf.delete_contents(gone)
        for batch in await database.transact(repository.ended_with_items):
            await completion.clean_up(database, self._context.scratch, batch)
        await database.transact(lambda db: repository.delete_batches(db, before))
        await shelf.sweep()

    async def _shut_down(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lock.release()


def _forget_files(db: sqlite3.Connection, before: int) -> list[str]:
    gone = repository.expired_files(db, before, DELETE_PAGE)
    for file_id in gone:
        repository.delete_file(db, file_id)
    return gone
