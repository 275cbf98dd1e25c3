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
from weir_gateway.batches.collecting import Collecting, let_go
from weir_gateway.batches.context import Job
from weir_gateway.batches.journal import Kept, Part
from weir_gateway.batches.packing import Providers, Route, file_of, route
from weir_gateway.batches.provider import Look, NotYet, Parcel
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.ids import BackendId

_LOG = logging.getLogger(__name__)

PERMANENT: Final = range(400, 500)
BUT: Final = frozenset({401, 403, 408, 409, 429})  # a key may be mended, a limit passes
LONGEST_WAIT: Final = 60.0  # seconds between tries to reach a provider
CANCELS: Final = 3  # times that a provider is asked to cancel
GIVEN_UP: Final = 86_400  # seconds after the window's end that one who can't be reached is asked


class PartRun:
    """One part of one job."""

    def __init__(self, job: Job, part: Part, providers: Providers) -> None:
        self._job = job
        self._part = part
        self._providers = providers
        self._cancels = 0
        self._wait = min(job.bench.pace.poll, LONGEST_WAIT)

    async def run(self) -> None:
        """Until it is over, the gateway drains, or its provider has been away for too long.

        Raises StoreUnavailable and KeyGone.
        """
        upstream = self._part.upstream or await self._submitted()
        if upstream is None:
            return
        look = await self._over(upstream)
        while look is not None:
            to = self._route()
            try:
                if to is not None:
                    await Collecting(self._job, self._part, to).take(look)
                    await self._end()
                    await self._tidy(to, upstream)
                    return
            except UpstreamError as error:
                self._troubled(error)
            if self._leaves:
                return
            await self._rest()

    @property
    def _leaves(self) -> bool:
        """Whether to leave it as it is: to the next gateway, or for good."""
        batch = self._job.batch
        return self._job.draining or self._job.bench.now() >= batch.expires + GIVEN_UP

    async def _submitted(self) -> str | None:
        """The provider's id, once it has the part; None where it never will."""
        job, part = self._job, self._part
        sent = part.sent
        while True:
            to = here = self._route()
            try:
                if sent is not None and to is not None:
                    found = await self._found(to, sent)
                    if isinstance(found, str):
                        return await self._known(found)
                    if found is NotYet.NOT_YET:
                        to = None
                if to is not None:
                    if job.halt.is_set():
                        return None
                    sent = await self._about_to_be_sent(sent)
                    return await self._known(await to.provider.submit(self._parcel(to, sent)))
            except UpstreamError as error:
                if _final(error) and here is not None:
                    await Collecting(job, part, here).refuse(error)
                    await self._end()
                    return None
                self._troubled(error)
            if job.halt.is_set() and (sent is None or self._leaves):
                return None
            await self._rest()

    async def _about_to_be_sent(self, before: int | None) -> int:
        sent = before or int(self._job.bench.now())
        await self._job.bench.database.do(lambda db: journal.part_sent(db, self._part, sent))
        return sent

    async def _found(self, to: Route, sent: int) -> str | NotYet | None:
        """Whether the provider has it; looked for twice, for a list may be a little late."""
        others = frozenset(await self._job.bench.database.do(journal.known_upstream))
        found = await to.provider.find(self._parcel(to, sent), others)
        if found is not None:
            return found
        await self._rest()
        return await to.provider.find(self._parcel(to, sent), others)

    async def _known(self, upstream: str) -> str:
        await self._job.bench.database.do(lambda db: journal.part_known(db, self._part, upstream))
        return upstream

    async def _over(self, upstream: str) -> Look | None:
        """How it ended; None where that is left before."""
        while not self._leaves:
            to = self._route()
            try:
                if to is not None:
                    await self._cancel(to, upstream)
                    look = await to.provider.look(to.account, upstream)
                    if look.over:
                        return look
            except UpstreamError as error:
                self._troubled(error)
            await self._rest()
        return None

    async def _cancel(self, to: Route, upstream: str) -> None:
        if self._job.ending is None or self._cancels >= CANCELS:
            return
        self._cancels += 1
        with contextlib.suppress(UpstreamError):  # it may be over already: the look tells
            await to.provider.cancel(to.account, upstream)

    async def _end(self) -> None:
        """Nothing more comes of it: what has no result goes alone, or nowhere where it stops."""
        job, part = self._job, self._part

        def ended(db: sqlite3.Connection) -> list[Kept]:
            left = journal.part_over(db, part)
            journal.alone(db, job.id, [item.line for item in left])
            return left

        let_go(job, await job.bench.database.do(ended))
        with contextlib.suppress(OSError):
            await asyncio.to_thread(file_of(job, part.number).unlink, missing_ok=True)

    async def _tidy(self, to: Route, upstream: str) -> None:
        try:
            await to.provider.tidy(to.account, upstream)
        except UpstreamError as error:
            _LOG.info("a batch's files stay at its provider", extra={"why": error.message})

    async def _rest(self) -> None:
        """Wait for the next look; a stop cuts it short once, and then waits as well."""
        if self._job.draining:
            return
        if self._job.halt.is_set():
            await asyncio.sleep(self._wait)
        else:
            await self._job.pause(self._wait)

    def _troubled(self, error: UpstreamError) -> None:
        _LOG.warning(
            "a provider's batch can't be reached; trying again",
            extra={"batch": self._job.id, "backend": self._part.backend, "why": error.message},
        )

    def _route(self) -> Route | None:
        """By the table in force now; None while that has no such backend with batches."""
        table = self._job.table_now()
        backend = table.backends.get(BackendId(self._part.backend)) if table is not None else None
        return route(self._job, backend, self._providers)

    def _parcel(self, to: Route, sent: int) -> Parcel:
        return Parcel(
            backend=to.account,
            wire=to.wire,
            file=file_of(self._job, self._part.number),
            tag=self._part.tag,
            items=self._part.items,
            sent=sent,
        )


def _final(error: UpstreamError) -> bool:
    """Whether the provider has read what was submitted and does not want it."""
    status = error.upstream_status or 0
    return status in PERMANENT and status not in BUT
