"""Calls under way: each backend's in-flight limit, and the span of each call."""

from collections import defaultdict
from collections.abc import Callable

from opentelemetry.trace import SpanKind
from yarl import URL

from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.ids import BackendId
from weir_gateway.domain.money import Usage
from weir_gateway.domain.table import Backend
from weir_runtime.tracing import Span, Tracing, current


class Call:
    """One call: its place in the backend's limit, and its span; ended once."""

    __slots__ = ("_done", "span")

    def __init__(self, span: Span, done: Callable[[], None]) -> None:
        self.span = span
        self._done: Callable[[], None] | None = done

    def end(self, usage: Usage | None, error: str) -> None:
        """End it; `error` is empty where all went well. Later calls have no effect."""
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


class Calls:
    """All of them."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._in_flight: defaultdict[BackendId, int] = defaultdict(int)

    @property
    def in_flight(self) -> int:
        """How many are under way."""
        return sum(self._in_flight.values())

    def begin(self, backend: Backend) -> Call:
        """Start one, in the running task's trace. Raises UpstreamError past the limit."""
        if backend.in_flight and self._in_flight[backend.id] >= backend.in_flight:
            raise UpstreamError(
                f"backend {backend.id} has {backend.in_flight} requests under way, its limit",
                failure=UpstreamFailure.BUSY,
            )
        self._in_flight[backend.id] += 1
        span = self._tracing.start(f"chat {backend.model}", SpanKind.CLIENT, parent=current.get())
        if span.recording:
            span.set("gen_ai.operation.name", "chat")
            span.set("gen_ai.provider.name", backend.protocol)
            span.set("gen_ai.request.model", backend.model)
            span.set("server.address", URL(backend.endpoint).host or "")
        return Call(span, lambda: self._ended(backend.id))

    def _ended(self, backend: BackendId) -> None:
        self._in_flight[backend] -= 1
        if not self._in_flight[backend]:
            del self._in_flight[backend]
