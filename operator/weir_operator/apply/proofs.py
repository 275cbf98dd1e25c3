"""Asks the scorer now and then what its bundle shows of its routers, for policies' promises.

A scorer that can't be reached takes back nothing: what it last said stays.
"""

import asyncio
from typing import Protocol

from weir_operator.plan.promises import Proofs

PERIOD = 30.0  # seconds; a bundle is seldom replaced, and gateways ask as often


class ProofSource(Protocol):
    """Where proofs come from."""

    async def proofs(self) -> Proofs | None:
        """What is shown of each router; None where that can't be told now."""
        ...


class LatestProofs:
    """The latest proofs; sets `dirty` when they change, so that statuses are planned anew."""

    def __init__(self, source: ProofSource, dirty: asyncio.Event) -> None:
        self._source = source
        self._dirty = dirty
        self.current: Proofs | None = None  # None: not told yet

    async def refresh(self) -> None:
        """Ask once."""
        proofs = await self._source.proofs()
        if proofs is not None and proofs != self.current:
            self.current = proofs
            self._dirty.set()

    async def run(self, every: float = PERIOD) -> None:
        """Ask every so many seconds, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(every)
