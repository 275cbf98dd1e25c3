"""Calls under way: how many there are, and the span of each."""

from collections.abc import Callable

from opentelemetry.trace import SpanKind
from yarl import URL

from weir_gateway.domain.table import Backend
from weir_runtime.tracing import Span, Tracing, current
from weir_wires.content import Usage


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


class CallTracker:
    """All of them."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self.in_flight = 0

    def begin(self, backend: Backend, operation: str) -> Call:
        """Start one, in the running task's trace."""
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
