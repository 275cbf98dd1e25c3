"""Which replica writes: the holder of a Lease.

Time is measured by this replica's own clock, from when it saw the Lease change: other clocks need
not agree. Must not know what the holder does.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from weir_operator.apply.cluster import CONFLICT, Cluster, ClusterError, Wire

_LOG = logging.getLogger(__name__)

ADDRESS = "weir.dev/address"  # annotation: where the holder's stream is


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a Lease lasts unrenewed, and how often it is tried for; seconds."""

    duration: float = 15.0
    every: float = 4.0


class Election:
    """This replica's standing."""

    def __init__(
        self,
        cluster: Cluster,
        me: str,
        address: str,
        clock: Callable[[], float],
        terms: Terms | None = None,
    ) -> None:
        """`me` is the pod's name, `address` its stream's host:port, `clock` monotonic seconds."""
        self._cluster = cluster
        self._me = me
        self._address = address
        self._clock = clock
        self._terms = terms or Terms()
        self._seen: tuple[str, str] = ("", "")  # holder and resourceVersion
        self._seen_at = 0.0
        self._renewed_at = float("-inf")
        self._listeners: list[Callable[[], None]] = []
        self.holder_address = ""  # of another replica that holds it; else empty

    @property
    def leading(self) -> bool:
        """Whether this replica may write. Ends by itself when the Lease could not be renewed."""
        return self._clock() - self._renewed_at < self._terms.duration - self._terms.every

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every round."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Try for the Lease, and renew it, until cancelled; then give it up."""
        try:
            while True:
                await self.round()
                await asyncio.sleep(self._terms.every)
        finally:
            await asyncio.shield(self._give_up())

    async def round(self) -> None:
        """Try once."""
        before = self.leading
        try:
            await self._try()
        except ClusterError as error:
            if error.status != CONFLICT:  # else another was quicker
                _LOG.warning("the Lease can't be had: %s", error)
        if self.leading != before:
            _LOG.info("leading" if self.leading else "no longer leading", extra={"me": self._me})
        for listener in self._listeners:
            listener()

    async def _try(self) -> None:
        lease = await self._cluster.read_lease()
        asked = self._clock()
        spec = _mapping(lease, "spec")
        holder = str(spec.get("holderIdentity") or "")
        seen = (holder, str(_mapping(lease, "metadata").get("resourceVersion") or ""))
        if seen != self._seen:
            self._seen, self._seen_at = seen, asked
        if holder not in {"", self._me} and asked - self._seen_at < self._lasts(spec):
            annotations = _mapping(_mapping(lease, "metadata"), "annotations")
            self.holder_address = str(annotations.get(ADDRESS) or "")
            self._renewed_at = float("-inf")
            return
        await self._cluster.write_lease(self._lease(lease, self._me, took=holder != self._me))
        self._renewed_at = asked
        self.holder_address = ""

    def _lasts(self, spec: Wire) -> float:
        seconds = spec.get("leaseDurationSeconds")
        return float(seconds) if isinstance(seconds, int) else self._terms.duration

    def _lease(self, lease: Wire | None, holder: str, *, took: bool) -> Wire:
        metadata = _mapping(lease, "metadata")
        spec = _mapping(lease, "spec")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        transitions = spec.get("leaseTransitions")
        count = transitions if isinstance(transitions, int) else 0
        annotations = {**_mapping(metadata, "annotations"), ADDRESS: self._address}
        return {
            **(lease or {}),
            "metadata": {**metadata, "annotations": annotations},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": max(round(self._terms.duration), 1),
                "acquireTime": now if took else spec.get("acquireTime", now),
                "renewTime": now,
                "leaseTransitions": count + took,
            },
        }

    async def _give_up(self) -> None:
        if not self.leading:
            return
        self._renewed_at = float("-inf")
        try:
            lease = await self._cluster.read_lease()
            if _mapping(lease, "spec").get("holderIdentity") == self._me:
                await self._cluster.write_lease(self._lease(lease, "", took=False))
        except ClusterError:
            _LOG.info("the Lease could not be given up; it ends by itself")


def _mapping(value: Wire | None, key: str) -> Wire:
    inner = (value or {}).get(key)
    return cast("Wire", inner) if isinstance(inner, dict) else {}
