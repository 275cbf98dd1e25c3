"""The client speaks OpenAI's Responses, the provider chat completions."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from weir_wires.responses_to_chat import answer
from weir_wires.responses_to_chat.names import client_name
from weir_wires.responses_to_chat.request import FIELDS, Translated, translate_request
from weir_wires.responses_to_chat.stream import ResponseEvents
from weir_wires.translator import Field, ResponseTranslator, StreamTranslator, TranslatedRequest

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["ResponsesToChat"]


@dataclass(frozen=True, slots=True)
class ResponsesToChat:
    """A response tells when it was made, hence the clock.

    With `effort` every model knows `reasoning_effort`, as where another pair reads it.
    """

    clock: Clock = time.time
    effort: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        return FIELDS

    def between(self) -> "ResponsesToChat":
        return replace(self, effort=True)

    def client_name(self, field: str) -> str:
        return client_name(field)

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        request = translate_request(body, model, effort=self.effort)
        response: ResponseTranslator = _Response(self.clock, request)
        return TranslatedRequest(request.body, response, request.dropped)


@dataclass(frozen=True, slots=True)
class _Response:
    clock: Clock
    request: Translated

    def translate(self, body: bytes) -> bytes:
        return answer.translate(body, int(self.clock()), self.request.echo, self.request.names)

    def stream(self) -> StreamTranslator:
        return ResponseEvents(int(self.clock()), self.request.echo, self.request.names)
