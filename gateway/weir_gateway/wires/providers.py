"""The wires that providers may speak: one line each."""

from collections.abc import Mapping
from typing import Final

from weir_gateway.domain.wire import Wire
from weir_gateway.wires.anthropic_count_tokens import ANTHROPIC_COUNT_TOKENS
from weir_gateway.wires.anthropic_messages import ANTHROPIC_MESSAGES
from weir_gateway.wires.openai_chat import OPENAI_CHAT
from weir_gateway.wires.openai_completions import OPENAI_COMPLETIONS
from weir_gateway.wires.openai_embeddings import OPENAI_EMBEDDINGS
from weir_gateway.wires.openai_responses import OPENAI_RESPONSES
from weir_gateway.wires.provider import ProviderWire

PROVIDERS: Final[Mapping[Wire, ProviderWire]] = {
    Wire.OPENAI_CHAT: OPENAI_CHAT,
    Wire.OPENAI_RESPONSES: OPENAI_RESPONSES,
    Wire.OPENAI_COMPLETIONS: OPENAI_COMPLETIONS,
    Wire.OPENAI_EMBEDDINGS: OPENAI_EMBEDDINGS,
    Wire.ANTHROPIC_MESSAGES: ANTHROPIC_MESSAGES,
    Wire.ANTHROPIC_COUNT_TOKENS: ANTHROPIC_COUNT_TOKENS,
}
