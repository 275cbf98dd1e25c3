"""OpenAI's embeddings as providers speak them: never streamed, only the input is counted."""

from dataclasses import replace
from typing import Final

from weir_gateway.domain.wire import Wire
from weir_gateway.wires.openai_chat import OPENAI_CHAT

OPENAI_EMBEDDINGS: Final = replace(
    OPENAI_CHAT, wire=Wire.OPENAI_EMBEDDINGS, path="/embeddings", passes=()
)
