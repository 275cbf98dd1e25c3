"""One wire's endpoint: parse → decide → dispatch → relay → account.

Must not know what is said on the wire, how a choice is made or how a provider is called; those are
routing and its ports.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from aiohttp import web
from opentelemetry.trace import SpanKind

from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.errors import UpstreamError, WeirError
from weir_gateway.domain.money import usd
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import RouteTable
from weir_gateway.http.auth import client_key, client_key_header
from weir_gateway.http.body import read_body
from weir_gateway.http.client_wires import ClientWire
from weir_gateway.http.count_tokens import estimate, estimates
from weir_gateway.http.errors import error_response, limit_headers
from weir_gateway.http.sse import EventBuffer
from weir_gateway.routing.account import CLIENT_GONE
from weir_gateway.routing.context import Purpose, SideCosts
from weir_gateway.routing.pipeline import Dispatched, Ending, Routing
from weir_gateway.routing.ports import Clock
from weir_policy.ids import PolicyId
from weir_runtime.tracing import Span, TraceContext, Tracing, current
from weir_wires.error_shapes import ErrorShape, ends_with_error
from weir_wires.wire import Wire

_LOG = logging.getLogger(__name__)

PARSE_ON_LOOP: Final = 128 * 1024  # bytes; parsing more takes over a millisecond: off the loop
CLIENT_GONE_STATUS: Final = 499  # in accounts only: nobody is there to read it
OK: Final = 200
EVENT_STREAM: Final = "text/event-stream"
UNBUFFERED: Final = {
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}  # for proxies before us
READING_GRACE: Final = 5.0  # seconds past the provider's own limit that a client may take to read

Tables = Callable[[], RouteTable]  # the table in force; raises NothingCanServe where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one request may take."""

    body: int  # bytes
    body_within: float  # seconds


@dataclass(slots=True)
class _Way:
    """One request on its way: what the steps hand on to one another."""

    http: web.BaseRequest
    table: RouteTable
    span: Span
    arrived: float
    decision_headers: dict[
        str, str
    ]  # headers that tell the decision, once there is one; on errors too
    overhead: float = 0.0
    side_costs: SideCosts = field(default_factory=SideCosts)  # what is paid beside the answer


class Endpoint:
    """The endpoint."""

    def __init__(
        self,
        client: ClientWire,
        routing: Routing,
        tables: Tables,
        tracing: Tracing,
        clock: Clock,
        bounds: Bounds,
    ) -> None:
        self._client = client
        self._routing = routing
        self._tables = tables
        self._tracing = tracing
        self._clock = clock
        self._bounds = bounds
        self._exposing_of: tuple[RouteTable, frozenset[PolicyId]] | None = None

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; every error is a response."""
        parent = TraceContext.from_headers(http.headers)
        with self._tracing.start(
            f"POST {self._client.path}",
            SpanKind.SERVER,
            parent=parent,
            attributes={"http.request.method": "POST", "url.path": self._client.path},
        ) as span:
            token = current.set(span.context)
            headers: dict[str, str] = {}
            try:
                way = _Way(http, self._tables(), span, self._clock(), headers)
                response = await self._answer(way)
            except WeirError as error:
                span.error(error.code)
                response = error_response(error, self._client.errors, headers)
            finally:
                current.reset(token)
            span.set("http.response.status_code", response.status)
        return response

    async def request(self, http: web.BaseRequest) -> Request:
        """Read and parse the body."""
        body = await read_body(http, max_bytes=self._bounds.body, within=self._bounds.body_within)
        headers = {name.lower(): value for name, value in http.headers.items()}
        key = client_key(http)
        if key is not None:
            headers.pop(client_key_header(http), None)
        if len(body) > PARSE_ON_LOOP:
            request = await asyncio.to_thread(self._client.parse, body, headers)
        else:
            request = self._client.parse(body, headers)
        return request if key is None else replace(request, key=key)

    async def decide(
        self,
        request: Request,
        table: RouteTable,
        parent: TraceContext,
        *,
        purpose: Purpose = Purpose.SERVE,
        side_costs: SideCosts | None = None,
    ) -> RouteDecision:
        """Decide within a span of its own; the model that would answer also counts its tokens.

        What a judge of prompts costs is added to `side_costs`; without them none is called.
        """
        if not request.wire.answers:
            purpose = Purpose.PREVIEW
        if request.wire is Wire.ANTHROPIC_COUNT_TOKENS:
            request = replace(request, wire=Wire.ANTHROPIC_MESSAGES)
        with self._tracing.start("weir.decide", parent=parent) as span:
            return await self._routing.decide(
                request,
                table,
                purpose,
                span=span,
                side_costs=side_costs if purpose.dispatches else None,
            )

    async def _answer(self, way: _Way) -> web.StreamResponse:
        request = await self.request(way.http)
        decision = await self.decide(
            request, way.table, way.span.context, side_costs=way.side_costs
        )
        way.overhead = self._clock() - way.arrived
        self._tell(way, decision)
        if estimates(request, decision.chosen.wires):
            self._account(way, request, decision, _Ended(OK))
            return estimate(request, way.decision_headers)
        try:
            dispatched = await self._routing.dispatch(request, decision, way.table, way.side_costs)
        except BaseException as error:  # a defect too: what was set aside must not stay so
            self._account(way, request, decision, _ended_by(error))
            raise
        if dispatched.decision is not decision:  # another model stepped in
            self._tell(way, dispatched.decision)
        if _streams(request, dispatched):
            return await self._stream(way, request, dispatched)
        return await self._whole(way, request, dispatched)

    async def _whole(
        self, way: _Way, request: Request, dispatched: Dispatched
    ) -> web.StreamResponse:
        reply = dispatched.reply
        ended = _GONE
        paid = 0.0
        try:
            body = b"".join([chunk async for chunk in reply.chunks()])
            ended = _Ended(reply.status)
        except UpstreamError as error:
            ended = _Ended(error.status, error.code)
            raise
        finally:
            await reply.close(abort=ended.error != "")
            paid = self._account(way, request, dispatched.decision, ended, dispatched)
        headers = {**reply.headers, **way.decision_headers}
        if reply.usage is not None:
            headers["x-weir-cost-usd"] = f"{paid:.9f}".rstrip("0").rstrip(".")
        return web.Response(status=reply.status, body=body, headers=headers)

    async def _stream(
        self, way: _Way, request: Request, dispatched: Dispatched
    ) -> web.StreamResponse:
        reply = dispatched.reply
        headers = {**reply.headers, **way.decision_headers, **UNBUFFERED}
        response = _Events(status=reply.status, headers=headers)
        ended = _GONE
        within = dispatched.decision.chosen.timeouts.total + READING_GRACE
        try:
            async with asyncio.timeout(within):
                await response.prepare(way.http)
                ended = await _relay(dispatched, response, self._client.errors)
        except ConnectionError:
            _LOG.debug("the client went away in the middle of a stream")
        except TimeoutError:
            _hang_up(way.http)
            _LOG.debug("the client stopped reading its stream")
        except Exception:
            _hang_up(way.http)  # a second response must not follow into the middle of this one
            raise
        finally:
            await reply.close(abort=ended.error != "")
            self._account(way, request, dispatched.decision, ended, dispatched)
        return response

    def _tell(self, way: _Way, decision: RouteDecision) -> None:
        headers = way.decision_headers
        headers["x-weir-decision"] = decision.id
        headers["x-weir-model"] = decision.chosen.name
        headers["x-weir-policy"] = decision.policy
        headers["x-weir-reason"] = decision.label
        headers["x-weir-cache"] = decision.cache.state.value
        headers["x-weir-overhead-ms"] = f"{way.overhead * 1000:.2f}"
        if decision.admission.limits:
            headers |= limit_headers(decision.admission.remaining())
        if decision.scored is not None and decision.policy in self._exposing(way.table):
            headers["x-weir-score"] = f"{decision.scored.score:.4f}"

    def _exposing(self, table: RouteTable) -> frozenset[PolicyId]:
        """The policies that show their scores, worked out once per table."""
        if self._exposing_of is None or self._exposing_of[0] is not table:
            policies = frozenset(policy.id for policy in table.policies if policy.expose.score)
            self._exposing_of = (table, policies)
        return self._exposing_of[1]

    def _account(
        self,
        way: _Way,
        request: Request,
        decision: RouteDecision,
        ended: "_Ended",
        dispatched: Dispatched | None = None,
    ) -> float:
        if ended.error:
            way.span.error(ended.error)
        ending = Ending(
            status=ended.status,
            usage=dispatched.reply.usage if dispatched is not None else None,
            overhead=way.overhead,
            duration=self._clock() - way.arrived,
            error=ended.error,
            side_costs=way.side_costs.snapshot(),
            pieces=dispatched.reply.pieces if dispatched is not None else 0,
        )
        return usd(self._routing.account(request, decision, ending).paid)


@dataclass(frozen=True, slots=True)
class _Ended:
    """How an answer ended: its status, and the code where it did not end well."""

    status: int
    error: str = ""


_GONE = _Ended(CLIENT_GONE_STATUS, CLIENT_GONE)


def _ended_by(error: BaseException) -> _Ended:
    if isinstance(error, asyncio.CancelledError):
        return _GONE
    if isinstance(error, WeirError):
        return _Ended(error.status, error.code)
    return _Ended(WeirError.status, WeirError.code)


class _Events(web.StreamResponse):
    """A streamed response whose head goes out together with its first event."""

    _send_headers_immediately = False


def _hang_up(http: web.BaseRequest) -> None:
    if http.transport is not None:
        http.transport.abort()


async def _relay(
    dispatched: Dispatched, response: web.StreamResponse, errors: ErrorShape
) -> _Ended:
    """Write the chunks as they come; a stream that breaks ends with an error event."""
    events = EventBuffer()
    last = b""
    try:
        async for chunk in dispatched.reply.chunks():
            whole = events.feed(chunk)
            if whole:
                last = whole
                await response.write(whole)
    except UpstreamError as error:
        if not ends_with_error(last, errors):  # one error is enough
            await response.write(errors.event(error, last))
        await response.write_eof()
        return _Ended(error.status, error.code)
    rest = events.rest()
    if rest:
        await response.write(rest)
    await response.write_eof()
    return _Ended(dispatched.reply.status)


def _streams(request: Request, dispatched: Dispatched) -> bool:
    return request.stream and dispatched.reply.headers.get("content-type", "").startswith(
        EVENT_STREAM
    )
