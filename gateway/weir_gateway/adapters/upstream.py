"""Providers that speak OpenAI's wire, behind routing's Upstreams.

The client's bytes go out with `model` replaced; the provider's bytes come back. One connection
pool for all backends, bounded by the gateway's and the backends' in-flight limits rather than by
aiohttp's default of a hundred. Redirects are not followed. Must not know policies.
"""

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from weir_gateway.adapters.addresses import Guard
from weir_gateway.adapters.calls import Call, Calls
from weir_gateway.adapters.credentials import Credentials, Secret
from weir_gateway.adapters.openai_usage import usage_of
from weir_gateway.adapters.pool import Pool
from weir_gateway.adapters.prepared import Prepared, Preparer
from weir_gateway.adapters.redaction import without
from weir_gateway.adapters.reply import StreamReply, WholeReply
from weir_gateway.adapters.upstream_errors import (
    broken,
    from_status,
    has_error_shape,
    mapped,
    may_be_mended,
)
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.request import Request, with_model
from weir_gateway.domain.table import Backend, Passthrough, Protocol
from weir_runtime.tracing import Tracing

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
ERROR_BODY: Final = 64 * 1024  # bytes of an error answer that are read
WRITTEN_AT_ONCE: Final = 1 << 19  # bytes
ERROR_FROM: Final = 400
REDIRECT_FROM: Final = 300
MODELS: Final = {Protocol.OPENAI: "/models", Protocol.ANTHROPIC: "/v1/models"}
KEEP_ALIVE: Final = 30  # seconds an idle connection is kept; below common servers' own limits
DNS_KEPT: Final = 30  # seconds; a Service's address may move
SENT_ON: Final = ("accept", "idempotency-key", "openai-beta", "user-agent")
GIVEN_BACK: Final = ("content-type", "openai-processing-ms", "retry-after", "x-request-id")
GIVEN_BACK_PREFIX: Final = "x-ratelimit-"


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer whose head and first chunk have come."""

    backend: Backend
    response: aiohttp.ClientResponse
    headers: Mapping[str, str]
    first: bytes
    call: Call
    secret: Secret | None


class HttpUpstreams:
    """Sends requests; holds the connection pool."""

    def __init__(
        self, credentials: Credentials, tracing: Tracing, guard: Guard, *, max_answer: int
    ) -> None:
        """`max_answer` bounds a whole (not streamed) answer, in bytes."""
        self._guard = guard
        self._preparer = Preparer(credentials)
        self._max_answer = max_answer
        self._session: aiohttp.ClientSession | None = None
        self._pool: Pool | None = None
        self.calls = Calls(tracing)

    async def start(self) -> None:
        """Open the pool; on the loop that will use it."""
        self._pool = Pool(self._guard, keepalive_timeout=KEEP_ALIVE, ttl_dns_cache=DNS_KEPT)
        self._session = aiohttp.ClientSession(
            connector=self._pool,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )

    async def stop(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, backend: Backend, request: Request) -> WholeReply | StreamReply:
        """Forward `request`; returns once a stream's first chunk, or a whole answer, is there.

        Raises UpstreamError for what another candidate might mend.
        """
        prepared = self._preparer.kept(backend)
        if prepared is None:
            prepared = await asyncio.to_thread(self._preparer.prepare, backend)
        call = self.calls.begin(backend)
        try:
            return await self._send(prepared, request, call)
        except BaseException as error:
            call.end(None, error.code if isinstance(error, UpstreamError) else "aborted")
            raise

    async def probe(self, backend: Backend, within: float) -> None:
        """Ask for its models: whether its endpoint answers at all. Raises UpstreamError."""
        prepared = self._preparer.kept(backend)
        if prepared is None:
            prepared = await asyncio.to_thread(self._preparer.prepare, backend)
        if self._session is None:
            raise RuntimeError("HttpUpstreams is not started")
        proxy = prepared.proxy
        with mapped(backend, "answered no probe"):
            async with asyncio.timeout(within):
                async with self._session.get(
                    backend.endpoint + MODELS[backend.protocol],
                    headers=prepared.headers,
                    ssl=prepared.tls,
                    proxy=proxy.url if proxy is not None else None,
                    proxy_headers=proxy.headers if proxy is not None else None,
                    allow_redirects=False,
                ) as response:
                    error = from_status(backend, response.status, b"", None)
        if may_be_mended(error):
            raise error

    async def _send(
        self, prepared: Prepared, request: Request, call: Call
    ) -> WholeReply | StreamReply:
        backend = prepared.backend
        timeouts = backend.timeouts
        # An answer that isn't streamed starts only once its last token is there.
        within = timeouts.first_token if request.stream else timeouts.total
        response: aiohttp.ClientResponse | None = None
        try:
            with mapped(backend, "sent nothing"):
                async with asyncio.timeout(within):
                    response = await self._post(prepared, request, call)
                    first = await response.content.readany()
            headers = _given_back(response.headers)
            answer = _Answer(backend, response, headers, first, call, prepared.secret)
            return await self._reply(answer, stream=request.stream)
        except BaseException:
            if response is not None:
                response.close()
            raise

    async def _post(
        self, prepared: Prepared, request: Request, call: Call
    ) -> aiohttp.ClientResponse:
        if self._session is None or self._pool is None:
            raise RuntimeError("HttpUpstreams is not started")
        headers = dict(prepared.headers)
        for name in SENT_ON:
            value = request.headers.get(name)
            if value is not None:
                headers[name] = value
        if isinstance(prepared.backend.auth, Passthrough) and "authorization" in request.headers:
            headers["Authorization"] = request.headers["authorization"]
        headers |= call.span.context.to_headers()
        self._pool.begin()
        try:
            return await self._write(self._session, prepared, request, headers)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if self._pool.opened:
                raise
        # A kept connection that its provider had just closed: once more.
        return await self._write(self._session, prepared, request, headers)

    async def _write(
        self,
        session: aiohttp.ClientSession,
        prepared: Prepared,
        request: Request,
        headers: Mapping[str, str],
    ) -> aiohttp.ClientResponse:
        proxy = prepared.proxy
        if proxy is not None and proxy.url.host is not None and self._pool is not None:
            self._pool.trust_proxy(proxy.url.host, proxy.url.port)
        return await session.post(
            prepared.url,
            data=_payload(with_model(request, prepared.model)),
            headers=headers,
            timeout=prepared.timeout,
            ssl=prepared.tls,
            proxy=proxy.url if proxy is not None else None,
            proxy_headers=proxy.headers if proxy is not None else None,
            allow_redirects=False,
        )

    async def _reply(self, answer: _Answer, *, stream: bool) -> WholeReply | StreamReply:
        response = answer.response
        if response.status >= ERROR_FROM:
            return await _refusal(answer)
        if response.status >= REDIRECT_FROM:
            raise broken(
                answer.backend, f"answered {response.status}, a redirect, which is not followed"
            )
        if stream and response.content_type == EVENT_STREAM:
            if not answer.first:
                raise broken(answer.backend, "ended its stream before it began")
            return StreamReply(
                answer.backend, response, answer.headers, answer.first, answer.call.end
            )
        return await self._whole(answer)

    async def _whole(self, answer: _Answer) -> WholeReply:
        media = answer.response.content_type
        if media != JSON and not media.endswith("+json"):
            raise broken(answer.backend, f"answered with {media}, not with JSON")
        body = await _rest(answer, self._max_answer)
        if len(body) > self._max_answer:
            raise broken(answer.backend, f"answered with more than {self._max_answer} bytes")
        usage = usage_of(body)
        answer.call.end(usage, "")
        return WholeReply(answer.response.status, answer.headers, body, usage)


async def _refusal(answer: _Answer) -> WholeReply:
    """A provider's error: raised where a fallback may mend it, else passed on in OpenAI's shape."""
    status = answer.response.status
    body = without(answer.secret, (await _rest(answer, ERROR_BODY))[:ERROR_BODY])
    error = from_status(answer.backend, status, body, answer.headers.get("retry-after"))
    if may_be_mended(error):
        raise error
    answer.call.end(None, f"status_{status}")
    if not has_error_shape(body):
        fields = {
            "message": error.message,
            "type": "invalid_request_error",
            "param": None,
            "code": error.code,
        }
        body = json.dumps({"error": fields}).encode()
    return WholeReply(status, {**answer.headers, "content-type": JSON}, body, None)


async def _rest(answer: _Answer, cap: int) -> bytes:
    """The body from its first chunk on; stops reading once it is over `cap` bytes."""
    content = answer.response.content
    if content.at_eof():
        return answer.first
    chunks, size = [answer.first], len(answer.first)
    with mapped(answer.backend, "was silent"):
        while size <= cap:
            async with asyncio.timeout(answer.backend.timeouts.idle):
                chunk = await content.readany()
            if not chunk:
                break
            chunks.append(chunk)
            size += len(chunk)
    if size > cap:
        answer.response.close()
    return b"".join(chunks)


def _payload(body: bytes) -> bytes | io.BytesIO:
    """A large body is written piece by piece, so that it doesn't hold up the loop."""
    return body if len(body) <= WRITTEN_AT_ONCE else io.BytesIO(body)


def _given_back(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        lower: value
        for name, value in headers.items()
        if (lower := name.lower()) in GIVEN_BACK or lower.startswith(GIVEN_BACK_PREFIX)
    }
