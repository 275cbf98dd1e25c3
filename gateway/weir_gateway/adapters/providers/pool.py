"""The connection pool towards providers, which knows whether a call got a fresh connection.

A provider may close an idle connection at the very moment a request is written to it. Such a
request was most likely never read; it is worth a second try, which one on a fresh connection is
not. It also refuses addresses that no provider should have. Must not know requests.
"""

from collections.abc import Sequence
from contextvars import ContextVar

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler

from weir_gateway.adapters.providers.addresses import Guard


class ConnectionPool(aiohttp.TCPConnector):
    """aiohttp's, with a mark on the running task for each connection it opens."""

    def __init__(self, guard: Guard, *, keepalive_timeout: float, ttl_dns_cache: int) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - aiohttp leaves one open
            limit=0, keepalive_timeout=keepalive_timeout, ttl_dns_cache=ttl_dns_cache
        )
        self._guard = guard
        self._proxies: set[tuple[str, int | None]] = set()
        self._opened: ContextVar[bool] = ContextVar("weir_connection_opened")

    def begin(self) -> None:
        """Forget what the running task opened before."""
        self._opened.set(False)

    @property
    def opened(self) -> bool:
        """Whether the running task has opened a connection since `begin`."""
        return self._opened.get(False)

    def trust_proxy(self, host: str, port: int | None) -> None:
        """Let connections to a proxy be: whoever runs the gateway named it, wherever it is."""
        self._proxies.add((host, port))

    async def _resolve_host(
        self, host: str, port: int, traces: Sequence[aiohttp.tracing.Trace] | None = None
    ) -> list[ResolveResult]:
        """The addresses that are connected to next. Raises AddressRefused."""
        found = await super()._resolve_host(host, port, traces)
        if (host, port) not in self._proxies:
            self._guard.check(host, [result["host"] for result in found])
        return found

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> ResponseHandler:
        self._opened.set(True)
        return await super()._create_connection(req, traces, timeout)
