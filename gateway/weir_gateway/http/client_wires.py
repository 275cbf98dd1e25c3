"""What clients may speak: one line a wire and its parser; the rest is in weir_wires."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from weir_gateway.domain.request import Request
from weir_gateway.http.parse import (
    anthropic_messages,
    google_gemini,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
from weir_wires.error_shapes import ErrorShape
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

Parse = Callable[[bytes, Mapping[str, str]], Request]  # raises BadRequest naming the field


@dataclass(frozen=True, slots=True)
class ClientWire:
    """One API as clients speak it."""

    wire: Wire
    parse: Parse

    @property
    def path(self) -> str:
        spec = WIRES[self.wire]
        return (spec.version_path or "/v1") + spec.path

    @property
    def errors(self) -> ErrorShape:
        return WIRES[self.wire].errors


CHAT: Final = ClientWire(Wire.OPENAI_CHAT, openai_chat.parse)
COUNT_TOKENS: Final = ClientWire(Wire.ANTHROPIC_COUNT_TOKENS, anthropic_messages.parse_count)
CLIENT_WIRES: Final = (
    CHAT,
    ClientWire(Wire.OPENAI_RESPONSES, openai_responses.parse),
    ClientWire(Wire.OPENAI_COMPLETIONS, openai_completions.parse),
    ClientWire(Wire.OPENAI_EMBEDDINGS, openai_embeddings.parse),
    ClientWire(Wire.ANTHROPIC_MESSAGES, anthropic_messages.parse),
)
# Their paths say what is wanted of which model; `google.py` reads them.
GEMINI: Final = ClientWire(Wire.GOOGLE_GEMINI, google_gemini.parse_pathless)
GEMINI_COUNT: Final = ClientWire(Wire.GOOGLE_COUNT_TOKENS, google_gemini.parse_pathless)
