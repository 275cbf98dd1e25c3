"""The route table in force: one snapshot, replaced whole or not at all.

The sources (file.py, stream.py) bring tables.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

from weir_gateway.adapters.route_table.build import Built, build
from weir_gateway.domain.errors import BadTable, NothingCanServe, ScorerUnavailable
from weir_gateway.domain.table import RouteTable
from weir_policy.ids import PolicyId
from weir_policy.table import Table
from weir_runtime.admin import Health
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

TOPIC = "routetable"
NO_TABLE = "no_route_table"

Prepare = Callable[[RouteTable], object]  # compiles a table; raises BadTable
# Decides a table's probes; raises BadTable, and ScorerUnavailable where one can't be decided.
Probe = Callable[[RouteTable], Awaitable[None]]


class Tables:
    """Checks, applies and holds the table in force."""

    def __init__(self, prepare: Prepare, probe: Probe, registry: Registry, health: Health) -> None:
        self._prepare = prepare
        self._probe = probe
        self._health = health
        self._current: RouteTable | None = None
        self._refused: Mapping[PolicyId, str] = {}  # policies of the current table, and why
        self._applied = registry.counter(
            "weir.routetable.applied",
            "Route tables received, by result.",
            ("result",),
        )
        self._left_out = registry.gauge(
            "weir.routetable.refused.policies",
            "Policies of the table in force that this gateway can't run.",
        ).labels()
        self._version = registry.gauge(
            "weir.routetable.version",
            "1 for the version in force, 0 for the one before it.",
            ("version",),
        )
        self._listeners: list[Callable[[RouteTable], None]] = []
        health.not_ready(TOPIC, "there is no route table yet")

    def subscribe(self, listener: Callable[[RouteTable], None]) -> None:
        """Call `listener` with each table that is in force from now on. It must not block."""
        self._listeners.append(listener)

    def current(self) -> RouteTable:
        """The table in force. Raises NothingCanServe where there is none yet."""
        if self._current is None:
            raise NothingCanServe("the gateway has no route table yet: try again", code=NO_TABLE)
        return self._current

    @property
    def version(self) -> str:
        """The version in force; empty where there is none."""
        return "" if self._current is None else self._current.version

    async def apply(self, published: Table, source: str) -> Mapping[PolicyId, str]:
        """Put a table in force; gives the policies that it leaves out, with the reason for each.

        Raises BadTable, and keeps the last good one, if it can't run or one of its probes does not
        hold. If the scorer is unavailable, the table is applied without its probes: policies then
        serve by their failureMode, which is better than no table.
        """
        if self._current is not None and published.version == self._current.version:
            return self._refused
        try:
            built = await self._checked(published)
        except BadTable as error:
            self.reject(error, source, published.version)
            raise
        table = built.table
        self._publish_version(table.version)
        self._current, self._refused = table, built.refused
        for listener in self._listeners:
            listener(table)
        self._applied.labels("applied").add()
        self._left_out.set(len(built.refused))
        self._health.ready(TOPIC)
        extra = {"source": source, "version": table.version}
        for policy, reason in built.refused.items():
            _LOG.error("can't run policy %s: %s", policy, reason, extra=extra)
        _LOG.info("a route table is in force", extra={**extra, "policies": len(table.policies)})
        return built.refused

    def _publish_version(self, version: str) -> None:
        # Older ones are forgotten: a gateway that runs for months sees thousands.
        for former in tuple(self._version.cells):
            if former != (self.version,):
                self._version.forget(*former)
        if self._current is not None:
            self._version.labels(self.version).set(0)
        self._version.labels(version).set(1)

    async def _checked(self, published: Table) -> Built:
        built = build(published, self._current)
        self._prepare(built.table)
        try:
            await self._probe(built.table)
        except ScorerUnavailable as error:
            _LOG.warning("a table's probes can't be decided now: %s", error.message)
        return built

    def reject(self, error: BadTable, source: str, version: str = "") -> None:
        """Log and count a table that can't be applied; `version` is empty if unknown."""
        self._applied.labels("refused").add()
        _LOG.error(
            "refused a route table and kept the last good one: %s",
            error.message,
            extra={"source": source, "version": version},
        )
