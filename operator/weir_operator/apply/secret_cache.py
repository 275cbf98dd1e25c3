"""The Secrets that backends refer to: read by name, cached in memory only, refreshed regularly.

Secrets are never listed, so that the operator needs no right to list them.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from weir_operator.apply.cluster import FORBIDDEN, Cluster, ClusterError
from weir_operator.plan.check import secret_names
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import ResourceKind, Resources, Secret

_LOG = logging.getLogger(__name__)
READS_AT_ONCE = 16

SecretKey = tuple[str, str]  # namespace, name


@dataclass(frozen=True, slots=True)
class CachedSecret:
    """The result of the last read: the Secret, or None where it doesn't exist or is forbidden."""

    secret: Secret | None
    forbidden: bool = False


class SecretCache:
    """Caches the Secrets that the current backends refer to."""

    def __init__(self, cluster: Cluster, changed: asyncio.Event) -> None:
        """`changed` is set when a cached Secret has changed."""
        self._cluster = cluster
        self._changed = changed
        self._cached: dict[SecretKey, CachedSecret] = {}
        self._slots = asyncio.Semaphore(READS_AT_ONCE)

    async def with_secrets(self, resources: Resources) -> Resources:
        """Return `resources` with the Secrets they refer to.

        Raises ClusterError where one can't be read for now: the caller tries again later.
        """
        needed = {
            (backend.meta.ref.namespace, name)
            for backend in resources.backends
            for name in secret_names(backend)
        }
        self._cached = {key: cached for key, cached in self._cached.items() if key in needed}
        missing = sorted(needed - self._cached.keys())
        for key, read in zip(missing, await self._read_all(missing), strict=True):
            self._cached[key] = read
        return Resources(
            policies=resources.policies,
            backends=resources.backends,
            secrets=tuple(cached.secret for cached in self._cached.values() if cached.secret),
            invalid=resources.invalid,
            unreadable=frozenset(key for key, cached in self._cached.items() if cached.forbidden),
        )

    async def run(self, every: float) -> None:
        """Refresh the cache every so many seconds, until cancelled."""
        while True:
            await asyncio.sleep(every)
            with contextlib.suppress(ClusterError):  # the cached values stay in use
                await self.refresh()

    async def refresh(self) -> None:
        """Read every cached Secret once. Raises ClusterError."""
        keys = sorted(self._cached)
        for key, fresh in zip(keys, await self._read_all(keys), strict=True):
            if key in self._cached and fresh != self._cached[key]:
                _LOG.info("a Secret changed", extra={"secret": "/".join(key)})
                self._cached[key] = fresh
                self._changed.set()

    async def _read_all(self, keys: list[SecretKey]) -> list[CachedSecret]:
        results = await asyncio.gather(*map(self._read, keys), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, CachedSecret)]

    async def _read(self, key: SecretKey) -> CachedSecret:
        async with self._slots:
            try:
                wire = await self._cluster.secret(*key)
            except ClusterError as error:
                if error.status != FORBIDDEN:
                    raise
                _LOG.warning("a Secret may not be read", extra={"secret": "/".join(key)})
                return CachedSecret(None, forbidden=True)
        if wire is None:
            return CachedSecret(None)
        body = {"apiVersion": "v1", "kind": str(ResourceKind.SECRET), **wire}
        parsed = parse({k: v for k, v in body.items() if k not in {"type", "immutable"}})
        return CachedSecret(parsed.resource if isinstance(parsed.resource, Secret) else None)
