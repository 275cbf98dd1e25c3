"""The client speaks Gemini's API, the provider OpenAI's chat completions."""

from dataclasses import dataclass, replace

from weir_wires.bounds import ToolNames
from weir_wires.gemini_to_chat import answer
from weir_wires.gemini_to_chat.names import client_name
from weir_wires.gemini_to_chat.request import CHAINED_FIELDS, FIELDS, translate_request
from weir_wires.gemini_to_chat.stream import GeminiEvents
from weir_wires.translator import Field, StreamTranslator, TranslatedRequest

__all__ = ["GeminiToChat"]


@dataclass(frozen=True, slots=True)
class GeminiToChat:
    """Translates requests, and answers back.

    With `chained` a second translator reads the chat completion, and so `top_k`, too.
    """

    chained: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        return CHAINED_FIELDS if self.chained else FIELDS

    def between(self) -> "GeminiToChat":
        return replace(self, chained=True)

    def client_name(self, field: str) -> str:
        return client_name(field)

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        request = translate_request(body, model, chained=self.chained)
        return TranslatedRequest(request.body, _Response(request.names), request.dropped)


@dataclass(frozen=True, slots=True)
class _Response:
    names: ToolNames

    def translate(self, body: bytes) -> bytes:
        return answer.translate(body, self.names)

    def stream(self) -> StreamTranslator:
        return GeminiEvents(self.names)
