"""The endpoint of one client API: parse, decide, dispatch and relay a request."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from aiohttp import web
from opentelemetry.trace import SpanKind

from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.errors import WeirError
from weir_gateway.domain.money import usd
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import RouteTable
from weir_gateway.http.auth import client_key, client_key_header
from weir_gateway.http.body import read_body
from weir_gateway.http.client_stream import UNBUFFERED, ClientStream
from weir_gateway.http.client_wires import ClientWire, Parse
from weir_gateway.http.decision_headers import DecisionHeaders
from weir_gateway.http.errors import error_response
from weir_gateway.http.stream_responses import EventStream, StreamWriter
from weir_gateway.routing.account import CLIENT_GONE, CLIENT_GONE_STATUS
from weir_gateway.routing.context import Purpose, SideCosts
from weir_gateway.routing.exchange import Exchange, Timing
from weir_gateway.routing.pipeline import Routing
from weir_gateway.routing.ports import Clock
from weir_gateway.routing.replies import Reply, Sent
from weir_runtime.tracing import Span, TraceContext, Tracing, current
from weir_wires.registry import WIRES
from weir_wires.spec import Counting

_LOG = logging.getLogger(__name__)

PARSE_ON_LOOP: Final = 128 * 1024  # bytes; parsing more takes over a millisecond: off the loop
OK: Final = 200
FIRST_ERROR: Final = 400
EVENT_STREAM: Final = "text/event-stream"
READING_GRACE: Final = 5.0  # seconds beyond the provider's own timeout for the client to read
ESTIMATED: Final = "x-weir-estimated"  # names the field that is an estimate
USAGE: Final = "usage"

Tables = Callable[[], RouteTable]  # the table in force; raises NothingCanServe if there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits on the body of a request, and on the silence of a stream."""

    body: int  # bytes
    body_within: float  # seconds
    silence: float = 0.0  # seconds until a ping; 0: none is sent


@dataclass(frozen=True, slots=True)
class Reading:
    """How one request is read, and its stream written."""

    parse: Parse
    stream: StreamWriter = EventStream  # makes the response of a stream


@dataclass(slots=True)
class _Call:
    """One HTTP request and the context in which it is served."""

    http: web.BaseRequest
    table: RouteTable
    span: Span
    timing: Timing
    headers: dict[str, str]  # describe the decision once it is made, in error responses too
    reading: Reading
    side_costs: SideCosts = field(default_factory=SideCosts)


class Endpoint:
    """Serves the requests of one client API."""

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
        self._reading = Reading(client.parse)
        self._routing = routing
        self._tables = tables
        self._tracing = tracing
        self._clock = clock
        self._bounds = bounds
        self._decision_headers = DecisionHeaders()

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; a WeirError becomes an error response."""
        return await self.serve(http, self._reading)

    async def serve(self, http: web.BaseRequest, reading: Reading) -> web.StreamResponse:
        """Answer one request that is read by `reading`."""
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
                timing = Timing(self._clock, self._clock())
                call = _Call(http, self._tables(), span, timing, headers, reading)
                response = await self._serve(call)
            except WeirError as error:
                span.error(error.code)
                response = error_response(error, self._client.errors, headers)
            finally:
                current.reset(token)
            span.set("http.response.status_code", response.status)
        return response

    async def request(self, http: web.BaseRequest, reading: Reading | None = None) -> Request:
        """Read and parse the body. Raises BadRequest."""
        parse = (reading or self._reading).parse
        body = await read_body(http, max_bytes=self._bounds.body, within=self._bounds.body_within)
        headers = header_fields(http)
        key = client_key(http)
        if key is not None:
            headers.pop(client_key_header(http), None)
        if len(body) > PARSE_ON_LOOP:
            request = await asyncio.to_thread(parse, body, headers)
        else:
            request = parse(body, headers)
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
        """Decide within a span of its own. Raises what `Routing.decide` raises.

        A request to count tokens is decided like the message that it counts. The cost of a judge
        of prompts is added to `side_costs`; without them no judge is called.
        """
        if not request.wire.answers:
            purpose = Purpose.PREVIEW
        counts = WIRES[request.wire].counts
        if counts is not None:
            request = replace(request, wire=counts.of)
        with self._tracing.start("weir.decide", parent=parent) as span:
            return await self._routing.decide(
                request,
                table,
                purpose,
                span=span,
                side_costs=side_costs if purpose.dispatches else None,
            )

    async def _serve(self, call: _Call) -> web.StreamResponse:
        request = await self.request(call.http, call.reading)
        decision = await self.decide(
            request, call.table, call.span.context, side_costs=call.side_costs
        )
        call.timing.overhead = self._clock() - call.timing.started
        exchange = Exchange(
            self._routing, request, decision, call.table, call.timing, call.side_costs
        )
        stream = self._client_stream(call, request) if request.stream else None
        try:
            async with exchange:
                self._set_decision_headers(call, decision)
                counts = _counted_here(request, decision)
                if counts is not None:
                    exchange.complete(OK)
                    return _token_estimate(request, counts.field, call.headers)
                reply = await exchange.dispatch()
                if exchange.decision is not decision:
                    self._set_decision_headers(call, exchange.decision)
                if stream is not None and _is_event_stream(reply):
                    return await _relay(call.http, exchange, reply, stream)
                body = await exchange.read()
        except WeirError as error:
            ended = None if stream is None else await stream.fail(error)
            if ended is None:
                raise
            return ended
        finally:
            if stream is not None:
                await stream.stop()
            _record_error(call.span, exchange)
        counts = _not_counted(request, exchange.decision, reply)
        if counts is not None:
            return _token_estimate(request, counts.field, call.headers)
        ended = None if stream is None else await stream.end_with(reply.status, body)
        if ended is not None:
            return ended
        return _whole_response(exchange, reply, body, call.headers)

    def _client_stream(self, call: _Call, request: Request) -> ClientStream:
        begin = partial(_begin, call)
        return ClientStream(call.http, request, begin, self._bounds.silence)

    def _set_decision_headers(self, call: _Call, decision: RouteDecision) -> None:
        headers = call.headers
        headers |= self._decision_headers.of(decision, call.table, call.timing.overhead)
        headers["x-weir-cache"] = decision.cache.state.value


def header_fields(http: web.BaseRequest) -> dict[str, str]:
    """Header fields by name in lower case; several lines of one name are one list."""
    headers = http.headers
    fields = {name.lower(): value for name, value in headers.items()}
    if len(fields) < len(headers):
        fields |= {name: ", ".join(headers.getall(name)) for name in fields}
    return fields


def _begin(call: _Call, status: int, headers: Mapping[str, str]) -> web.StreamResponse:
    """The response to a stream, with the decision as it stands now."""
    return call.reading.stream(status, {**headers, **call.headers, **UNBUFFERED})


async def _relay(
    http: web.BaseRequest, exchange: Exchange, reply: Sent, stream: ClientStream
) -> web.StreamResponse:
    timeout = exchange.decision.chosen.timeouts.total + READING_GRACE
    response = None
    try:
        async with asyncio.timeout(timeout):
            response = await stream.open(reply)
            error = await stream.relay(reply)
    except ConnectionError:
        _LOG.debug("the client went away in the middle of a stream")
        exchange.complete(CLIENT_GONE_STATUS, CLIENT_GONE)
    except TimeoutError:
        _LOG.debug("the client stopped reading its stream")
        _abort_connection(http)
        exchange.complete(CLIENT_GONE_STATUS, CLIENT_GONE)
    except Exception:
        # Otherwise the error response would follow into the middle of this one.
        _abort_connection(http)
        raise
    else:
        if error is None:
            exchange.complete(reply.status)
        else:
            exchange.complete(error.status, error.code)
    return web.StreamResponse() if response is None else response


def _record_error(span: Span, exchange: Exchange) -> None:
    if exchange.outcome is not None and exchange.outcome.error:
        span.error(exchange.outcome.error)


def _whole_response(
    exchange: Exchange, reply: Reply, body: bytes, decision_headers: dict[str, str]
) -> web.Response:
    headers = {**reply.headers, **decision_headers}
    outcome = exchange.outcome
    if outcome is not None and outcome.usage is not None:
        headers["x-weir-cost-usd"] = f"{usd(outcome.paid):.9f}".rstrip("0").rstrip(".")
        if not outcome.counted:
            headers[ESTIMATED] = USAGE
    return web.Response(status=reply.status, body=body, headers=headers)


def _abort_connection(http: web.BaseRequest) -> None:
    if http.transport is not None:
        http.transport.abort()


def _is_event_stream(reply: Reply) -> bool:
    return reply.headers.get("content-type", "").startswith(EVENT_STREAM)


def _counted_here(request: Request, decision: RouteDecision) -> Counting | None:
    """What a request to count tokens wants, where the chosen backend can't count them."""
    counts = WIRES[request.wire].counts
    if counts is None or request.wire in decision.chosen.takes:
        return None
    return counts


def _not_counted(request: Request, decision: RouteDecision, reply: Reply) -> Counting | None:
    """What a request to count tokens wants, where a provider of another wire refused to count."""
    counts = WIRES[request.wire].counts
    refused = reply.status >= FIRST_ERROR and request.wire not in decision.chosen.wires
    return counts if counts is not None and refused else None


def _token_estimate(request: Request, field: str, headers: dict[str, str]) -> web.Response:
    """Return the gateway's own estimate, from above, in the shape of the wire's count."""
    return web.json_response(
        {field: max(request.prompt_tokens, 1)}, headers={**headers, ESTIMATED: field}
    )
