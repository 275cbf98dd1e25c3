"""Lists all resources at the start, and later finds deletions that a broken watch missed."""

import asyncio
import logging

from weir_operator.apply.cluster import Cluster, ClusterError
from weir_operator.apply.index import Index
from weir_policy.reading.resources import ResourceKind

_LOG = logging.getLogger(__name__)

KINDS = (ResourceKind.BACKEND, ResourceKind.POLICY)


class Resync:
    """Brings the index up to date with the API server."""

    def __init__(self, cluster: Cluster, index: Index) -> None:
        self._cluster = cluster
        self._index = index

    async def list_all(self) -> None:
        """Put everything into the index. Raises ClusterError."""
        for kind in KINDS:
            async for document in self._cluster.list_all(kind):
                self._index.put(document)
        self._index.dirty.set()

    async def run(self, every: float) -> None:
        """Look for missed deletions every so many seconds, until cancelled."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.drop_deleted()
            except ClusterError as error:
                _LOG.info("can't look for missed deletions: %s", error)

    async def drop_deleted(self) -> None:
        """Drop from the index what the API server no longer has. Raises ClusterError."""
        for kind in KINDS:
            before = self._index.checkpoint()
            gone = self._index.retain(kind, await self._cluster.list_uids(kind), before)
            if gone:
                _LOG.info("missed deletions were found", extra={"kind": str(kind), "count": gone})
