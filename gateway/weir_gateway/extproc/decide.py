"""Decides one request of Envoy's, and says what becomes of its headers and body."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from opentelemetry.trace import SpanKind

from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.errors import BadRequest, NoPolicy, UnsupportedMedia, WeirError
from weir_gateway.domain.request import ClientKey, Request, with_model
from weir_gateway.domain.table import RouteTable
from weir_gateway.extproc.bodies import too_large, unpack
from weir_gateway.extproc.head import Head
from weir_gateway.extproc.replies import UNCHANGED, Change
from weir_gateway.http.auth import Authenticator
from weir_gateway.http.body import ENCODINGS, JSON_TYPES
from weir_gateway.http.client_wires import CLIENT_WIRES, COUNT_TOKENS, ClientWire
from weir_gateway.http.decision_headers import DecisionHeaders
from weir_gateway.http.endpoint import PARSE_ON_LOOP
from weir_gateway.http.parse.request_facts import readable
from weir_gateway.routing.context import Purpose, SideCosts
from weir_gateway.routing.pipeline import Routing
from weir_gateway.routing.ports import Clock
from weir_gateway.routing.steps.filter import not_served, takes
from weir_policy.facts import Facts
from weir_policy.ids import ModelName
from weir_runtime.tracing import Span, TraceContext, Tracing, current
from weir_wires.registry import WIRES

SERVED: Final = {client.path: client for client in (*CLIENT_WIRES, COUNT_TOKENS)}
BACKEND: Final = "x-weir-backend"  # the decision's backend as NAMESPACE/NAME
DECISION: Final = "x-weir-decision"
# Routes follow these, so that a client may not send them itself.
OWN_HEADERS: Final[tuple[str, ...]] = (
    "x-weir-model",
    BACKEND,
    DECISION,
    "x-weir-policy",
    "x-weir-reason",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What is taken of Envoy's messages."""

    body: int  # bytes of one body, packed and unpacked
    body_within: float  # seconds for all of a request's messages
    passes_unknown: bool  # what no policy serves, or what can't be read; False: it is refused
    model_header: str  # with the model's name, where no bodies come


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What requests are decided with."""

    routing: Routing
    tables: Callable[[], RouteTable]  # the table in force; raises NothingCanServe without one
    authenticator: Authenticator
    tracing: Tracing
    clock: Clock


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request whose body is awaited: its API, and the client's key."""

    head: Head
    client: ClientWire
    key: ClientKey | None = None
    key_header: str = ""  # carried the key, which is this gateway's alone


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision whose request Envoy sends."""

    request: Request
    decision: RouteDecision
    side_costs: SideCosts
    started: float  # on the clock
    overhead: float  # seconds spent deciding
    headers: dict[str, str]  # describe it to the client
    change: Change


def without_bodies(decided: Decided) -> Decided:
    """What its account needs: the bodies went to Envoy, and an answer may take minutes."""
    request = replace(decided.request, body=b"", model_span=None)
    return replace(decided, request=request, change=UNCHANGED)


class EnvoyDecider:
    """Decides the requests whose paths are served."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self.bounds = bounds
        self._services = services
        self._headers = DecisionHeaders()

    def incoming(self, head: Head) -> Incoming | None:
        """The request that `head` begins; None where it isn't decided here.

        Raises KeyRefused and TooLarge.
        """
        client = _client(head)
        if client is None:
            return None
        # Before all that makes a request pass undecided: what can't be read needs a key, too.
        found = self._services.authenticator.find(head.request)
        if not _readable(head):
            return None
        if head.length > self.bounds.body:
            raise too_large(self.bounds.body)
        return Incoming(head, client) if found is None else Incoming(head, client, *found)

    def passes(self, error: WeirError) -> bool:
        """Whether a request passes unchanged although `error` says why it can't be decided."""
        unreadable = isinstance(error, UnsupportedMedia) or error.code == "invalid_json"
        unclear = isinstance(error, NoPolicy) or (isinstance(error, BadRequest) and unreadable)
        return unclear and self.bounds.passes_unknown

    async def decide(self, incoming: Incoming, packed: bytes) -> Decided:
        """Decide a request by its body. Raises what parsing and deciding raise."""
        started = self._services.clock()
        head = incoming.head
        body = await unpack(head.encoding, packed, self.bounds.body)
        headers = _for_request(incoming)
        parse = incoming.client.parse
        if len(body) > PARSE_ON_LOOP:
            request = await asyncio.to_thread(parse, body, headers)
        else:
            request = parse(body, headers)
        return await self._decide(incoming, request, started)

    async def decide_by_head(self, incoming: Incoming, model: str) -> Decided:
        """Decide a request whose body never comes. Raises what deciding raises."""
        headers = _for_request(incoming)
        request = Request(
            wire=incoming.client.wire,
            body=b"",
            model=ModelName(model),
            model_span=None,
            stream=False,
            headers=headers,
            scored_text="",
            facts=Facts(model=model, headers=readable(headers)),
            needs=frozenset(),
            prompt_tokens=0,
            max_tokens=0,
            prompt_known=False,
        )
        return await self._decide(incoming, request, self._services.clock())

    async def _decide(self, incoming: Incoming, parsed: Request, started: float) -> Decided:
        services, side_costs = self._services, SideCosts()
        counts = WIRES[parsed.wire].counts
        purpose = Purpose.ADVISE if counts is None else Purpose.PREVIEW
        wire = parsed.wire if counts is None else counts.of
        request = replace(parsed, key=incoming.key, untranslated=True, wire=wire)
        table = services.tables()
        with self._span(incoming) as server:
            token = current.set(server.context)
            try:
                with services.tracing.start("weir.decide", parent=server.context) as span:
                    decision = await services.routing.decide(
                        request,
                        table,
                        purpose,
                        span=span,
                        side_costs=side_costs if purpose.dispatches else None,
                    )
            except WeirError as error:
                server.error(error.code)
                raise
            finally:
                current.reset(token)
        self._check(request, decision, purpose)
        if purpose.dispatches:
            services.routing.sent_elsewhere(request, decision, table)
        overhead = services.clock() - started
        described = self._headers.of(decision, table, overhead)
        return Decided(
            request if counts is None else parsed,
            decision,
            side_costs,
            started,
            overhead,
            described,
            _change(incoming, parsed, decision, described),
        )

    def _check(self, request: Request, decision: RouteDecision, purpose: Purpose) -> None:
        """Refuse what a rule sent to a backend of another API. Raises BadRequest."""
        if takes(decision.chosen, request):
            return
        if purpose.dispatches:
            self._services.routing.release(decision)
        raise not_served(request, f"without Weir as its gateway, {decision.chosen.name} hardly")

    def _span(self, incoming: Incoming) -> Span:
        return self._services.tracing.start(
            f"ext_proc {incoming.client.path}",
            SpanKind.SERVER,
            parent=TraceContext.from_headers(incoming.head.headers),
            attributes={"url.path": incoming.client.path},
        )


def forged(head: Head) -> tuple[str, ...]:
    """The headers that only a decision may set, where the client sent them."""
    return tuple(name for name in OWN_HEADERS if name in head.headers)


def _client(head: Head) -> ClientWire | None:
    """The API that a request speaks; None for one that isn't decided here."""
    if head.method != "POST":
        return None
    exact = SERVED.get(head.path)
    if exact is not None:
        return exact
    # A route may put a prefix before a provider's paths.
    return next((c for path, c in SERVED.items() if head.path.endswith(path)), None)


def _for_request(incoming: Incoming) -> dict[str, str]:
    """The client's headers, without its key and those that only a decision may set."""
    dropped = {incoming.key_header, *OWN_HEADERS}
    return {name: v for name, v in incoming.head.headers.items() if name not in dropped}


def _change(
    incoming: Incoming, request: Request, decision: RouteDecision, described: dict[str, str]
) -> Change:
    """The provider's model in the body, and the headers that choose the route."""
    chosen = decision.chosen
    headers: dict[str, str] = {n: described[n] for n in OWN_HEADERS if n in described}
    removed = [incoming.key_header] if incoming.key_header else []
    if incoming.head.encoding and request.prompt_known:
        removed.append("content-encoding")
    body = with_model(request, json.dumps(chosen.model).encode()) if request.prompt_known else None
    return Change({**headers, BACKEND: chosen.id}, tuple(removed), body, reroute=True)


def _readable(head: Head) -> bool:
    """Whether the body is JSON, packed in a way that can be unpacked."""
    media = head.media_type
    is_json = media in JSON_TYPES or media.endswith("+json")
    return is_json and head.encoding in {"", *ENCODINGS}
