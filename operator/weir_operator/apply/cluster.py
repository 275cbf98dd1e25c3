"""The port to the Kubernetes API: kube.py and a fake in the tests implement it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from weir_policy.reading.resources import ResourceKind, ResourceRef

JsonObject = Mapping[str, object]  # a resource as the API server gives it


class ClusterError(Exception):
    """The API server refused, or was not reached (status 0). The message holds no secret."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


NOT_FOUND = 404
FORBIDDEN = 403
CONFLICT = 409


@dataclass(frozen=True, slots=True)
class TokenReview:
    """The user name of a token; empty where the token is not valid."""

    username: str


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """An Event on a resource."""

    ref: ResourceRef
    uid: str
    reason: str
    message: str
    warning: bool


class Cluster(Protocol):
    """The Kubernetes API. Every method raises ClusterError, and has a deadline of its own."""

    def list_all(self, kind: ResourceKind) -> AsyncIterator[JsonObject]:
        """Every policy or backend in the watched namespaces, with one page in memory at a time."""
        ...

    async def list_uids(self, kind: ResourceKind) -> frozenset[str]:
        """The uids of what `list_all` lists."""
        ...

    async def secret(self, namespace: str, name: str) -> JsonObject | None:
        """One Secret by name; None where there is none."""
        ...

    async def patch_status(self, ref: ResourceRef, uid: str, status: JsonObject) -> None:
        """Replace the status fields that `status` names.

        Status 409 where another object has the name by now.
        """
        ...

    async def record_event(self, event: ClusterEvent) -> None:
        """Record an Event."""
        ...

    async def review_token(self, token: str, audience: str) -> TokenReview:
        """Review a token."""
        ...

    async def read_lease(self) -> JsonObject | None:
        """The operator's own Lease; None where there is none."""
        ...

    async def write_lease(self, lease: JsonObject) -> JsonObject:
        """Create the Lease, or replace it where it holds a resourceVersion.

        Status 409 where another replica was faster.
        """
        ...

    async def write_table(self, files: Mapping[str, bytes]) -> None:
        """Replace the route table's files in the ConfigMap with `files`.

        The JSON is stored as text, the compressed form in base64.
        """
        ...
