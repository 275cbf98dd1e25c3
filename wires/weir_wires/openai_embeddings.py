"""OpenAI's embeddings as providers speak them: never streamed, only the input is counted."""

from dataclasses import replace
from typing import Final

from weir_wires.openai_chat import OPENAI_CHAT
from weir_wires.wire import Wire

OPENAI_EMBEDDINGS: Final = replace(
    OPENAI_CHAT, wire=Wire.OPENAI_EMBEDDINGS, path="/embeddings", passes=()
)
