"""The client speaks OpenAI's legacy completions, the provider chat completions."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from weir_wires.completions_to_chat import answer
from weir_wires.completions_to_chat.request import FIELDS, translate_request
from weir_wires.translator import Field, ResponseTranslator, StreamTranslator, TranslatedRequest

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["CompletionsToChat"]


@dataclass(frozen=True, slots=True)
class CompletionsToChat:
    """A completion tells when it was made, hence the clock."""

    clock: Clock = time.time

    @property
    def fields(self) -> tuple[Field, ...]:
        return FIELDS

    def between(self) -> "CompletionsToChat":
        return self

    def client_name(self, field: str) -> str:
        if field.startswith("messages"):
            return "prompt"
        return "max_tokens" if field == "max_completion_tokens" else field

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        request = translate_request(body, model)
        response: ResponseTranslator = _Response(self.clock)
        return TranslatedRequest(request.body, response, request.dropped)


@dataclass(frozen=True, slots=True)
class _Response:
    clock: Clock

    def translate(self, body: bytes) -> bytes:
        return answer.translate(body, int(self.clock()))

    def stream(self) -> StreamTranslator:
        return answer.CompletionChunks(int(self.clock()))
