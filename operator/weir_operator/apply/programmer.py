"""The one task that compiles: waits for changes, lets them settle, plans, publishes.

A table whose probes fail, or whose Secrets can't be read for the moment, is not published; the last
good one stays. Must not know kopf, gRPC or how statuses are written.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from weir_operator.apply.board import Board, Snapshot, snapshot_of
from weir_operator.apply.cluster import ClusterError
from weir_operator.apply.index import Index
from weir_operator.apply.progress import Held
from weir_operator.apply.vault import Vault
from weir_operator.plan.check import Form
from weir_operator.plan.compile import ROUTERS, Plan, compile_table
from weir_operator.plan.endpoints import Networks
from weir_proto.routing.v1.routetable_pb2 import RouteTable
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How long changes may gather before they are compiled; seconds."""

    quiet: float = 0.02  # nothing new for this long
    at_most: float = 0.2  # in a storm of changes
    again: float = 2.0  # after something could not be read, or a probe failed


class Probing(Protocol):
    """Decides a table's probes."""

    async def failures(self, table: RouteTable) -> Mapping[str, str]:
        """What is wrong, by policy; empty where every probe holds, or none can be asked."""
        ...


class NoProbing:
    """Where there is no scorer to ask."""

    async def failures(self, table: RouteTable) -> Mapping[str, str]:
        """Nothing is known to be wrong."""
        del table
        return {}


class Programmer:
    """Keeps the board up to date with the index."""

    def __init__(
        self,
        index: Index,
        vault: Vault,
        board: Board,
        probing: Probing,
        registry: Registry,
        rhythm: Rhythm | None = None,
        *,
        allowed: Networks = (),
    ) -> None:
        """`allowed` are addresses that endpoints may have though a cluster refuses them."""
        self._index = index
        self._vault = vault
        self._board = board
        self._probing = probing
        self._rhythm = rhythm or Rhythm()
        self._compile = partial(compile_table, form=Form.CLUSTER, routers=ROUTERS, allowed=allowed)
        self._listeners: list[Callable[[], None]] = []
        self.plan: Plan | None = None
        self.wanted: Mapping[str, str] = {}  # what the plan's table holds, published or not
        self.held: Held | None = None
        self._seconds = registry.histogram(
            "weir.operator.compile.duration", "One compilation of everything."
        ).labels()
        self._problems = registry.gauge(
            "weir.operator.problems", "Policies and backends left out of the table."
        ).labels()
        self._held_gauge = registry.gauge(
            "weir.operator.table.held",
            "1 while a failing probe holds the newest table back, else 0.",
        ).labels()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every plan, published or not."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow the index until cancelled."""
        while True:
            await self._index.dirty.wait()
            await self._settle()
            self._index.dirty.clear()
            try:
                await self.program()
            except ClusterError as error:
                _LOG.warning("can't compile for now: %s", error)
                await asyncio.sleep(self._rhythm.again)
                self._index.dirty.set()

    async def program(self) -> None:
        """Plan and publish once. Raises ClusterError where a Secret can't be read for now."""
        resources = await self._vault.complete(self._index.resources())
        began = time.perf_counter()
        plan = await asyncio.to_thread(self._compile, resources)
        self._seconds.record(time.perf_counter() - began)
        self._problems.set(sum(bool(finding.problems) for finding in plan.findings))
        snapshot = snapshot_of(plan)
        self.held = await self._probe(snapshot)
        self._held_gauge.set(self.held is not None)
        self.plan, self.wanted = plan, snapshot.contents
        if self.held is None and self._board.publish(snapshot):
            _LOG.info(
                "a table was published",
                extra={"version": snapshot.version, "policies": len(plan.table.policies)},
            )
        for listener in self._listeners:
            listener()

    async def _probe(self, snapshot: Snapshot) -> Held | None:
        if snapshot.same_as(self._board.current):
            return None
        failures = await self._probing.failures(snapshot.plain)
        if not failures:
            return None
        _LOG.warning("probes fail: the last good table stays", extra={"policies": sorted(failures)})
        return Held(failures)

    async def _settle(self) -> None:
        """Until nothing has changed for a moment, or the storm has lasted long enough."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._rhythm.at_most
        while loop.time() < until:
            self._index.dirty.clear()
            try:
                async with asyncio.timeout(self._rhythm.quiet):
                    await self._index.dirty.wait()
            except TimeoutError:
                return
