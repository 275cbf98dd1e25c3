"""The client speaks OpenAI's Responses, the provider chat completions."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weir_wires.responses_to_chat import answer
from weir_wires.responses_to_chat.fields import FIELDS
from weir_wires.responses_to_chat.request import translate
from weir_wires.responses_to_chat.stream import ResponseEvents
from weir_wires.translator import ResponseTranslator, StreamTranslator, TranslatedRequest

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["FIELDS", "ResponsesToChat"]


@dataclass(frozen=True, slots=True)
class ResponsesToChat:
    """See `Translator`. A response tells when it was made, hence the clock.

    With `effort` every model knows `reasoning_effort`, as where another pair reads it.
    """

    clock: Clock = time.time
    effort: bool = False

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        """The request on the chat wire; see `Translator`."""
        made = translate(body, model, effort=self.effort)
        back: ResponseTranslator = _Back(self.clock, made.echo)
        return TranslatedRequest(made.body, back, made.dropped)


@dataclass(frozen=True, slots=True)
class _Back:
    """See `ResponseTranslator`."""

    clock: Clock
    echo: Mapping[str, Any]

    def translate(self, body: bytes) -> bytes:
        """A chat completion as a response."""
        return answer.translate(body, int(self.clock()), self.echo)

    def stream(self) -> StreamTranslator:
        """A chat's stream as a response's events."""
        return ResponseEvents(int(self.clock()), self.echo)
