"""Runs one part: submits it once, polls it until it ends, and collects each result once.

The journal records that a part is about to be submitted before the call. A gateway that finds such
a part after a crash asks the provider for it before it submits again.
"""

import asyncio
import contextlib
import logging
import sqlite3
from typing import Final

from weir_gateway.batches import journal
from weir_gateway.batches.context import Job
from weir_gateway.batches.journal import BatchPart, JournalItem
from weir_gateway.batches.packer import BatchTarget, Providers, batch_target, part_path
from weir_gateway.batches.provider import Lookup, ProviderBatch, Submission
from weir_gateway.batches.result_collector import ResultCollector, release
from weir_gateway.domain.errors import UpstreamError
from weir_policy.ids import BackendId

_LOG = logging.getLogger(__name__)

CLIENT_ERRORS: Final = range(400, 500)
RETRIED: Final = frozenset({401, 403, 408, 409, 429})  # a key may be fixed, a limit recovers
LONGEST_WAIT: Final = 60.0  # seconds between attempts to reach a provider
MAX_CANCELS: Final = 3  # cancel requests to a provider
GIVE_UP_AFTER: Final = 86_400  # seconds past the window's end to go on trying


class PartRun:
    """One part of one job."""

    def __init__(self, job: Job, part: BatchPart, providers: Providers) -> None:
        self._job = job
        self._part = part
        self._providers = providers
        self._sent = part.sent  # Unix seconds since when the provider may have the part
        self._cancels = 0
        self._wait = min(job.context.limits.poll_interval, LONGEST_WAIT)

    async def run(self) -> None:
        """Return when the part is closed, or left: to the next gateway, or for good.

        Raises StoreUnavailable and KeyRevoked.
        """
        upstream = self._part.upstream or await self._submit()
        if upstream is None:
            return
        batch = await self._wait_for_end(upstream)
        while batch is not None:
            target = self._target()
            try:
                if target is not None:
                    await ResultCollector(self._job, self._part, target).collect(batch)
                    await self._close()
                    await self._delete_upstream(target, upstream)
                    return
            except UpstreamError as error:
                self._log_trouble(error)
            if self._abandoned:
                return
            await self._pause()

    @property
    def _abandoned(self) -> bool:
        """Whether to leave the part as it is, as the gateway drains or gives up on the provider."""
        batch = self._job.batch
        return self._job.draining or self._job.context.now() >= batch.expires + GIVE_UP_AFTER

    async def _submit(self) -> str | None:
        """Return the provider's id once it has the part; None where it will not get it."""
        job = self._job
        while True:
            target = self._target()
            try:
                if target is not None:
                    upstream = await self._find(target)
                    if upstream is None:
                        if job.stop_requested.is_set():
                            return None
                        upstream = await self._send(target)
                    if isinstance(upstream, str):
                        await self._record_upstream(upstream)
                        return upstream
            except UpstreamError as error:
                if target is not None and _is_rejection(error):
                    await ResultCollector(job, self._part, target).fail_all(error)
                    await self._close()
                    return None
                self._log_trouble(error)
            if job.stop_requested.is_set() and (self._sent is None or self._abandoned):
                return None
            await self._pause()

    async def _find(self, target: BatchTarget) -> str | Lookup | None:
        """Return the part's id at the provider; None where it was not submitted.

        It searches twice, because a provider's list may be a little out of date.
        """
        if self._sent is None:
            return None
        others = frozenset(await self._job.context.database.transact(journal.known_upstream_ids))
        submission = self._submission(target, self._sent)
        upstream = await target.provider.find(submission, others)
        if upstream is not None:
            return upstream
        await self._pause()
        return await target.provider.find(submission, others)

    async def _send(self, target: BatchTarget) -> str:
        self._sent = sent = self._sent or int(self._job.context.now())
        await self._job.context.database.transact(
            lambda db: journal.set_part_sent(db, self._part, sent)
        )
        return await target.provider.submit(self._submission(target, sent))

    async def _record_upstream(self, upstream: str) -> None:
        await self._job.context.database.transact(
            lambda db: journal.set_part_upstream(db, self._part, upstream)
        )

    async def _wait_for_end(self, upstream: str) -> ProviderBatch | None:
        """Poll until the provider's batch has ended; None where the part is abandoned before."""
        while not self._abandoned:
            target = self._target()
            try:
                if target is not None:
                    await self._cancel(target, upstream)
                    batch = await target.provider.get(target.account, upstream)
                    if batch.ended:
                        return batch
            except UpstreamError as error:
                self._log_trouble(error)
            await self._pause()
        return None

    async def _cancel(self, target: BatchTarget, upstream: str) -> None:
        if self._job.stop_status is None or self._cancels >= MAX_CANCELS:
            return
        self._cancels += 1
        # An error may mean that the batch has ended; the next poll shows whether it has.
        with contextlib.suppress(UpstreamError):
            await target.provider.cancel(target.account, upstream)

    async def _close(self) -> None:
        """Close the part; items without a result are sent by single calls, unless the job stops."""
        job, part = self._job, self._part

        def close(db: sqlite3.Connection) -> list[JournalItem]:
            unfinished = journal.close_part(db, part)
            journal.reset_to_single(db, job.id, [item.line for item in unfinished])
            return unfinished

        release(job, await job.context.database.transact(close))
        with contextlib.suppress(OSError):
            await asyncio.to_thread(part_path(job, part.number).unlink, missing_ok=True)

    async def _delete_upstream(self, target: BatchTarget, upstream: str) -> None:
        try:
            await target.provider.delete(target.account, upstream)
        except UpstreamError as error:
            _LOG.info(
                "the files of a batch could not be deleted at the provider",
                extra={"why": error.message},
            )

    async def _pause(self) -> None:
        """Wait for the next poll; a requested stop ends the current wait, but not later ones."""
        if self._job.draining:
            return
        if self._job.stop_requested.is_set():
            await asyncio.sleep(self._wait)
        else:
            await self._job.pause(self._wait)

    def _log_trouble(self, error: UpstreamError) -> None:
        _LOG.warning(
            "a provider's batch can't be reached; trying again",
            extra={"batch": self._job.id, "backend": self._part.backend, "why": error.message},
        )

    def _target(self) -> BatchTarget | None:
        """Return the target by the current table; None while that has no such backend."""
        table = self._job.current_table()
        backend = table.backends.get(BackendId(self._part.backend)) if table is not None else None
        return batch_target(self._job, backend, self._providers)

    def _submission(self, target: BatchTarget, sent: int) -> Submission:
        return Submission(
            backend=target.account,
            wire=target.wire,
            file=part_path(self._job, self._part.number),
            tag=self._part.tag,
            items=self._part.items,
            sent=sent,
        )


def _is_rejection(error: UpstreamError) -> bool:
    """Return whether the provider read the submission and refused it for good."""
    status = error.upstream_status or 0
    return status in CLIENT_ERRORS and status not in RETRIED
