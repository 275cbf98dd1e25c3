"""The task that compiles: waits for changes, debounces them, plans and publishes.

A table whose probes fail, or whose Secrets can't be read for now, is not published; the last good
one stays.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from weir_operator.apply.cluster import ClusterError
from weir_operator.apply.index import Index
from weir_operator.apply.progress import BlockedTable
from weir_operator.apply.proofs import LatestProofs
from weir_operator.apply.secret_cache import SecretCache
from weir_operator.apply.table_publisher import Snapshot, TablePublisher, snapshot_of
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_operator.plan.endpoints import Networks
from weir_operator.plan.prices import Prices
from weir_operator.plan.promises import Proofs
from weir_policy.catalog.catalog import EMPTY, Catalog
from weir_policy.table import Table
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Debounce:
    """How long changes may gather before they are compiled; seconds."""

    quiet_period: float = 0.02  # without a change, before compiling
    max_delay: float = 0.2  # however many changes arrive
    retry_delay: float = 2.0  # after a failed read or a failed probe


@dataclass(frozen=True, slots=True)
class Given:
    """What every compilation is given besides the resources."""

    allowed: Networks = ()  # addresses that endpoints may have although a cluster refuses them
    catalog: Catalog = EMPTY  # the models that backends may name


class ProbeRunner(Protocol):
    """Runs a table's probes."""

    async def failures(self, table: Table) -> Mapping[str, str]:
        """Why probes fail, by policy; empty where all pass or the scorer can't be reached."""
        ...

    async def proofs(self) -> Proofs | None:
        """What the scorer's bundle shows of its routers; None where that can't be told."""
        ...


class NoProbes:
    """Used where no scorer is configured: every probe passes."""

    async def failures(self, table: Table) -> Mapping[str, str]:
        """No failures."""
        del table
        return {}

    async def proofs(self) -> Proofs | None:
        """Nothing is told."""
        return None


class CompileLoop:
    """Publishes a new table whenever the index changes."""

    def __init__(
        self,
        index: Index,
        secrets: SecretCache,
        publisher: TablePublisher,
        probes: ProbeRunner,
        registry: Registry,
        debounce: Debounce | None = None,
        *,
        given: Given | None = None,
    ) -> None:
        self._index = index
        self._secrets = secrets
        self._publisher = publisher
        self._probes = probes
        self.proofs = LatestProofs(probes, index.dirty)
        self._debounce = debounce or Debounce()
        fixed = given or Given()
        self._compile = partial(
            compile_table, form=Form.CLUSTER, allowed=fixed.allowed, prices=Prices(fixed.catalog)
        )
        self._listeners: list[Callable[[], None]] = []
        self.plan: Plan | None = None
        self.planned: Mapping[str, str] = {}  # what the plan's table holds, published or not
        self.blocked: BlockedTable | None = None
        self._seconds = registry.histogram(
            "weir.operator.compile.duration", "One compilation of everything."
        ).labels()
        self._problems = registry.gauge(
            "weir.operator.problems", "Policies and backends left out of the table."
        ).labels()
        self._blocked_gauge = registry.gauge(
            "weir.operator.table.held",
            "1 while a failing probe holds the newest table back, else 0.",
        ).labels()

    def on_plan(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every plan, published or not."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow the index until cancelled."""
        while True:
            await self._index.dirty.wait()
            await self._debounce_changes()
            self._index.dirty.clear()
            try:
                await self.compile_once()
            except ClusterError as error:
                _LOG.warning("can't compile for now: %s", error)
                await asyncio.sleep(self._debounce.retry_delay)
                self._index.dirty.set()

    async def compile_once(self) -> None:
        """Plan and publish once. Raises ClusterError where a Secret can't be read for now."""
        resources = await self._secrets.with_secrets(self._index.resources())
        began = time.perf_counter()
        work = partial(self._compile, resources, proofs=self.proofs.current)
        plan = await asyncio.to_thread(work)
        self._seconds.record(time.perf_counter() - began)
        self._problems.set(sum(bool(finding.problems) for finding in plan.findings))
        snapshot = snapshot_of(plan)
        self.blocked = await self._run_probes(snapshot)
        self._blocked_gauge.set(self.blocked is not None)
        self.plan, self.planned = plan, snapshot.contents
        if self.blocked is None and self._publisher.publish(snapshot):
            _LOG.info(
                "a table was published",
                extra={"version": snapshot.version, "policies": len(plan.table.policies)},
            )
        for listener in self._listeners:
            listener()

    async def _run_probes(self, snapshot: Snapshot) -> BlockedTable | None:
        if snapshot.same_as(self._publisher.current):
            return None
        failures = await self._probes.failures(snapshot.table)
        if not failures:
            return None
        _LOG.warning("probes fail: the last good table stays", extra={"policies": sorted(failures)})
        return BlockedTable(failures)

    async def _debounce_changes(self) -> None:
        """Wait until changes pause, or for the longest delay."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._debounce.max_delay
        while loop.time() < until:
            self._index.dirty.clear()
            try:
                async with asyncio.timeout(self._debounce.quiet_period):
                    await self._index.dirty.wait()
            except TimeoutError:
                return
