"""Runs the batches of a folder. A file lock makes sure that one gateway at a time does.

Other gateways that share the folder store files and accept batches; the one with the lock runs
them. The kernel releases the lock when its holder dies.
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
CHECK_INTERVAL: Final = 1.0  # seconds between checks for new batches and for the lock
MAX_JOBS: Final = 64  # active batches taken up at once, in turns by client key
DELETE_INTERVAL: Final = 3600.0  # seconds
DELETE_PAGE: Final = 500  # files deleted at once
FIRST_WAIT: Final = 1.0  # seconds before a failed job is retried; doubled each time
LONGEST_WAIT: Final = 60.0


class RunnerLock:
    """The lock on a folder's batches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Try to take the lock and return whether it is held. Blocks only to open the file."""
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
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Runner:
    """The background task that runs jobs and deletes what is past its retention."""

    def __init__(
        self, context: BatchContext, providers: Providers, folder: Path, *, retention: float
    ) -> None:
        """Files and ended batches are deleted `retention` seconds after their creation."""
        self._context = context
        self._providers = providers
        self._lock = RunnerLock(folder / LOCK)
        self._retention = retention
        self._wake_event = asyncio.Event()
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._backoff: dict[str, tuple[float, float]] = {}  # (retry at, seconds waited for it)
        self._deleted_at = -DELETE_INTERVAL
        self._draining = False

    def wake(self) -> None:
        """Check for changes now rather than at the next interval."""
        self._wake_event.set()

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            while True:
                try:
                    if not self._draining and await asyncio.to_thread(self._lock.acquire):
                        await self._delete_old()
                        await self._start_waiting()
                except (StoreUnavailable, OSError) as error:
                    _LOG.warning("batches are paused: %s", error)
                self._wake_event.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_INTERVAL):
                        await self._wake_event.wait()
        finally:
            await self._shut_down()

    async def drain(self, within: float) -> None:
        """Start nothing new; let calls in flight finish, for at most `within` seconds."""
        self._draining = True
        for running in self._jobs.values():
            running.stop_requested.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                for _ in range(self._context.limits.max_calls):
                    await self._context.calls.acquire()

    async def _start_waiting(self) -> None:
        active = await self._context.database.transact(
            lambda db: repository.list_active(db, MAX_JOBS)
        )
        for batch in active:
            retry_at, _ = self._backoff.get(batch.id, (0.0, 0.0))
            if batch.id not in self._tasks and self._context.clock() >= retry_at:
                self._start(batch)

    def _start(self, batch: Batch) -> None:
        started = self._jobs[batch.id] = Job(self._context, batch)
        task = asyncio.create_task(self._run(started), name=f"weir-{batch.id}")
        self._tasks[batch.id] = task
        task.add_done_callback(lambda _: self._remove(batch.id))

    async def _run(self, running: Job) -> None:
        try:
            await job.run(running, self._providers)
        except StoreUnavailable as error:
            self._back_off(running.id)
            _LOG.warning("a batch is paused: %s", error, extra={"batch": running.id})
        except Exception:  # noqa: BLE001 - a bug that one batch triggers must not end the gateway
            self._back_off(running.id)
            _LOG.exception(
                "a batch failed because of a bug in the gateway", extra={"batch": running.id}
            )
        else:
            self._backoff.pop(running.id, None)

    def _back_off(self, batch_id: str) -> None:
        _, wait = self._backoff.get(batch_id, (0.0, FIRST_WAIT / 2))
        wait = min(wait * 2, LONGEST_WAIT)
        self._backoff[batch_id] = (self._context.clock() + wait, wait)

    def _remove(self, batch_id: str) -> None:
        self._jobs.pop(batch_id, None)
        self._tasks.pop(batch_id, None)
        self.wake()

    async def _delete_old(self) -> None:
        """Delete files and batches past their retention, once per DELETE_INTERVAL."""
        clock = self._context.clock()
        if clock - self._deleted_at < DELETE_INTERVAL:
            return
        self._deleted_at = clock
        before = int(self._context.now() - self._retention)
        database, files = self._context.database, self._context.files
        while deleted := await database.transact(lambda db: _delete_files(db, before)):
            await files.delete_contents(deleted)
        for batch in await database.transact(repository.ended_with_items):
            await completion.clean_up(database, self._context.scratch, batch)
        await database.transact(lambda db: repository.delete_batches(db, before))
        await files.delete_orphans()

    async def _shut_down(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lock.release()


def _delete_files(db: sqlite3.Connection, before: int) -> list[str]:
    expired = repository.expired_files(db, before, DELETE_PAGE)
    for file_id in expired:
        repository.delete_file(db, file_id)
    return expired
