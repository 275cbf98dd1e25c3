"""The client speaks OpenAI's legacy completions, the provider chat completions."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from weir_wires.completions_to_chat import answer
from weir_wires.completions_to_chat.fields import FIELDS
from weir_wires.completions_to_chat.request import translate
from weir_wires.translator import ResponseTranslator, StreamTranslator, TranslatedRequest

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["FIELDS", "CompletionsToChat"]


@dataclass(frozen=True, slots=True)
class CompletionsToChat:
    """See `Translator`. A completion tells when it was made, hence the clock."""

    clock: Clock = time.time

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        """The request on the chat wire; see `Translator`."""
        made = translate(body, model)
        back: ResponseTranslator = _Back(self.clock)
        return TranslatedRequest(made.body, back, made.dropped)


@dataclass(frozen=True, slots=True)
class _Back:
    """See `ResponseTranslator`."""

    clock: Clock

    def translate(self, body: bytes) -> bytes:
        """A chat completion as a legacy one."""
        return answer.translate(body, int(self.clock()))

    def stream(self) -> StreamTranslator:
        """A chat's stream as that of a legacy completion."""
        return answer.CompletionChunks(int(self.clock()))
