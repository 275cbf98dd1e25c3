"""The client speaks OpenAI's chat completions, the provider Gemini."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from weir_wires.chat_to_gemini import answer
from weir_wires.chat_to_gemini.request import FIELDS, translate_request
from weir_wires.chat_to_gemini.stream import ChatChunks
from weir_wires.chat_to_gemini.tool_names import ToolNames
from weir_wires.translator import Field, ResponseTranslator, StreamTranslator, TranslatedRequest

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["ChatToGemini"]


@dataclass(frozen=True, slots=True)
class ChatToGemini:
    """Answers on OpenAI's wire tell when they were made, hence the clock."""

    clock: Clock = time.time

    @property
    def fields(self) -> tuple[Field, ...]:
        return FIELDS

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        request = translate_request(body, model)
        response: ResponseTranslator = _Response(self.clock, request.names, request.usage_in_stream)
        return TranslatedRequest(request.body, response, request.dropped)


@dataclass(frozen=True, slots=True)
class _Response:
    clock: Clock
    names: ToolNames
    usage_in_stream: bool

    def translate(self, body: bytes) -> bytes:
        return answer.translate(body, int(self.clock()), self.names)

    def stream(self) -> StreamTranslator:
        return ChatChunks(int(self.clock()), self.names, with_usage=self.usage_in_stream)
