"""Sums by name: added to in memory at once, and synchronised with a store periodically.

While the store is unavailable, changes wait; each change is added once.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from weir_policy.ids import PicoUsd

_LOG = logging.getLogger(__name__)

MAX_SUMS: Final = 100_000  # sums in memory; those that expire soonest are dropped first
MAX_CHANGES: Final = 2000  # per call
CLOSE_TIMEOUT: Final = 3.0  # seconds for the last flush at shutdown


class SumStoreUnavailable(Exception):
    """The store is unavailable; it may have stored the changes of the failed call."""


@dataclass(frozen=True, slots=True)
class Change:
    """One sum's change since the last call."""

    name: str
    amount: int  # pico-USD; negative if less was used than reserved
    until: int  # seconds since 1970; the sum expires then
    stored: int  # the sum at the store's last answer


class SumStore(Protocol):
    """Stores sums."""

    @property
    def every(self) -> float:
        """Seconds between two calls."""
        ...

    async def add(self, number: int, changes: Sequence[Change]) -> Sequence[int]:
        """Add `changes`; returns each sum with the changes of all gateways.

        A repeated `number` means the same changes, which are not added twice.
        Raises SumStoreUnavailable.
        """
        ...


@dataclass(slots=True)
class _Sum:
    until: int
    stored: int = 0  # by the store
    sending: int = 0  # on its way to the store
    pending: int = 0

    @property
    def value(self) -> int:
        return self.stored + self.sending + self.pending


class Sums:
    """Fills routing's Spend."""

    def __init__(self, store: SumStore | None, now: Callable[[], float]) -> None:
        """`now` is seconds since 1970. Without a store the sums are this gateway's own."""
        self._store = store
        self._now = now
        self._sums: dict[str, _Sum] = {}
        self._requested: set[str] = set()  # since the last call to the store
        self._sending: tuple[Change, ...] = ()
        self._number = 0
        self._failing = False

    def add(self, counter: str, amount: PicoUsd, until: float) -> None:
        """Add to a sum that expires at `until` (seconds since 1970).

        Without a store, a sum stays at 0 or above: a release may belong to a reservation of a
        former process.
        """
        entry = self._sum(counter, until)
        entry.pending += amount
        if self._store is None:
            entry.pending = max(entry.pending, 0)

    def spent(self, counter: str, until: float) -> PicoUsd:
        """The sum as known here; changes of other gateways arrive with a delay."""
        return PicoUsd(self._sum(counter, until).value)

    async def run(self) -> None:
        """Flush periodically until cancelled."""
        while self._store is not None:
            await asyncio.sleep(self._store.every)
            await self.flush()
            self._forget()

    async def close(self) -> None:
        """Flush a last time, within CLOSE_TIMEOUT."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.flush()
        except TimeoutError:
            _LOG.warning("the last sums of spend were not stored")

    async def flush(self) -> None:
        """Send all pending changes and read the sums of the other gateways."""
        while await self._flush_some():
            pass

    async def _flush_some(self) -> bool:
        """Send one batch; whether more may be pending."""
        if self._store is None:
            return False
        repeated = bool(self._sending)
        changes = self._sending or self._changes()
        if not changes:
            return False
        try:
            totals = await self._store.add(self._number, changes)
        except SumStoreUnavailable as error:
            if not self._failing:
                _LOG.warning("sums of spend are counted by this gateway alone: %s", error)
            self._failing = True
            return False
        if self._failing:
            _LOG.info("sums of spend are stored again")
        self._failing = False
        self._sending = ()
        for change, total in zip(changes, totals, strict=True):
            entry = self._sums.get(change.name)
            if entry is not None:
                entry.stored, entry.sending = total, 0
        return repeated or len(changes) == MAX_CHANGES

    def _changes(self) -> tuple[Change, ...]:
        names = [n for n, total in self._sums.items() if total.pending or n in self._requested][
            :MAX_CHANGES
        ]
        self._number += 1
        self._sending = tuple(self._change(name) for name in names)
        self._requested.difference_update(names)
        return self._sending

    def _change(self, name: str) -> Change:
        entry = self._sums[name]
        change = Change(name, entry.pending, entry.until, entry.stored)
        entry.sending, entry.pending = entry.pending, 0
        return change

    def _sum(self, name: str, until: float) -> _Sum:
        self._requested.add(name)
        entry = self._sums.get(name)
        if entry is None:
            if len(self._sums) >= MAX_SUMS:
                self._forget()
            entry = self._sums[name] = _Sum(int(until))
        return entry

    def _forget(self) -> None:
        """Drop expired sums, and if there are too many, those that expire soonest."""
        now = self._now()
        for name in [name for name, total in self._sums.items() if total.until < now]:
            self._drop(name)
        if len(self._sums) >= MAX_SUMS:
            soonest = sorted(self._sums, key=lambda name: self._sums[name].until)
            for name in soonest[: MAX_SUMS // 10]:
                self._drop(name)

    def _drop(self, name: str) -> None:
        del self._sums[name]
        self._requested.discard(name)
