"""The connection pool towards providers, which knows whether a call got a fresh connection.

A provider may close an idle connection at the very moment a request is written to it. Such a
request was most likely never read; it is worth a second try, which one on a fresh connection is
not. Must not know requests.
"""

from contextvars import ContextVar

import aiohttp
from aiohttp.client_proto import ResponseHandler


class Pool(aiohttp.TCPConnector):
    """aiohttp's, with a mark on the running task for each connection it opens."""

    def __init__(self, *, keepalive_timeout: float, ttl_dns_cache: int) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - aiohttp leaves one open
            limit=0, keepalive_timeout=keepalive_timeout, ttl_dns_cache=ttl_dns_cache
        )
        self._opened: ContextVar[bool] = ContextVar("weir_connection_opened")

    def begin(self) -> None:
        """Forget what the running task opened before."""
        self._opened.set(False)

    @property
    def opened(self) -> bool:
        """Whether the running task has opened a connection since `begin`."""
        return self._opened.get(False)

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> ResponseHandler:
        self._opened.set(True)
        return await super()._create_connection(req, traces, timeout)
