"""Writes what became of the resources: statuses, Events, the ConfigMap. Only while leading.

Writes where something differs and nowhere else. Must not know how it is found out.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weir_operator.apply.board import Board
from weir_operator.apply.cluster import NOT_FOUND, Cluster, ClusterError, Notice, Wire
from weir_operator.apply.gateways import Gateways, Usage
from weir_operator.apply.index import Entry, Index
from weir_operator.apply.programmer import Programmer
from weir_operator.apply.progress import progress_of
from weir_operator.apply.status import conditions_in, status_of, usage_in
from weir_operator.apply.table_json import TableTooLarge, table_json
from weir_operator.plan.findings import Finding
from weir_operator.resources.objects import ResourceKind
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

WRITES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is written; seconds."""

    gather: float = 0.15  # verdicts of gateways that come together make one write
    usage: float = 30.0  # sums are written at most this often


@dataclass(frozen=True, slots=True)
class Known:
    """Where what is to be told is known."""

    index: Index
    board: Board
    gateways: Gateways
    programmer: Programmer


class Reporter:
    """Keeps statuses and the ConfigMap up to date with what is known."""

    def __init__(
        self,
        cluster: Cluster,
        known: Known,
        leading: Callable[[], bool],
        now: Callable[[], str],
        registry: Registry,
        pace: Pace | None = None,
    ) -> None:
        """`now` gives RFC 3339 in UTC, to the second."""
        self._cluster = cluster
        self._index = known.index
        self._board = known.board
        self._gateways = known.gateways
        self._programmer = known.programmer
        self._leading = leading
        self._now = now
        self._pace = pace or Pace()
        self._changed = asyncio.Event()
        self._written: dict[str, Wire] = {}  # by uid, what this replica wrote last
        self._totals: dict[str, Usage] = {}  # by policy's id, while leading
        self._table_written = ""
        self._slots = asyncio.Semaphore(WRITES_AT_ONCE)
        self._writes = registry.counter(
            "weir.operator.writes", "Writes to the Kubernetes API.", ("what", "outcome")
        )
        for source in (known.board, known.gateways, known.programmer):
            source.listen(self._changed.set)

    def nudge(self) -> None:
        """Something else has changed, say who leads."""
        self._changed.set()

    async def run(self) -> None:
        """Write whenever something has changed, until cancelled."""
        usage_due = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(self._pace.usage):
                    await self._changed.wait()
                await asyncio.sleep(self._pace.gather)
            except TimeoutError:
                pass
            self._changed.clear()
            if not self._leading():
                self._forget()
                continue
            due = loop.time() >= usage_due
            if due:
                usage_due = loop.time() + self._pace.usage
            if not await self.write(with_usage=due):
                await asyncio.sleep(self._pace.gather)
                self._changed.set()

    async def write(self, *, with_usage: bool) -> bool:
        """Write once what differs; False where something could not be written."""
        plan = self._programmer.plan
        if plan is None:
            return True
        if with_usage:
            self._written.clear()  # what others wrote into a status meanwhile is looked at again
            self._take_usage()
        results = await asyncio.gather(
            *(self._write_status(finding) for finding in plan.findings), self._write_table()
        )
        return all(results)

    def _forget(self) -> None:
        """Another replica writes now: what this one knows of statuses grows old."""
        self._written.clear()
        self._totals.clear()
        self._gateways.take_usage()
        self._table_written = ""

    def _take_usage(self) -> None:
        for policy, fresh in self._gateways.take_usage().items():
            self._totals[policy] = self._total(policy).plus(fresh)

    def _total(self, policy: str) -> Usage:
        """The sum so far; what the status says where this replica has not written it yet."""
        if policy not in self._totals:
            entry = next((e for e in self._policies() if e.ref.id == policy), None)
            self._totals[policy] = usage_in(entry.status) if entry else Usage()
        return self._totals[policy]

    def _policies(self) -> list[Entry]:
        return [entry for entry in self._index if entry.ref.kind is ResourceKind.POLICY]

    async def _write_status(self, finding: Finding) -> bool:
        entry = self._index.get(finding.ref)
        if entry is None or entry.generation != finding.generation:
            return True  # gone, or newer than the plan: the next plan tells
        before = self._written.get(entry.uid, entry.status)
        status = self._status(finding, before)
        if all(before.get(key) == value for key, value in status.items()):
            return True
        async with self._slots:
            if not await self._attempt("status", self._cluster.patch_status(finding.ref, status)):
                return False
        self._written[entry.uid] = {**before, **status}
        await self._tell_changes(entry, before, status)
        return True

    def _status(self, finding: Finding, before: Wire) -> dict[str, object]:
        sessions = self._gateways.connected()
        programmed = progress_of(finding, self._board, sessions, self._programmer.held)
        usage = self._totals.get(finding.ref.id) or usage_in(before)
        return status_of(finding, programmed, usage, before, self._now())

    async def _tell_changes(self, entry: Entry, before: Wire, status: Mapping[str, object]) -> None:
        """An Event where a resource becomes ready, or stops being good for a new reason."""
        old, new = conditions_in(before), conditions_in(status)
        last = "Ready" if entry.ref.kind is ResourceKind.POLICY else "ResolvedRefs"
        for name, condition in new.items():
            holds = condition["status"] == "True"
            was = old.get(name, {})
            if (was.get("status"), was.get("reason")) == (condition["status"], condition["reason"]):
                continue
            if name != last and (holds or name == "Programmed"):
                continue
            if name == last == "Ready" and not holds and was.get("status") != "True":
                continue  # it never was; the condition that keeps it from it has told
            notice = Notice(
                entry.ref, entry.uid, str(condition["reason"]), str(condition["message"]), not holds
            )
            await self._attempt("event", self._cluster.notify(notice))

    async def _write_table(self) -> bool:
        current = self._board.current
        if current is None or current.version == self._table_written:
            return True
        try:
            text = await asyncio.to_thread(table_json, current.plain)
        except TableTooLarge as error:
            _LOG.error("the ConfigMap is not written: %s", error)
            self._writes.labels("configmap", "too_large").add()
        else:
            if not await self._attempt("configmap", self._cluster.write_table(text)):
                return False
        self._table_written = current.version
        return True

    async def _attempt(self, what: str, write: object) -> bool:
        try:
            await write  # type: ignore[misc]  # a coroutine of the Protocol
        except ClusterError as error:
            if error.status == NOT_FOUND and what == "status":
                return True  # deleted meanwhile
            self._writes.labels(what, "failed").add()
            _LOG.warning("can't write: %s", error, extra={"what": what})
            return what == "event"  # an Event is not worth a second attempt
        self._writes.labels(what, "done").add()
        return True
