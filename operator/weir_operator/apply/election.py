"""Which replica writes: the holder of a Lease.

Each replica measures time by its own clock, from when it saw the Lease change, so that clocks need
not agree.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from weir_operator.apply.cluster import CONFLICT, Cluster, ClusterError, JsonObject

_LOG = logging.getLogger(__name__)

ADDRESS = "weir.dev/address"  # annotation: where the holder's stream is


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """How long a Lease lasts unrenewed, and how often a replica tries to acquire it; seconds."""

    duration: float = 15.0
    retry_interval: float = 4.0


class Election:
    """Whether this replica is the leader, and the attempts to become it."""

    def __init__(
        self,
        cluster: Cluster,
        identity: str,
        address: str,
        clock: Callable[[], float],
        timing: LeaseTiming | None = None,
    ) -> None:
        """`identity` is the pod's name, `address` its stream's host:port.

        `clock` gives monotonic seconds.
        """
        self._cluster = cluster
        self._identity = identity
        self._address = address
        self._clock = clock
        self._timing = timing or LeaseTiming()
        self._observed: tuple[str, str] = ("", "")  # holder and resourceVersion
        self._observed_at = 0.0
        self._renewed_at = float("-inf")
        self._listeners: list[Callable[[], None]] = []
        self.holder_address = ""  # of another replica that holds the Lease; else empty

    @property
    def leading(self) -> bool:
        """Whether this replica may write; becomes False by itself when renewals fail."""
        return (
            self._clock() - self._renewed_at < self._timing.duration - self._timing.retry_interval
        )

    def on_round(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every round."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Acquire and renew the Lease until cancelled; then release it."""
        try:
            while True:
                await self.round()
                await asyncio.sleep(self._timing.retry_interval)
        finally:
            await asyncio.shield(self._release())

    async def round(self) -> None:
        """Try once to acquire or renew the Lease."""
        before = self.leading
        try:
            await self._try()
        except ClusterError as error:
            if error.status != CONFLICT:  # on a conflict another replica was faster
                _LOG.warning("can't acquire the Lease: %s", error)
        if self.leading != before:
            _LOG.info(
                "leading" if self.leading else "no longer leading", extra={"me": self._identity}
            )
        for listener in self._listeners:
            listener()

    async def _try(self) -> None:
        lease = await self._cluster.read_lease()
        read_at = self._clock()
        spec = _mapping(lease, "spec")
        holder = str(spec.get("holderIdentity") or "")
        observed = (holder, str(_mapping(lease, "metadata").get("resourceVersion") or ""))
        if observed != self._observed:
            self._observed, self._observed_at = observed, read_at
        if holder not in {"", self._identity} and read_at - self._observed_at < self._duration(
            spec
        ):
            annotations = _mapping(_mapping(lease, "metadata"), "annotations")
            self.holder_address = str(annotations.get(ADDRESS) or "")
            self._renewed_at = float("-inf")
            return
        await self._cluster.write_lease(
            self._lease(lease, self._identity, acquired=holder != self._identity)
        )
        self._renewed_at = read_at
        self.holder_address = ""

    def _duration(self, spec: JsonObject) -> float:
        seconds = spec.get("leaseDurationSeconds")
        return float(seconds) if isinstance(seconds, int) else self._timing.duration

    def _lease(self, lease: JsonObject | None, holder: str, *, acquired: bool) -> JsonObject:
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
                "leaseDurationSeconds": max(round(self._timing.duration), 1),
                "acquireTime": now if acquired else spec.get("acquireTime", now),
                "renewTime": now,
                "leaseTransitions": count + acquired,
            },
        }

    async def _release(self) -> None:
        if not self.leading:
            return
        self._renewed_at = float("-inf")
        try:
            lease = await self._cluster.read_lease()
            if _mapping(lease, "spec").get("holderIdentity") == self._identity:
                await self._cluster.write_lease(self._lease(lease, "", acquired=False))
        except ClusterError:
            _LOG.info("can't release the Lease; it expires by itself")


def _mapping(value: JsonObject | None, key: str) -> JsonObject:
    inner = (value or {}).get(key)
    return cast("JsonObject", inner) if isinstance(inner, dict) else {}
