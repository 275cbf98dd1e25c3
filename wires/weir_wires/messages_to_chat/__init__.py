"""The client speaks Anthropic's messages, the provider OpenAI's chat completions."""

from dataclasses import dataclass

from weir_wires.messages_to_chat import answer
from weir_wires.messages_to_chat.request import FIELDS, translate_request
from weir_wires.messages_to_chat.stream import MessageEvents
from weir_wires.translator import Field, StreamTranslator, TranslatedRequest

__all__ = ["MessagesToChat"]


@dataclass(frozen=True, slots=True)
class MessagesToChat:
    """Translates requests, and answers back."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return FIELDS

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        request = translate_request(body, model)
        return TranslatedRequest(request.body, _Response(), request.dropped)


@dataclass(frozen=True, slots=True)
class _Response:
    def translate(self, body: bytes) -> bytes:
        return answer.translate(body)

    def stream(self) -> StreamTranslator:
        return MessageEvents()
