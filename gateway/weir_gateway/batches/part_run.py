"""A part's way: submitted once, looked at until it is over, its results taken in, each once.

That it is about to be submitted is on disk before it is; a gateway that finds such a part after its
predecessor died asks the provider whether it is there before it submits again. Must not know any
one provider.
"""

import asyncio
import contextlib
import logging
import sqlite3
from typing import Final

from weir_gateway.batches import journal
from weir_gateway.batches.collecting import ResultCollector, release
from weir_gateway.batches.context import Job
from weir_gateway.batches.journal import BatchPart, JournalItem
from weir_gateway.batches.packer import BatchTarget, Providers, batch_target, part_path
from weir_gateway.batches.provider import Lookup, ProviderBatch, Submission
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.ids import BackendId

_LOG = logging.getLogger(__name__)

CLIENT_ERRORS: Final = range(400, 500)
RETRIED: Final = frozenset({401, 403, 408, 409, 429})  # a key may be mended, a limit passes
LONGEST_WAIT: Final = 60.0  # seconds between tries to reach a provider
MAX_CANCELS: Final = 3  # times that a provider is asked to cancel
GIVE_UP_AFTER: Final = (
    86_400  # seconds after the window's end that one who can't be reached is asked
)


class PartRun:
    """One part of one job."""

    def __init__(self, job: Job, part: BatchPart, providers: Providers) -> None:
        self._job = job
        self._part = part
        self._providers = providers
        self._cancels = 0
        self._wait = min(job.context.limits.poll_interval, LONGEST_WAIT)

    async def run(self) -> None:
        """Until it is over, the gateway drains, or its provider has been away for too long.

        Raises StoreUnavailable and KeyGone.
        """
        upstream = self._part.upstream or await self._submit()
        if upstream is None:
            return
        look = await self._wait_for_end(upstream)
        while look is not None:
            to = self._target()
            try:
                if to is not None:
                    await ResultCollector(self._job, self._part, to).take(look)
                    await self._close()
                    await self._delete_upstream(to, upstream)
                    return
            except UpstreamError as error:
                self._log_trouble(error)
            if self._abandoned:
                return
            await self._pause()

    @property
    def _abandoned(self) -> bool:
        """Whether to leave it as it is: to the next gateway, or for good."""
        batch = self._job.batch
        return self._job.draining or self._job.context.now() >= batch.expires + GIVE_UP_AFTER

    async def _submit(self) -> str | None:
        """The provider's id, once it has the part; None where it never will."""
        job, part = self._job, self._part
        sent = part.sent
        while True:
            to = here = self._target()
            try:
                if sent is not None and to is not None:
                    found = await self._find(to, sent)
                    if isinstance(found, str):
                        return await self._record_upstream(found)
                    if found is Lookup.UNKNOWN:
                        to = None
                if to is not None:
                    if job.stop_requested.is_set():
                        return None
                    sent = await self._record_sent(sent)
                    return await self._record_upstream(
                        await to.provider.submit(self._submission(to, sent))
                    )
            except UpstreamError as error:
                if _final(error) and here is not None:
                    await ResultCollector(job, part, here).refuse(error)
                    await self._close()
                    return None
                self._log_trouble(error)
            if job.stop_requested.is_set() and (sent is None or self._abandoned):
                return None
            await self._pause()

    async def _record_sent(self, before: int | None) -> int:
        sent = before or int(self._job.context.now())
        await self._job.context.database.transact(
            lambda db: journal.set_part_sent(db, self._part, sent)
        )
        return sent

    async def _find(self, to: BatchTarget, sent: int) -> str | Lookup | None:
        """Whether the provider has it; looked for twice, for a list may be a little late."""
        others = frozenset(await self._job.context.database.transact(journal.known_upstream_ids))
        found = await to.provider.find(self._submission(to, sent), others)
        if found is not None:
            return found
        await self._pause()
        return await to.provider.find(self._submission(to, sent), others)

    async def _record_upstream(self, upstream: str) -> str:
        await self._job.context.database.transact(
            lambda db: journal.set_part_upstream(db, self._part, upstream)
        )
        return upstream

    async def _wait_for_end(self, upstream: str) -> ProviderBatch | None:
        """How it ended; None where that is left before."""
        while not self._abandoned:
            to = self._target()
            try:
                if to is not None:
                    await self._cancel(to, upstream)
                    look = await to.provider.get(to.account, upstream)
                    if look.ended:
                        return look
            except UpstreamError as error:
                self._log_trouble(error)
            await self._pause()
        return None

    async def _cancel(self, to: BatchTarget, upstream: str) -> None:
        if self._job.stop_status is None or self._cancels >= MAX_CANCELS:
            return
        self._cancels += 1
        with contextlib.suppress(UpstreamError):  # it may be over already: the look tells
            await to.provider.cancel(to.account, upstream)

    async def _close(self) -> None:
        """Nothing more comes of it: what has no result goes alone, or nowhere where it stops."""
        job, part = self._job, self._part

        def ended(db: sqlite3.Connection) -> list[JournalItem]:
            left = journal.close_part(db, part)
            journal.reset_to_single(db, job.id, [item.line for item in left])
            return left

        release(job, await job.context.database.transact(ended))
        with contextlib.suppress(OSError):
            await asyncio.to_thread(part_path(job, part.number).unlink, missing_ok=True)

    async def _delete_upstream(self, to: BatchTarget, upstream: str) -> None:
        try:
            await to.provider.delete(to.account, upstream)
        except UpstreamError as error:
            _LOG.info("a batch's files stay at its provider", extra={"why": error.message})

    async def _pause(self) -> None:
        """Wait for the next look; a stop cuts it short once, and then waits as well."""
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
        """By the table in force now; None while that has no such backend with batches."""
        table = self._job.current_table()
        backend = table.backends.get(BackendId(self._part.backend)) if table is not None else None
        return batch_target(self._job, backend, self._providers)

    def _submission(self, to: BatchTarget, sent: int) -> Submission:
        return Submission(
            backend=to.account,
            wire=to.wire,
            file=part_path(self._job, self._part.number),
            tag=self._part.tag,
            items=self._part.items,
            sent=sent,
        )


def _final(error: UpstreamError) -> bool:
    """Whether the provider has read what was submitted and does not want it."""
    status = error.upstream_status or 0
    return status in CLIENT_ERRORS and status not in RETRIED
