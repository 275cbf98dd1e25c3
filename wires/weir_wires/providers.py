"""The wires that providers may speak: one line each."""

from collections.abc import Mapping
from typing import Final

from weir_wires.anthropic_count_tokens import ANTHROPIC_COUNT_TOKENS
from weir_wires.anthropic_messages import ANTHROPIC_MESSAGES
from weir_wires.openai_chat import OPENAI_CHAT
from weir_wires.openai_completions import OPENAI_COMPLETIONS
from weir_wires.openai_embeddings import OPENAI_EMBEDDINGS
from weir_wires.openai_responses import OPENAI_RESPONSES
from weir_wires.provider import ProviderWire
from weir_wires.wire import Wire

PROVIDERS: Final[Mapping[Wire, ProviderWire]] = {
    Wire.OPENAI_CHAT: OPENAI_CHAT,
    Wire.OPENAI_RESPONSES: OPENAI_RESPONSES,
    Wire.OPENAI_COMPLETIONS: OPENAI_COMPLETIONS,
    Wire.OPENAI_EMBEDDINGS: OPENAI_EMBEDDINGS,
    Wire.ANTHROPIC_MESSAGES: ANTHROPIC_MESSAGES,
    Wire.ANTHROPIC_COUNT_TOKENS: ANTHROPIC_COUNT_TOKENS,
}
