"""The client speaks Anthropic's messages, the provider OpenAI's chat completions."""

from dataclasses import dataclass

from weir_wires.messages_to_chat import answer
from weir_wires.messages_to_chat.fields import FIELDS
from weir_wires.messages_to_chat.request import translate
from weir_wires.messages_to_chat.stream import MessageEvents
from weir_wires.translator import StreamTranslator, TranslatedRequest

__all__ = ["FIELDS", "MessagesToChat"]


@dataclass(frozen=True, slots=True)
class MessagesToChat:
    """See `Translator`."""

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        """The request on OpenAI's chat wire; see `Translator`."""
        made = translate(body, model)
        return TranslatedRequest(made.body, _Back(), made.dropped)


@dataclass(frozen=True, slots=True)
class _Back:
    """See `ResponseTranslator`."""

    def translate(self, body: bytes) -> bytes:
        """A chat completion as Anthropic's message."""
        return answer.translate(body)

    def stream(self) -> StreamTranslator:
        """Chunks as Anthropic's stream."""
        return MessageEvents()
