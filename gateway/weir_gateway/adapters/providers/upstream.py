"""HTTP calls to providers.

One connection pool serves all backends, bounded by the gateway's and the backends' in-flight limits
instead of aiohttp's default of a hundred. Redirects are not followed.
"""

import asyncio
import io
from collections.abc import Mapping
from typing import Final

import aiohttp

from weir_gateway.adapters.providers.addresses import Guard
from weir_gateway.adapters.providers.answers import UpstreamReply, to_reply
from weir_gateway.adapters.providers.api_calls import (
    ApiCall,
    ApiResponse,
    checked_response,
    unsigned_call,
)
from weir_gateway.adapters.providers.credentials import Credentials
from weir_gateway.adapters.providers.identity.identities import Identities
from weir_gateway.adapters.providers.identity.port import Answered, UnsignedCall, authorize
from weir_gateway.adapters.providers.outbound import (
    Call,
    CallTracker,
    Outbound,
    headers_for,
    outbound,
    select_route,
)
from weir_gateway.adapters.providers.prepared import Prepared, Preparer
from weir_gateway.adapters.providers.reply import ProviderResponse
from weir_gateway.adapters.providers.reply_headers import passed_on
from weir_gateway.adapters.providers.transport import ConnectionPool
from weir_gateway.adapters.providers.upstream_errors import (
    from_status,
    is_up,
    map_client_errors,
)
from weir_gateway.adapters.providers.usage_option import UsageOptionRefused, UsageOptions
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_runtime.tracing import Tracing
from weir_wires.openai.errors import OPENAI_ERRORS
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

MAX_DIRECT_WRITE: Final = 1 << 19  # bytes
KEEP_ALIVE: Final = 30  # seconds an idle connection stays open; below common servers' limits
DNS_TTL: Final = 30  # seconds; a Service's address may move


class HttpUpstreams:
    """Sends requests to providers and owns the connection pool."""

    def __init__(
        self,
        credentials: Credentials,
        identities: Identities,
        tracing: Tracing,
        guard: Guard,
        usage_options: UsageOptions,
        *,
        max_answer: int,
    ) -> None:
        """`max_answer` bounds a whole (not streamed) answer, in bytes."""
        self._guard = guard
        self._identities = identities
        self._preparer = Preparer(credentials, identities)
        self._usage_options = usage_options
        self._max_answer = max_answer
        self._session: aiohttp.ClientSession | None = None
        self._pool: ConnectionPool | None = None
        self.calls = CallTracker(tracing)

    async def start(self) -> None:
        """Open the pool on the running loop."""
        self._pool = ConnectionPool(
            self._guard, keepalive_timeout=KEEP_ALIVE, ttl_dns_cache=DNS_TTL
        )
        self._session = aiohttp.ClientSession(
            connector=self._pool,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )

    async def stop(self) -> None:
        """Close every connection."""
        await self._identities.stop()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, backend: Backend, request: Request) -> UpstreamReply:
        """Send `request`; returns once a stream's first chunk or a whole answer has come.

        Raises UpstreamError for errors that a fallback may avoid, and CannotCarry, before
        anything is sent, if the backend's wires can't express the request.
        """
        chosen = select_route(backend, request)
        prepared = await self._prepared(backend, chosen.wire)
        out = await outbound(prepared, chosen, request)
        if request.stream:
            out = self._usage_options.asking(backend, out)
        call = self.calls.begin(backend, request.wire.operation)
        try:
            try:
                return await self._send(prepared, out, request, call)
            except UsageOptionRefused:
                out = self._usage_options.not_asking(backend, out)
                return await self._send(prepared, out, request, call)
        except BaseException as error:
            call.end(None, error.code if isinstance(error, UpstreamError) else "aborted")
            raise

    async def probe(self, backend: Backend, within: float) -> None:
        """Request the list of models, to check that the endpoint answers. Raises UpstreamError."""
        prepared = await self._prepared(backend, next(w for w in WIRES if w in backend.wires))
        if self._session is None:
            raise RuntimeError("HttpUpstreams is not started")
        proxy = prepared.proxy
        with map_client_errors(backend, "answered no probe"):
            async with asyncio.timeout(within):
                unsigned = UnsignedCall("GET", prepared.models, prepared.headers, b"")
                async with self._session.get(
                    prepared.models,
                    headers=await _authorized(prepared, unsigned),
                    ssl=prepared.tls,
                    proxy=proxy.url if proxy is not None else None,
                    proxy_headers=proxy.headers if proxy is not None else None,
                    allow_redirects=False,
                ) as response:
                    error = from_status(
                        backend, response.status, b"", None, OPENAI_ERRORS, OPENAI_ERRORS
                    )
        if not is_up(response.status):
            raise error

    async def call_api(self, backend: Backend, wire: Wire, api_call: ApiCall) -> ApiResponse:
        """Make another API call, such as one of the batch API.

        Returns once the response's head has come; `close` the response. Raises UpstreamError for
        any status but 2xx.
        """
        prepared = await self._prepared(backend, wire)
        if self._session is None:
            raise RuntimeError("HttpUpstreams is not started")
        proxy = prepared.proxy
        with map_client_errors(backend, f"answered no {api_call.method} {api_call.path}"):
            async with asyncio.timeout(api_call.timeout):
                unsigned = unsigned_call(prepared, api_call)
                response = await self._session.request(
                    api_call.method,
                    unsigned.url,
                    data=api_call.data,
                    headers=await _authorized(prepared, unsigned),
                    timeout=aiohttp.ClientTimeout(connect=backend.timeouts.connect),
                    ssl=prepared.tls,
                    proxy=proxy.url if proxy is not None else None,
                    proxy_headers=proxy.headers if proxy is not None else None,
                    allow_redirects=False,
                )
        return await checked_response(prepared, response)

    async def _prepared(self, backend: Backend, wire: Wire) -> Prepared:
        cached = self._preparer.cached(backend, wire)
        if cached is not None:
            return cached
        return await asyncio.to_thread(self._preparer.prepare, backend, wire)

    async def _send(
        self, prepared: Prepared, out: Outbound, request: Request, call: Call
    ) -> UpstreamReply:
        backend = prepared.backend
        timeouts = backend.timeouts
        # An answer that isn't streamed starts only after its last token.
        timeout = timeouts.first_token if request.stream else timeouts.total
        response: aiohttp.ClientResponse | None = None
        try:
            with map_client_errors(backend, "sent nothing"):
                async with asyncio.timeout(timeout):
                    response = await self._post(prepared, out, request, call)
                    first = await response.content.readany()
            headers = {**passed_on(response.headers), **out.headers}
            answer = ProviderResponse(
                backend, out, response, headers, first, call, prepared.secret, self._max_answer
            )
            return await to_reply(answer, WIRES[request.wire], stream=request.stream)
        except BaseException:
            if response is not None:
                response.close()
            raise

    async def _post(
        self, prepared: Prepared, out: Outbound, request: Request, call: Call
    ) -> aiohttp.ClientResponse:
        if self._session is None or self._pool is None:
            raise RuntimeError("HttpUpstreams is not started")
        headers = headers_for(prepared, request) | call.span.context.to_headers()
        self._pool.begin()
        try:
            response = await self._write(self._session, prepared, out, headers)
            if prepared.identity is None or not prepared.identity.refused(_answered(response)):
                return response
            response.close()
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if self._pool.opened:
                raise
        # The provider had just closed the idle connection, or the identity's token was revoked: the
        # request was not read, send it again.
        return await self._write(self._session, prepared, out, headers)

    async def _write(
        self,
        session: aiohttp.ClientSession,
        prepared: Prepared,
        out: Outbound,
        headers: Mapping[str, str],
    ) -> aiohttp.ClientResponse:
        proxy = prepared.proxy
        if proxy is not None and proxy.url.host is not None and self._pool is not None:
            self._pool.trust_proxy(proxy.url.host, proxy.url.port)
        if prepared.identity is not None:
            unsigned = UnsignedCall("POST", out.url, headers, out.body)
            headers = await authorize(prepared.backend, prepared.identity, unsigned)
        return await session.post(
            out.url,
            data=_payload(out.body),
            headers=headers,
            timeout=prepared.timeout,
            ssl=prepared.tls,
            proxy=proxy.url if proxy is not None else None,
            proxy_headers=proxy.headers if proxy is not None else None,
            allow_redirects=False,
        )


async def _authorized(prepared: Prepared, call: UnsignedCall) -> Mapping[str, str]:
    """The headers of `call`, with those of the backend's identity if it has one."""
    if prepared.identity is None:
        return call.headers
    return await authorize(prepared.backend, prepared.identity, call)


def _answered(response: aiohttp.ClientResponse) -> Answered:
    return Answered(response.status, response.request_info.headers, response.headers)


def _payload(body: bytes) -> bytes | io.BytesIO:
    """A large body is written in pieces, so that it doesn't block the loop."""
    return body if len(body) <= MAX_DIRECT_WRITE else io.BytesIO(body)
