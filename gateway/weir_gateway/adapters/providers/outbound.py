"""The outgoing side of a call: the request in the backend's wire, its headers, its span."""

import asyncio
import json
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from opentelemetry.trace import SpanKind
from yarl import URL

from weir_gateway.adapters.providers.prepared import Prepared
from weir_gateway.adapters.providers.request_changes import changes_of
from weir_gateway.adapters.providers.upstream_errors import untranslated
from weir_gateway.domain.errors import BadRequest, CannotCarry, WeirError
from weir_gateway.domain.request import Request, with_model
from weir_gateway.domain.table import Backend, Passthrough
from weir_runtime.tracing import Span, Tracing, current
from weir_wires.content import Usage
from weir_wires.error_shapes import ErrorShape
from weir_wires.errors import NotCarried, RequestError
from weir_wires.framing import SSE
from weir_wires.registry import WIRES, WireRoute
from weir_wires.spec import Adopted, WireSpec
from weir_wires.translator import ResponseTranslator, TranslatedRequest
from weir_wires.wire import Wire

MAX_ON_LOOP: Final = 128 * 1024  # bytes; translating more takes over a millisecond: off the loop
DROPPED: Final = "x-weir-dropped"
MAX_DROPPED_CHARS: Final = 1000  # characters of the header with dropped fields
FORWARDED_HEADERS: Final = ("accept", "idempotency-key", "user-agent")
# Which account pays: it goes with the client's own key, and with no other.
_WITH_KEY: Final = ("authorization", "openai-organization", "openai-project")
_UNPRINTABLE: Final = re.compile(r"[^!-~]")


@dataclass(frozen=True, slots=True)
class Outbound:
    """The request to send, and how to read its response."""

    wire: WireSpec
    client_errors: ErrorShape  # of the client's wire
    url: URL
    body: bytes
    response: ResponseTranslator | None  # None: the provider's bytes are the client's
    headers: Mapping[str, str]  # response headers that describe the translation
    asks_usage: bool = False  # whether the body has the field that asks for a stream's usage


def select_route(backend: Backend, request: Request) -> WireRoute:
    """The backend's wire for `request`, and its translator. Raises CannotCarry if there is none."""
    route = WIRES.route(request.wire, backend.wires)
    if route is None:
        spoken = ", ".join(sorted(wire.short for wire in backend.wires))
        raise CannotCarry(
            f"backend {backend.id} speaks {spoken}, which can't carry {request.wire.short}",
            param="model",
        )
    return route


async def outbound(prepared: Prepared, chosen: WireRoute, request: Request) -> Outbound:
    """Encode `request` for the backend. Raises CannotCarry and BadRequest, naming the field."""
    backend = prepared.backend
    reads = chosen.translator is not None or prepared.wire.adopt is not None
    try:
        if (reads or changes_of(backend) is not None) and len(request.body) > MAX_ON_LOOP:
            encoded = await asyncio.to_thread(_encode, backend, prepared.model, chosen, request)
        else:
            encoded = _encode(backend, prepared.model, chosen, request)
    except WeirError:
        raise
    except Exception as error:  # a defect of a translator's: another candidate may answer
        raise untranslated(backend, "was not asked", error) from error
    return Outbound(
        wire=prepared.wire,
        client_errors=WIRES[request.wire].errors,
        url=prepared.stream_url if request.stream else prepared.url,
        body=encoded.body,
        response=encoded.response,
        headers=_dropped_header(encoded.dropped),
    )


@dataclass(frozen=True, slots=True)
class EncodedRequest:
    """A request in a backend's wire, to be sent later (in a batch)."""

    wire: Wire
    body: bytes
    response: ResponseTranslator | None  # None: the provider's bytes are the client's
    dropped: tuple[str, ...] = ()  # the client's fields that are left out or changed


def encode_request(backend: Backend, request: Request) -> EncodedRequest:
    """Encode `request` for `backend`; call it in a thread for large bodies.

    Raises CannotCarry and BadRequest, naming the field.
    """
    model = json.dumps(backend.model).encode()
    return _encode(backend, model, select_route(backend, request), request)


def _encode(backend: Backend, model: bytes, chosen: WireRoute, request: Request) -> EncodedRequest:
    """`model` is the backend's as JSON."""
    wire, response = WIRES[chosen.wire], None
    if chosen.translator is None:
        adopted = _prepared_body(wire, with_model(request, model), request)
        body, dropped = adopted.body, adopted.dropped
    else:
        translated = _translate(chosen, request, backend.model)
        body, response, dropped = translated.body, translated.response, translated.dropped
    changes = changes_of(backend)
    if changes is not None:
        changed = changes.apply(body, answers=wire.wire.answers)
        body = changed.body
        dropped = tuple(dict.fromkeys((*dropped, *changed.lost(request.body))))
    return EncodedRequest(chosen.wire, body, response, dropped)


def headers_for(prepared: Prepared, request: Request) -> dict[str, str]:
    """The prepared headers and the client's forwarded ones; its key only with Passthrough."""
    headers = dict(prepared.headers)
    wire = prepared.wire
    own = wire.forwarded if request.wire in {wire.wire, wire.format_of} else ()
    for name in (*FORWARDED_HEADERS, *own):
        value = request.headers.get(name)
        if value is not None:
            headers[name] = value
    if wire.framing is not SSE:
        headers.pop("accept", None)  # what the client gets isn't what the provider sends
    if prepared.backend.headers:
        headers.update(prepared.backend.headers)
    if isinstance(prepared.backend.auth, Passthrough):
        for name in {prepared.wire.auth[0].lower(), *_WITH_KEY} & request.headers.keys():
            headers[name] = request.headers[name]
    return headers


def _prepared_body(wire: WireSpec, body: bytes, request: Request) -> Adopted:
    """A body that is sent untranslated, adjusted by its wire. Raises BadRequest."""
    prepared = body if wire.prepare is None else wire.prepare(body)
    with _mapped_errors():
        return wire.adopted(prepared, request.headers)


def _translate(chosen: WireRoute, request: Request, model: str) -> TranslatedRequest:
    """Translate `request`. Raises CannotCarry and BadRequest."""
    if chosen.translator is None:
        raise RuntimeError("the route has no translator")
    with _mapped_errors():
        translated = chosen.translator.translate(_whole_request(request), model)
        adopted = WIRES[chosen.wire].adopted(translated.body, request.headers)
    dropped = translated.dropped + adopted.dropped
    return replace(translated, body=adopted.body, dropped=dropped)


@contextmanager
def _mapped_errors() -> Generator[None]:
    """The one place where errors of weir_wires become the gateway's."""
    try:
        yield
    except NotCarried as error:
        raise CannotCarry(error.message, param=error.param, code=error.code) from error
    except RequestError as error:
        raise BadRequest(error.message, param=error.param, code=error.code) from error


def _whole_request(request: Request) -> bytes:
    """The body with all that its path says."""
    say_stream = WIRES[request.wire].say_stream
    return say_stream(request.body) if say_stream is not None and request.stream else request.body


def _dropped_header(dropped: tuple[str, ...]) -> dict[str, str]:
    if not dropped:
        return {}
    return {DROPPED: ", ".join(_UNPRINTABLE.sub("?", name) for name in dropped)[:MAX_DROPPED_CHARS]}


class Call:
    """A call in progress and its span."""

    __slots__ = ("_done", "span")

    def __init__(self, span: Span, done: Callable[[], None]) -> None:
        self.span = span
        self._done: Callable[[], None] | None = done

    def end(self, usage: Usage | None, error: str) -> None:
        """End the call; `error` is empty on success. Ends only once."""
        done, self._done = self._done, None
        if done is None:
            return
        done()
        if usage is not None:
            self.span.set("gen_ai.usage.input_tokens", usage.input)
            self.span.set("gen_ai.usage.output_tokens", usage.output)
        if error:
            self.span.set("error.type", error)
            self.span.error(error)
        self.span.end()


class CallTracker:
    """Counts calls in progress and starts their spans."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self.in_flight = 0

    def begin(self, backend: Backend, operation: str) -> Call:
        """Start a call in the running task's trace."""
        self.in_flight += 1
        span = self._tracing.start(
            f"{operation} {backend.model}", SpanKind.CLIENT, parent=current.get()
        )
        if span.recording:
            span.set("gen_ai.operation.name", operation)
            span.set("gen_ai.provider.name", backend.protocol)
            span.set("gen_ai.request.model", backend.model)
            span.set("weir.upstream.endpoint", backend.id)
            span.set("server.address", URL(backend.endpoint).host or "")
        return Call(span, self._ended)

    def _ended(self) -> None:
        self.in_flight -= 1
