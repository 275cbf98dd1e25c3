"""What clients may speak: one line a wire, its path, its parser and the shape of its errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from weir_gateway.domain.request import Request
from weir_gateway.http.parse import (
    anthropic_messages,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
from weir_wires.error_shapes import ANTHROPIC, OPENAI, RESPONSES, ErrorShape


@dataclass(frozen=True, slots=True)
class ClientWire:
    """One wire as clients speak it."""

    path: str
    parse: Callable[[bytes, Mapping[str, str]], Request]  # raises BadRequest naming the field
    errors: ErrorShape


CHAT: Final = ClientWire("/v1/chat/completions", openai_chat.parse, OPENAI)
MESSAGES: Final = ClientWire("/v1/messages", anthropic_messages.parse, ANTHROPIC)
COUNT_TOKENS: Final = ClientWire(
    "/v1/messages/count_tokens", anthropic_messages.parse_count, ANTHROPIC
)
CLIENT_WIRES: Final = (
    CHAT,
    ClientWire("/v1/responses", openai_responses.parse, RESPONSES),
    ClientWire("/v1/completions", openai_completions.parse, OPENAI),
    ClientWire("/v1/embeddings", openai_embeddings.parse, OPENAI),
    MESSAGES,
)
