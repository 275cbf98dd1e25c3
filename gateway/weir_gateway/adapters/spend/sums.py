"""Sums by name: added to at once in memory, told to a store now and then, which tells the others'.

A store that is away is told later; nothing is told twice. Must not know files or servers.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from weir_gateway.domain.money import PicoUsd

_LOG = logging.getLogger(__name__)

MOST: Final = 100_000  # sums that are kept; the ones over soonest leave first
CHANGES: Final = 2000  # told at once
LAST_TELL: Final = 3.0  # seconds that the last telling may take as the gateway ends


class SumsLost(Exception):
    """The store can't be told now; the message says why. What it was told, it may have kept."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is new of one sum."""

    name: str
    amount: int  # pico-USD; negative where less was used than had been set aside
    until: int  # seconds since 1970: nobody asks for it any more
    known: int  # what it was when the store last told


class SumStore(Protocol):
    """Where sums are kept for others and for later."""

    @property
    def every(self) -> float:
        """Seconds between two tellings."""
        ...

    async def tell(self, number: int, changes: Sequence[Change]) -> Sequence[int]:
        """Add `changes`; gives each sum as it is then, everybody's changes in it.

        The same `number` again means the same changes again, which are then not added twice.
        Raises SumsLost.
        """
        ...


@dataclass(slots=True)
class _Sum:
    until: int
    known: int = 0  # by the store
    told: int = 0  # on its way to the store
    untold: int = 0

    @property
    def value(self) -> int:
        return self.known + self.told + self.untold


class Sums:
    """Fills routing's Spend."""

    def __init__(self, store: SumStore | None, now: Callable[[], float]) -> None:
        """`now` is seconds since 1970. Without a store the sums are this gateway's own."""
        self._store = store
        self._now = now
        self._sums: dict[str, _Sum] = {}
        self._asked: set[str] = set()  # since the store was last told
        self._sending: tuple[Change, ...] = ()
        self._number = 0
        self._failing = False

    def add(self, counter: str, amount: PicoUsd, until: float) -> None:
        """Add to a sum that nobody asks for after `until` (seconds since 1970).

        One that nobody else keeps never falls below nothing: what is given back may have been set
        aside by a process before this one, and forgotten with it.
        """
        kept = self._sum(counter, until)
        kept.untold += amount
        if self._store is None:
            kept.untold = max(kept.untold, 0)

    def spent(self, counter: str, until: float) -> PicoUsd:
        """The sum as far as it is known here; what others add comes with a delay."""
        return PicoUsd(self._sum(counter, until).value)

    async def run(self) -> None:
        """Tell the store until cancelled; the program's background task."""
        while self._store is not None:
            await asyncio.sleep(self._store.every)
            await self.tell()
            self._forget()

    async def end(self) -> None:
        """Tell what is left, for as long as an end may take."""
        try:
            async with asyncio.timeout(LAST_TELL):
                await self.tell()
        except TimeoutError:
            _LOG.warning("the last sums of what was spent were not told to the store")

    async def tell(self) -> None:
        """Tell the store what is new by now, and hear of the others."""
        while await self._tell_some():
            pass

    async def _tell_some(self) -> bool:
        """As much as is told at once; whether there may be more that was there before."""
        if self._store is None:
            return False
        again = bool(self._sending)
        changes = self._sending or self._changes()
        if not changes:
            return False
        try:
            totals = await self._store.tell(self._number, changes)
        except SumsLost as error:
            if not self._failing:
                _LOG.warning("sums of what was spent are this gateway's alone: %s", error)
            self._failing = True
            return False
        if self._failing:
            _LOG.info("sums of what was spent are shared or kept again")
        self._failing = False
        self._sending = ()
        for change, total in zip(changes, totals, strict=True):
            kept = self._sums.get(change.name)
            if kept is not None:
                kept.known, kept.told = total, 0
        return again or len(changes) == CHANGES

    def _changes(self) -> tuple[Change, ...]:
        names = [n for n, kept in self._sums.items() if kept.untold or n in self._asked][:CHANGES]
        self._number += 1
        self._sending = tuple(self._change(name) for name in names)
        self._asked.difference_update(names)
        return self._sending

    def _change(self, name: str) -> Change:
        kept = self._sums[name]
        change = Change(name, kept.untold, kept.until, kept.known)
        kept.told, kept.untold = kept.untold, 0
        return change

    def _sum(self, name: str, until: float) -> _Sum:
        self._asked.add(name)
        kept = self._sums.get(name)
        if kept is None:
            if len(self._sums) >= MOST:
                self._forget()
            kept = self._sums[name] = _Sum(int(until))
        return kept

    def _forget(self) -> None:
        """Drop what is over; of more than may be kept, what is over soonest."""
        now = self._now()
        for name in [name for name, kept in self._sums.items() if kept.until < now]:
            self._drop(name)
        if len(self._sums) >= MOST:
            soonest = sorted(self._sums, key=lambda name: self._sums[name].until)
            for name in soonest[: MOST // 10]:
                self._drop(name)

    def _drop(self, name: str) -> None:
        del self._sums[name]
        self._asked.discard(name)
