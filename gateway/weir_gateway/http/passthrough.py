"""Paths that a policy passes through: the body goes to its backend, and the answer comes back.

Both are streamed and neither is changed. The client's key is checked and stays here; the backend's
own goes along.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web
from opentelemetry.trace import SpanKind

from weir_gateway.domain.errors import BadRequest, TooLarge, UpstreamError, WeirError
from weir_gateway.http.auth import KEY_PARAMETERS, client_key
from weir_gateway.http.body import send_continue
from weir_gateway.http.endpoint import READING_GRACE, Bounds, Tables
from weir_gateway.http.errors import error_response, limit_headers, shape_for
from weir_gateway.routing.account import CLIENT_GONE, CLIENT_GONE_STATUS
from weir_gateway.routing.exchange import Exchange, Timing
from weir_gateway.routing.passthrough import (
    PassthroughCall,
    ProviderAnswer,
    ProviderApi,
    ProviderCall,
    as_request,
)
from weir_gateway.routing.pipeline import Routing
from weir_gateway.routing.policy.compiled import PassthroughRoute
from weir_gateway.routing.ports import Clock
from weir_runtime.tracing import TraceContext, Tracing
from weir_wires.any_usage import MAX_BODY, usage_of_any
from weir_wires.content import Usage

SPAN: Final = "passthrough"
SMALL: Final = 1 << 20  # bytes: a body that is read whole, as signing a call needs it
FORWARDED: Final = (
    *("accept", "accept-language", "anthropic-beta", "anthropic-version", "content-type"),
    *("idempotency-key", "openai-beta", "user-agent"),
)


class PassthroughEndpoint:
    """Serves the paths that policies name; all others are not its own."""

    def __init__(
        self,
        routing: Routing,
        provider: ProviderApi,
        tables: Tables,
        tracing: Tracing,
        clock: Clock,
        bounds: Bounds,
    ) -> None:
        self._routing = routing
        self._provider = provider
        self._tables = tables
        self._tracing = tracing
        self._clock = clock
        self._bounds = bounds

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse | None:
        """Answer one request; None where no policy passes its path through."""
        path = http.rel_url.raw_path
        if not _is_plain(path):
            return None
        table = self._tables()
        headers = {name.lower(): value for name, value in http.headers.items()}
        call = PassthroughCall(http.method, path, headers, client_key(http))
        route = self._routing.find_passthrough(call, table)
        if route is None:
            return None
        parent = TraceContext.from_headers(http.headers)
        with self._tracing.start(SPAN, SpanKind.SERVER, parent=parent) as span:
            span.set("url.path", route.path)
            span.set("http.request.method", http.method)
            sent: dict[str, str] = {}
            try:
                timing = Timing(self._clock, self._clock())
                decision = await self._routing.admit_passthrough(route, call, table)
                exchange = Exchange(self._routing, as_request(call), decision, table, timing)
                sent["x-weir-decision"] = decision.id
                sent["x-weir-model"] = decision.chosen.name
                sent["x-weir-policy"] = decision.policy
                sent["x-weir-reason"] = decision.label
                sent |= limit_headers(decision.admission.remaining())
                async with exchange:
                    response = await self._exchange(http, route, call, exchange, sent)
            except WeirError as error:
                span.error(error.code)
                response = error_response(error, shape_for(http), sent)
            span.set("http.response.status_code", response.status)
        return response

    async def _exchange(
        self,
        http: web.BaseRequest,
        route: PassthroughRoute,
        call: PassthroughCall,
        exchange: Exchange,
        sent: Mapping[str, str],
    ) -> web.StreamResponse:
        try:
            answer = await self._provider.call(route.backend, await self._outgoing(http, call))
        except UpstreamError as error:
            exchange.complete(error.status, error.code)
            raise
        # A client that stops reading must not hold its call open.
        deadline = route.backend.timeouts.total + READING_GRACE
        try:
            async with asyncio.timeout(deadline):
                return await self._relay(http, answer, exchange, sent)
        except TimeoutError:
            exchange.complete(CLIENT_GONE_STATUS, CLIENT_GONE)
            if http.transport is not None:
                http.transport.abort()
            return web.Response(status=CLIENT_GONE_STATUS)
        finally:
            answer.close()

    async def _relay(
        self,
        http: web.BaseRequest,
        answer: ProviderAnswer,
        exchange: Exchange,
        sent: Mapping[str, str],
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers={**answer.headers, **sent})
        seen = _Beginning()
        try:
            await response.prepare(http)
            async for chunk in answer.chunks():
                seen.add(chunk)
                await response.write(chunk)
            await response.write_eof()
        except ConnectionError:
            exchange.complete(CLIENT_GONE_STATUS, CLIENT_GONE)
        except UpstreamError as error:
            # The head is out: a connection that breaks is all that can still be told.
            exchange.complete(error.status, error.code)
            if http.transport is not None:
                http.transport.abort()
        else:
            exchange.complete(answer.status, usage=seen.usage)
        return response

    async def _outgoing(self, http: web.BaseRequest, call: PassthroughCall) -> ProviderCall:
        headers = {name: call.headers[name] for name in FORWARDED if name in call.headers}
        length = http.content_length
        if (length or 0) > self._bounds.body:
            raise _too_large(self._bounds.body)
        body: bytes | AsyncIterator[bytes] | None = None
        if http.can_read_body:
            await send_continue(http)
            body = _bounded(http, self._bounds)
            if length is not None and length <= SMALL:
                body = await _whole(body, self._bounds)
            elif length is not None and "content-encoding" not in call.headers:
                headers["content-length"] = str(length)
        return ProviderCall(
            method=call.method,
            path=call.path,
            query=tuple(
                (name, value)
                for name, value in http.query.items()
                if name.lower() not in KEY_PARAMETERS
            ),
            headers=headers,
            body=body,
        )


class _Beginning:
    """A JSON answer's bytes, while there are few enough to look for its usage."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= MAX_BODY:
            self._pieces.append(chunk)
        else:
            self._pieces.clear()

    @property
    def usage(self) -> Usage | None:
        return usage_of_any(b"".join(self._pieces)) if self._pieces else None


def _is_plain(path: str) -> bool:
    """Whether every segment is what it looks like: none climbs up or hides a slash."""
    segments = path.removeprefix("/").split("/")
    return all(_is_plain_segment(unquote(segment)) for segment in segments)


def _is_plain_segment(segment: str) -> bool:
    return segment not in {"", ".", ".."} and not {"/", "\\", "\0"} & set(segment)


async def _whole(pieces: AsyncIterator[bytes], bounds: Bounds) -> bytes:
    """All pieces of a small body. Raises BadRequest where they take too long together."""
    try:
        async with asyncio.timeout(bounds.body_within):
            return b"".join([piece async for piece in pieces])
    except TimeoutError as error:
        raise BadRequest(
            f"the body did not arrive within {bounds.body_within:g} s: send it faster",
            code="body_timeout",
        ) from error


async def _bounded(http: web.BaseRequest, bounds: Bounds) -> AsyncGenerator[bytes]:
    """The body's pieces. Raises TooLarge and BadRequest."""
    size = 0
    content: Any = http.content  # an empty body has a reader of another type
    while True:
        try:
            async with asyncio.timeout(bounds.body_within):
                piece: bytes = await content.readany()
        except TimeoutError as error:
            raise BadRequest(
                f"the body stood still for {bounds.body_within:g} s: send it faster",
                code="body_timeout",
            ) from error
        if not piece:
            return
        size += len(piece)
        if size > bounds.body:
            raise _too_large(bounds.body)
        yield piece


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the body is over {most} bytes, the most this gateway accepts")
