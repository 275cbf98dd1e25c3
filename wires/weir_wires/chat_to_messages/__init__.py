"""The client speaks OpenAI's chat completions, the provider Anthropic's messages."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from weir_wires.chat_to_messages import answer
from weir_wires.chat_to_messages.request import FIELDS, Translated, translate_request
from weir_wires.chat_to_messages.stream import ChatChunks
from weir_wires.translator import Field, ResponseTranslator, StreamTranslator, TranslatedRequest

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["ChatToMessages"]


@dataclass(frozen=True, slots=True)
class ChatToMessages:
    """Answers on OpenAI's wire tell when they were made, hence the clock."""

    clock: Clock = time.time

    @property
    def fields(self) -> tuple[Field, ...]:
        return FIELDS

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        request = translate_request(body, model)
        response: ResponseTranslator = _Response(self.clock, request)
        return TranslatedRequest(request.body, response, request.dropped)


@dataclass(frozen=True, slots=True)
class _Response:
    clock: Clock
    request: Translated

    def translate(self, body: bytes) -> bytes:
        return answer.translate(body, int(self.clock()), self.request.names)

    def stream(self) -> StreamTranslator:
        with_usage = self.request.usage_in_stream
        return ChatChunks(int(self.clock()), self.request.names, with_usage=with_usage)
