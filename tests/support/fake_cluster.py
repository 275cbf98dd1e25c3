"""A Kubernetes API for the operator, held in memory: it does what it is told and remembers it."""

import copy
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from weir_operator.apply.cluster import (
    CONFLICT,
    NOT_FOUND,
    ClusterError,
    ClusterEvent,
    JsonObject,
    TokenReview,
)
from weir_policy.reading.resources import ResourceKind, ResourceRef


@dataclass
class FakeCluster:
    """Fills the operator's Cluster. `failing` raises that for every call until it is taken away."""

    resources: dict[ResourceRef, dict[str, Any]] = field(
        default_factory=dict[ResourceRef, dict[str, Any]]
    )
    secrets: dict[tuple[str, str], JsonObject | ClusterError] = field(
        default_factory=dict[tuple[str, str], "JsonObject | ClusterError"]
    )
    tokens: dict[str, str] = field(default_factory=dict[str, str])  # token: whose
    lease: dict[str, Any] | None = None
    tables: list[Mapping[str, bytes]] = field(default_factory=list[Mapping[str, bytes]])
    notices: list[ClusterEvent] = field(default_factory=list[ClusterEvent])
    patches: list[tuple[ResourceRef, JsonObject]] = field(
        default_factory=list[tuple[ResourceRef, JsonObject]]
    )
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])  # Secrets
    reviews: int = 0
    failing: ClusterError | None = None

    def _check(self) -> None:
        if self.failing is not None:
            raise self.failing

    async def list_all(self, kind: ResourceKind) -> AsyncIterator[JsonObject]:
        self._check()
        for each in [r for ref, r in self.resources.items() if ref.kind is kind]:
            yield copy.deepcopy(each)

    async def list_uids(self, kind: ResourceKind) -> frozenset[str]:
        uids = [cast("dict[str, Any]", r["metadata"])["uid"] async for r in self.list_all(kind)]
        return frozenset(map(str, uids))

    async def secret(self, namespace: str, name: str) -> JsonObject | None:
        self._check()
        self.asked.append((namespace, name))
        found = self.secrets.get((namespace, name))
        if isinstance(found, ClusterError):
            raise found
        return found

    async def patch_status(self, ref: ResourceRef, uid: str, status: JsonObject) -> None:
        self._check()
        resource = self.resources.get(ref)
        if resource is None:
            raise ClusterError("not found", NOT_FOUND)
        if resource["metadata"]["uid"] != uid:
            raise ClusterError("another uid", CONFLICT)
        self.patches.append((ref, copy.deepcopy(status)))
        resource["status"] = {**resource.get("status", {}), **copy.deepcopy(dict(status))}

    async def record_event(self, event: ClusterEvent) -> None:
        self._check()
        self.notices.append(event)

    async def review_token(self, token: str, audience: str) -> TokenReview:
        self._check()
        del audience
        self.reviews += 1
        return TokenReview(self.tokens.get(token, ""))

    async def read_lease(self) -> JsonObject | None:
        self._check()
        return copy.deepcopy(self.lease)

    async def write_lease(self, lease: JsonObject) -> JsonObject:
        self._check()
        metadata = cast("dict[str, Any]", lease["metadata"])
        now = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if metadata.get("resourceVersion") != now:
            raise ClusterError("the Lease has changed", CONFLICT)
        version = str(int(now or 0) + 1)
        self.lease = {**copy.deepcopy(dict(lease)), "metadata": {**metadata}}
        self.lease["metadata"]["resourceVersion"] = version
        return copy.deepcopy(self.lease)

    async def write_table(self, files: Mapping[str, bytes]) -> None:
        self._check()
        self.tables.append(dict(files))
