"""The Kubernetes API over aiohttp, as far as the operator uses it.

Errors of the library become ClusterError here.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

import aiohttp

from weir_operator.apply.cluster import (
    NOT_FOUND,
    ClusterError,
    ClusterEvent,
    JsonObject,
    TokenReview,
)
from weir_operator.apply.table_json import PACKED, PLAIN
from weir_policy.reading.resources import API_VERSION, ResourceKind, ResourceRef

REQUEST_TIMEOUT = 15.0
PAGE_SIZE = 250  # resources in memory as plain documents at once
COMPONENT = "weir-operator"
_PLURALS = {ResourceKind.POLICY: "routepolicies", ResourceKind.BACKEND: "modelbackends"}
_WEIR = f"/apis/{API_VERSION}"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MERGE = "application/merge-patch+json"
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Access:
    """How the API server is reached and how this program is known there."""

    server: str
    tls: ssl.SSLContext
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ObjectNames:
    """The operator's own objects, and the namespaces that it watches."""

    namespace: str
    lease: str
    config_map: str
    watch: tuple[str, ...]  # namespaces; empty: all


class KubeCluster:
    """Implements `Cluster` with the API server's REST interface."""

    def __init__(
        self, session: aiohttp.ClientSession, login: Callable[[], Access], names: ObjectNames
    ) -> None:
        """`login` reads the credentials; it may block and runs in a thread."""
        self._session = session
        self._login = login
        self._names = names
        self._access: Access | None = None
        own = f"/api/v1/namespaces/{names.namespace}"
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{names.namespace}/leases"
        self._lease = f"{leases}/{names.lease}"
        self._leases = leases
        self._config_maps = f"{own}/configmaps"

    async def list_all(self, kind: ResourceKind) -> AsyncIterator[JsonObject]:
        """List page by page."""
        for scope in self._scopes(kind):
            async for item in self._pages(scope, "application/json"):
                yield {"apiVersion": API_VERSION, "kind": str(kind), **item}

    async def list_uids(self, kind: ResourceKind) -> frozenset[str]:
        """Fetch the metadata only."""
        uids: set[str] = set()
        for scope in self._scopes(kind):
            async for item in self._pages(scope, _METADATA_ONLY):
                uids.add(str(cast("JsonObject", item["metadata"])["uid"]))
        return frozenset(uids)

    async def secret(self, namespace: str, name: str) -> JsonObject | None:
        """Read by name, which needs no right to list."""
        path = f"/api/v1/namespaces/{quote(namespace)}/secrets/{quote(name)}"
        document = await self._or_none("GET", path)
        if document is None:
            return None
        return {key: document[key] for key in ("metadata", "data") if key in document}

    async def patch_status(self, ref: ResourceRef, uid: str, status: JsonObject) -> None:
        """A merge patch of the status subresource."""
        path = f"{_WEIR}/namespaces/{ref.namespace}/{_PLURALS[ref.kind]}/{ref.name}/status"
        body = {"metadata": {"uid": uid}, "status": status}
        await self._request("PATCH", path, body, content_type=_MERGE)

    async def record_event(self, event: ClusterEvent) -> None:
        """A core/v1 Event beside the resource."""
        ref = event.ref
        body = {
            "metadata": {"generateName": f"{ref.name[:200]}.", "namespace": ref.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": str(ref.kind),
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": event.uid,
            },
            "reason": event.reason,
            "message": event.message[:1024],  # what the API server takes
            "type": "Warning" if event.warning else "Normal",
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "count": 1,
        }
        await self._request("POST", f"/api/v1/namespaces/{ref.namespace}/events", body)

    async def review_token(self, token: str, audience: str) -> TokenReview:
        """Create a TokenReview."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        reply = await self._request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body)
        status = _mapping(reply.get("status"))
        good = status.get("authenticated") is True
        if not good or audience not in cast("list[str]", status.get("audiences") or []):
            return TokenReview("")
        return TokenReview(str(_mapping(status.get("user")).get("username") or ""))

    async def read_lease(self) -> JsonObject | None:
        """Read the Lease."""
        return await self._or_none("GET", self._lease)

    async def write_lease(self, lease: JsonObject) -> JsonObject:
        """Replace the Lease with the resourceVersion that was read, or create it."""
        metadata = {**_mapping(lease.get("metadata")), "name": self._names.lease}
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            **lease,
            "metadata": metadata,
        }
        if "resourceVersion" in metadata:
            return await self._request("PUT", self._lease, body)
        return await self._request("POST", self._leases, body)

    async def write_table(self, files: Mapping[str, bytes]) -> None:
        """Patch the ConfigMap, or create it where the chart has not."""
        name = self._names.config_map
        plain, packed = files.get(PLAIN), files.get(PACKED)
        body = {
            "data": {PLAIN: None if plain is None else plain.decode()},
            "binaryData": {PACKED: None if packed is None else base64.b64encode(packed).decode()},
        }
        path = f"{self._config_maps}/{name}"
        if await self._or_none("PATCH", path, body, content_type=_MERGE) is None:
            whole = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "weir"}},
                **{key: _set(values) for key, values in body.items()},
            }
            await self._request("POST", self._config_maps, whole)

    def _scopes(self, kind: ResourceKind) -> list[str]:
        plural = _PLURALS[kind]
        if not self._names.watch:
            return [f"{_WEIR}/{plural}"]
        return [f"{_WEIR}/namespaces/{namespace}/{plural}" for namespace in self._names.watch]

    async def _pages(self, path: str, accept: str) -> AsyncIterator[JsonObject]:
        more = ""
        while True:
            query = f"?limit={PAGE_SIZE}" + (f"&continue={quote(more)}" if more else "")
            page = await self._request("GET", path + query, accept=accept)
            for item in cast("list[JsonObject]", page.get("items") or []):
                yield item
            more = str(_mapping(page.get("metadata")).get("continue") or "")
            if not more:
                return

    async def _or_none(
        self, method: str, path: str, body: JsonObject | None = None, *, content_type: str = ""
    ) -> JsonObject | None:
        try:
            return await self._request(method, path, body, content_type=content_type)
        except ClusterError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def _request(
        self,
        method: str,
        path: str,
        body: JsonObject | None = None,
        *,
        content_type: str = "",
        accept: str = "application/json",
    ) -> JsonObject:
        """Send one request; after a 401, log in again and send it once more."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": accept, "Content-Type": content_type or "application/json"}
        try:
            return await self._send(method, path, data, headers)
        except ClusterError as error:
            if error.status != UNAUTHORIZED:
                raise
        self._access = None
        return await self._send(method, path, data, headers)

    async def _send(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]
    ) -> JsonObject:
        if self._access is None:
            self._access = await asyncio.to_thread(self._login)
        access = self._access
        what = f"{method} {path.partition('?')[0]}"
        async with _as_cluster_error(what):
            timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
            async with self._session.request(
                method,
                access.server + path,
                data=data,
                headers={**headers, **access.headers},
                ssl=access.tls,
                timeout=timeout,
            ) as reply:
                content = await reply.read()
                if reply.status >= 400:  # noqa: PLR2004 - HTTP's errors begin there
                    raise ClusterError(f"{what}: {_reason(content, reply.status)}", reply.status)
        return cast("JsonObject", json.loads(content))


@asynccontextmanager
async def _as_cluster_error(what: str) -> AsyncGenerator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ClusterError(f"{what}: {type(error).__name__} {error}".rstrip()) from error


def _set(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value is not None}


def _reason(content: bytes, status: int) -> str:
    """The API server's message; for the kinds used here it repeats no request's body."""
    try:
        message = _mapping(json.loads(content)).get("message")
    except ValueError:
        message = None
    return f"{status} {message or ''}".rstrip()[:300]


def _mapping(value: object) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}
