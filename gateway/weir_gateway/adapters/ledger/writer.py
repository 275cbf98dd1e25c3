"""Writes queued ledger entries twice a second, and a last time at shutdown.

A store that fails is logged once and retried at growing intervals; requests are not affected.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from weir_gateway.adapters.ledger.entry import Entry
from weir_gateway.adapters.ledger.recorder import LedgerRecorder
from weir_gateway.adapters.ledger.sqlite import LedgerError

_LOG = logging.getLogger(__name__)

INTERVAL: Final = 0.5  # seconds; a killed gateway loses no more than this and one write
BATCH: Final = 5_000  # entries of one transaction
MAX_WAIT: Final = 30.0  # seconds between tries while the file can't be written
FORGET_EVERY: Final = 3600.0  # seconds
CLOSE_TIMEOUT: Final = 5.0  # seconds that the end waits for the last entries
MICROS: Final = 1_000_000


class LedgerStore(Protocol):
    """Stores entries; blocking."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Store all entries or none. Raises LedgerError."""
        ...

    def forget(self, before: int) -> int:
        """Delete what ended before `before` (microseconds since 1970). Raises LedgerError."""
        ...


class LedgerWriter:
    """The task that writes entries."""

    def __init__(
        self,
        recorder: LedgerRecorder,
        store: LedgerStore,
        now: Callable[[], float],
        *,
        keep: float,
        batch: int = BATCH,
    ) -> None:
        """`keep` is the retention in seconds; `now` is seconds since 1970.

        `batch` is the maximum number of entries per write.
        """
        self._recorder = recorder
        self._store = store
        self._now = now
        self._keep = keep
        self._batch = batch
        self._wait = INTERVAL
        self._forget_at = 0.0

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(self._wait)
            await self.write()

    async def close(self) -> None:
        """Write the remaining entries, within CLOSE_TIMEOUT."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.write()
        except TimeoutError:
            _LOG.warning("the ledger's last entries took too long: some are lost")

    async def write(self) -> None:
        """Write all queued entries."""
        try:
            while entries := self._recorder.take(self._batch):
                await self._write(entries)
            await self._forget()
        except LedgerError as error:
            if self._wait == INTERVAL:
                _LOG.error("%s; entries wait, and are dropped when too many do", error)
            self._wait = min(self._wait * 2, MAX_WAIT)
        else:
            if self._wait != INTERVAL:
                _LOG.info("the ledger is written again")
            self._wait = INTERVAL

    async def _write(self, entries: list[Entry]) -> None:
        try:
            await asyncio.to_thread(self._store.write, entries)
        except BaseException:
            # A cancelled write may still succeed in its thread: an entry is known by its decision,
            # so that writing it again keeps it once.
            self._recorder.requeue(entries)
            raise
        self._recorder.count_written(len(entries))

    async def _forget(self) -> None:
        now = self._now()
        if now < self._forget_at:
            return
        self._forget_at = now + FORGET_EVERY
        deleted = await asyncio.to_thread(self._store.forget, int((now - self._keep) * MICROS))
        if deleted:
            _LOG.info("old entries left the ledger", extra={"entries": deleted})
