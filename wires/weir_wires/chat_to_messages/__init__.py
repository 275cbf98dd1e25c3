"""The client speaks OpenAI's chat completions, the provider Anthropic's messages."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from weir_wires.chat_to_messages import answer
from weir_wires.chat_to_messages.fields import FIELDS
from weir_wires.chat_to_messages.request import translate
from weir_wires.chat_to_messages.stream import ChatChunks
from weir_wires.translator import ResponseTranslator, StreamTranslator, TranslatedRequest

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["FIELDS", "ChatToMessages"]


@dataclass(frozen=True, slots=True)
class ChatToMessages:
    """See `Translator`. Answers on OpenAI's wire tell when they were made, hence the clock."""

    clock: Clock = time.time

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        """The request on Anthropic's wire; see `Translator`."""
        made = translate(body, model)
        back: ResponseTranslator = _Back(self.clock, made.usage_in_stream)
        return TranslatedRequest(made.body, back, made.dropped)


@dataclass(frozen=True, slots=True)
class _Back:
    """See `ResponseTranslator`."""

    clock: Clock
    usage_in_stream: bool

    def translate(self, body: bytes) -> bytes:
        """Anthropic's message as a chat completion."""
        return answer.translate(body, int(self.clock()))

    def stream(self) -> StreamTranslator:
        """Anthropic's stream as chunks."""
        return ChatChunks(int(self.clock()), with_usage=self.usage_in_stream)
