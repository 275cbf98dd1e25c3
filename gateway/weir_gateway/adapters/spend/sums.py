"""Sums by name: added to at once in memory, told to a store now and then, which tells the others'.

A store that is away is told later; nothing is told twice. Must not know files or servers.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from weir_policy.ids import PicoUsd

_LOG = logging.getLogger(__name__)

MAX_SUMS: Final = 100_000  # sums that are kept; the ones over soonest leave first
MAX_CHANGES: Final = 2000  # told at once
CLOSE_TIMEOUT: Final = 3.0  # seconds that the last telling may take as the gateway ends


class SumStoreUnavailable(Exception):
    """The store can't be told now; the message says why. What it was told, it may have kept."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is new of one sum."""

    name: str
    amount: int  # pico-USD; negative where less was used than had been set aside
    until: int  # seconds since 1970: nobody asks for it any more
    stored: int  # what it was when the store last told


class SumStore(Protocol):
    """Where sums are kept for others and for later."""

    @property
    def every(self) -> float:
        """Seconds between two tellings."""
        ...

    async def add(self, number: int, changes: Sequence[Change]) -> Sequence[int]:
        """Add `changes`; gives each sum as it is then, everybody's changes in it.

        The same `number` again means the same changes again, which are then not added twice.
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
        self._requested: set[str] = set()  # since the store was last told
        self._sending: tuple[Change, ...] = ()
        self._number = 0
        self._failing = False

    def add(self, counter: str, amount: PicoUsd, until: float) -> None:
        """Add to a sum that nobody asks for after `until` (seconds since 1970).

        One that nobody else keeps never falls below nothing: what is given back may have been set
        aside by a process before this one, and forgotten with it.
        """
        entry = self._sum(counter, until)
        entry.pending += amount
        if self._store is None:
            entry.pending = max(entry.pending, 0)

    def spent(self, counter: str, until: float) -> PicoUsd:
        """The sum as far as it is known here; what others add comes with a delay."""
        return PicoUsd(self._sum(counter, until).value)

    async def run(self) -> None:
        """Tell the store until cancelled; the program's background task."""
        while self._store is not None:
            await asyncio.sleep(self._store.every)
            await self.flush()
            self._forget()

    async def close(self) -> None:
        """Tell what is left, for as long as an end may take."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.flush()
        except TimeoutError:
            _LOG.warning("the last sums of what was spent were not told to the store")

    async def flush(self) -> None:
        """Tell the store what is new by now, and hear of the others."""
        while await self._flush_some():
            pass

    async def _flush_some(self) -> bool:
        """As much as is told at once; whether there may be more that was there before."""
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
                _LOG.warning("sums of what was spent are this gateway's alone: %s", error)
            self._failing = True
            return False
        if self._failing:
            _LOG.info("sums of what was spent are shared or kept again")
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
        """Drop what is over; of more than may be kept, what is over soonest."""
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
