"""The APIs that clients may speak: path, parser and error shape of each, one line a wire."""

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
    """One API as clients speak it."""

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
