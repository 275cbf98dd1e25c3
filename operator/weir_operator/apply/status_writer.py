"""Writes statuses, Events and the ConfigMap: only while leading, and only what differs."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from weir_operator.apply.cluster import (
    CONFLICT,
    NOT_FOUND,
    Cluster,
    ClusterError,
    ClusterEvent,
    JsonObject,
)
from weir_operator.apply.compile_loop import CompileLoop
from weir_operator.apply.gateways import Gateways
from weir_operator.apply.index import Entry, Index
from weir_operator.apply.progress import RolloutState, progress_of
from weir_operator.apply.status import HEALTHY, backend_status_of, conditions_in, status_of
from weir_operator.apply.table_json import TableTooLarge, table_files
from weir_operator.apply.table_publisher import TablePublisher
from weir_operator.apply.usage import add_new_usage, tally_in
from weir_operator.apply.usage_reports import UsageReports
from weir_operator.plan.findings import Finding
from weir_policy.reading.resources import ResourceKind
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

WRITES_AT_ONCE = 8
YIELD_EVERY = 200  # statuses compared before other tasks get a turn
# The changes of a backend's health that are recorded as Events: to failing, and back to healthy.
TURNS = {("True", "False"), ("Unknown", "False"), ("False", "True")}


@dataclass(frozen=True, slots=True)
class WriteTiming:
    """How often statuses are written; seconds."""

    gather_delay: float = 0.15  # verdicts that arrive together make one write
    usage_interval: float = 30.0  # sums are written at most this often
    # How long a new leader waits for the gateways that the statuses mention: they reconnect within
    # 10 s, and replicas relay once they know the leader.
    settle_time: float = 12.0
    echo_delay: float = 5.0  # by then the watch has brought a status that was written


@dataclass(frozen=True, slots=True)
class StatusSources:
    """The parts that statuses are computed from."""

    index: Index
    publisher: TablePublisher
    gateways: Gateways
    usage: UsageReports
    compile_loop: CompileLoop


@dataclass(frozen=True, slots=True)
class _PendingWrite:
    """A status to write, and the current one."""

    entry: Entry
    before: JsonObject
    status: dict[str, object]


@dataclass(frozen=True, slots=True)
class _Written:
    """A status that this replica wrote, until the watch brings it."""

    status: JsonObject
    at: float


class StatusWriter:
    """Writes every status that is out of date, and the ConfigMap."""

    def __init__(
        self,
        cluster: Cluster,
        sources: StatusSources,
        leading: Callable[[], bool],
        now: Callable[[], str],
        registry: Registry,
        timing: WriteTiming | None = None,
    ) -> None:
        """`now` gives RFC 3339 in UTC, to the second."""
        self._cluster = cluster
        self._index = sources.index
        self._publisher = sources.publisher
        self._gateways = sources.gateways
        self._usage = sources.usage
        self._compile_loop = sources.compile_loop
        self._leading = leading
        self._now = now
        self._timing = timing or WriteTiming()
        self._changed = asyncio.Event()
        self._written: dict[str, _Written] = {}  # by uid
        self._settled_at: float | None = None  # while leading: when statuses may be written
        self._table_written = ""
        self._too_large = ""  # why the ConfigMap holds an older table
        self._stale = registry.gauge(
            "weir.operator.configmap.stale",
            "1 while the ConfigMap holds an older table because the newest is too large, else 0.",
        ).labels()
        self._slots = asyncio.Semaphore(WRITES_AT_ONCE)
        self._writes = registry.counter(
            "weir.operator.writes", "Writes to the Kubernetes API.", ("what", "outcome")
        )
        sources.publisher.on_publish(self._changed.set)
        sources.gateways.on_change(self._changed.set)
        sources.compile_loop.on_plan(self._changed.set)

    def wake(self) -> None:
        """Check for writes now, for example because the leader has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Write whenever something has changed, until cancelled."""
        usage_due = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            await self._wait(usage_due)
            self._changed.clear()
            if not self._leading():
                self._forget()
                continue
            settled = self._settled()
            due = settled and clock() >= usage_due
            if due:
                usage_due = clock() + self._timing.usage_interval
            if not await self.write(with_usage=due, with_statuses=settled):
                await asyncio.sleep(self._timing.gather_delay)
                self._changed.set()

    async def _wait(self, usage_due: float) -> None:
        """Wait for a change, or until the next scheduled write is due."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._next(usage_due)):
                await self._changed.wait()
            await asyncio.sleep(self._timing.gather_delay)

    def _next(self, usage_due: float) -> float:
        """When the next scheduled write is due, in the loop's time."""
        now = asyncio.get_running_loop().time()
        if self._settled_at is None:  # not leading: the election wakes the loop
            return now + self._timing.usage_interval
        lost = self._gateways.next_expiry()
        return min(
            max(usage_due, self._settled_at, now + self._timing.gather_delay),
            now + (self._timing.usage_interval if lost is None else lost),
        )

    async def write(self, *, with_usage: bool, with_statuses: bool = True) -> bool:
        """Write what differs, once; False where a write failed."""
        plan = self._compile_loop.plan
        if plan is None:
            return True
        self._expire_written()
        if with_usage:
            self._prune_usage()
        good = await self._write_table()  # first: statuses say when the table is too large
        if with_statuses:
            publisher, gateways, blocked = (
                self._publisher,
                self._gateways.active(),
                self._compile_loop.blocked,
            )
            facts = RolloutState(
                publisher, self._compile_loop.planned, gateways, blocked, self._too_large
            )
            due: list[_PendingWrite] = []
            for number, finding in enumerate(plan.findings):
                if number % YIELD_EVERY == 0:
                    await asyncio.sleep(0)  # comparing thousands of statuses takes a while
                due.extend(self._pending_write(finding, facts, with_usage=with_usage))
            good = all(await asyncio.gather(*map(self._write_status, due))) and good
        return good

    def _settled(self) -> bool:
        """Whether the gateways that statuses mention have had time to reconnect.

        A new leader does not know the other replicas' gateways yet, nor its own after a restart,
        and would report them as gone.
        """
        now = asyncio.get_running_loop().time()
        if self._settled_at is None:
            self._settled_at = now + self._timing.settle_time
        if now < self._settled_at and len(self._gateways.active()) >= self._last_gateway_count():
            self._settled_at = now
        return now >= self._settled_at

    def _last_gateway_count(self) -> int:
        """How many gateways there were when a status was last written."""
        counts = [
            str(entry.status.get("programmed") or "").partition("/")[2] for entry in self._index
        ]
        return max((int(number) for number in counts if number.isdecimal()), default=0)

    def _forget(self) -> None:
        """Drop the state of the last term: another replica writes now."""
        self._written.clear()
        self._settled_at = None
        self._table_written = ""

    def _expire_written(self) -> None:
        """Stop assuming that old writes are what a status holds: the watch has it by now."""
        now = asyncio.get_running_loop().time()
        for uid, written in tuple(self._written.items()):
            if now - written.at >= self._timing.echo_delay:
                del self._written[uid]

    def _prune_usage(self) -> None:
        there = {standing.gateway for standing in self._gateways.active()}
        self._usage.prune(there, {(entry.ref.id, entry.uid) for entry in self._index})

    def _pending_write(
        self, finding: Finding, facts: RolloutState, *, with_usage: bool
    ) -> Iterator[_PendingWrite]:
        """The status to write, where it differs from the current one."""
        entry = self._index.get(finding.ref)
        if entry is None or (entry.uid, entry.generation) != (finding.uid, finding.generation):
            return  # deleted, or newer than the plan: the next plan has it
        written = self._written.get(entry.uid)
        before = written.status if written else entry.status
        status = self._status(finding, facts, before, with_usage=with_usage)
        if any(before.get(key) != value for key, value in status.items()):
            yield _PendingWrite(entry, before, status)

    async def _write_status(self, due: _PendingWrite) -> bool:
        entry, before, status = due.entry, due.before, due.status
        async with self._slots:
            write = self._cluster.patch_status(entry.ref, entry.uid, status)
            if not await self._attempt("status", write):
                return False
        now = asyncio.get_running_loop().time()
        self._written[entry.uid] = _Written({**before, **status}, now)
        await self._record_events(entry, before, status)
        return True

    def _status(
        self, finding: Finding, facts: RolloutState, before: JsonObject, *, with_usage: bool
    ) -> dict[str, object]:
        if finding.ref.kind is not ResourceKind.POLICY:
            return backend_status_of(finding, facts.gateways, before, self._now())
        programmed = progress_of(finding, facts)
        tally = tally_in(before)
        if with_usage:
            there = {standing.gateway for standing in facts.gateways}
            tally = add_new_usage(tally, self._usage.of(finding.ref.id, finding.uid), there)
        return status_of(finding, programmed, tally, before, self._now())

    async def _record_events(
        self, entry: Entry, before: JsonObject, status: Mapping[str, object]
    ) -> None:
        """Record an Event where a resource becomes ready, or fails for a new reason."""
        old, new = conditions_in(before), conditions_in(status)
        last = "Ready" if entry.ref.kind is ResourceKind.POLICY else "ResolvedRefs"
        for name, condition in new.items():
            holds = condition["status"] == "True"
            was = old.get(name, {})
            if name == HEALTHY and (was.get("status"), condition["status"]) not in TURNS:
                continue
            if (was.get("status"), was.get("reason")) == (condition["status"], condition["reason"]):
                continue
            if name not in {last, HEALTHY} and (holds or name == "Programmed"):
                continue
            if name == last == "Ready" and not holds and was.get("status") != "True":
                continue  # it never was ready: the condition that fails has its own Event
            notice = ClusterEvent(
                entry.ref, entry.uid, str(condition["reason"]), str(condition["message"]), not holds
            )
            await self._attempt("event", self._cluster.record_event(notice))

    async def _write_table(self) -> bool:
        current = self._publisher.current
        if current is None or current.version == self._table_written:
            return True
        try:
            files = await asyncio.to_thread(table_files, current.table_json)
        except TableTooLarge as error:
            _LOG.error("the ConfigMap keeps an older table: %s", error)
            self._writes.labels("configmap", "too_large").add()
            self._too_large = str(error)
        else:
            if not await self._attempt("configmap", self._cluster.write_table(files)):
                return False
            self._too_large = ""
        self._table_written = current.version
        self._stale.set(bool(self._too_large))
        return True

    async def _attempt(self, what: str, write: object) -> bool:
        try:
            await write  # type: ignore[misc]  # a coroutine of the Protocol
        except ClusterError as error:
            if error.status in {NOT_FOUND, CONFLICT} and what == "status":
                return True  # deleted meanwhile, perhaps created again
            self._writes.labels(what, "failed").add()
            _LOG.warning("can't write: %s", error, extra={"what": what})
            return what == "event"  # an Event is not worth a second attempt
        self._writes.labels(what, "done").add()
        return True
